"""The tie-out of the demo: every place that holds a number is asked, and compared with the log seen anew."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from simpul_processors import audit
from simpul_processors.audit import Check, Survey
from simpul_processors.lmdb_store import peek_positions
from simpul_processors.partial_stage import input_topics
from simpul_processors.views import VIEWS
from simpul_processors.whole_topics import read_topics
from simpul_producers.outbox import State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.connection import Connection
from simpul_schemas.figures import ViewSpec
from simpul_schemas.log import Block
from simpul_schemas.regions import NATION, Level
from simpul_schemas.topics import view_topic

VIEW = VIEWS["participation"]
FIGURE_TABLE = "partisipasi"
EVENT_TABLE = "peristiwa_partisipasi"


@dataclass(frozen=True)
class Imported:
    """What the import said: rows read, newly taken, there already, refused, refused by their first code.

    `examples` has one refused row for each code, `report` the path of all of them.
    """

    rows_read: int
    published: int
    unchanged: int
    refused: int
    refused_by_code: Mapping[str, int]
    examples: Mapping[str, Mapping[str, Any]]
    report: str | None


@dataclass(frozen=True)
class TieOut:
    """All numbers of a run, the figures as the ministry's table has them, and the equations between them."""

    imported: Imported
    published: int
    survey: Survey
    stored: int
    figures: pl.DataFrame
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        """Whether every equation does."""
        return all(check.holds for check in self.checks)

    @property
    def refused_by_code(self) -> dict[str, int]:
        """Refusals at the source and in quarantine, each under its first code."""
        total = Counter(self.imported.refused_by_code) + Counter(self.survey.quarantined_by_code)
        return dict(total.most_common())

    def document(self) -> dict[str, Any]:
        """Return it as plain data, for `--json`."""
        return {
            "rows_read": self.imported.rows_read,
            "unchanged": self.imported.unchanged,
            "published": self.published,
            "accepted": self.survey.accepted,
            "refused": self.imported.refused + self.survey.quarantined,
            "refused_at_source": self.imported.refused,
            "quarantined": self.survey.quarantined,
            "superseded": self.survey.superseded,
            "stored": self.stored,
            "tie_out": self.holds,
            "checks": [
                {"name": check.name, "left": check.left, "right": check.right, "holds": check.holds}
                | ({"difference": check.difference} if check.difference else {})
                for check in self.checks
            ],
            "refused_by_code": self.refused_by_code,
            "refusal_report": self.imported.report,
            "nation": self.nation,
            "provinces": [{"code": code, **figure} for code, figure in self.level(Level.PROVINCE).items()],
        }

    def level(self, level: Level) -> dict[str, dict[str, int]]:
        """Return the figures of one level by region code."""
        return {
            row["region"]: {name: row[name] for name in VIEW.spec.measure_names}
            for row in self.figures.filter(pl.col("level") == level.value).sort("region").iter_rows(named=True)
        }

    @property
    def nation(self) -> dict[str, int]:
        """The national figures; zeros where nothing was counted."""
        return self.level(Level.NATION).get(NATION) or dict.fromkeys(VIEW.spec.measure_names, 0)


def tie_out(connection: Connection, imported: Imported) -> TieOut:
    """Read the log once more and ask outbox, stores, view topic and database."""
    spec = VIEW.spec
    topics = input_topics(VIEW.spec)
    survey = audit.survey(VIEW, connection.registry, _read(connection, topics))
    published = audit.newest_figures(spec, connection.registry, _read(connection, [view_topic(spec.name)]))
    stored, figures = _tables(connection.settings.database.url, spec)
    sent = _sent(connection.settings.data_dir)
    positions = audit.furthest(peek_positions(folder) for folder in _stores(connection.settings.data_dir, spec))
    checks = [
        Check(
            "rows read = refused at the source + published + unchanged",
            imported.rows_read,
            imported.refused + imported.published + imported.unchanged,
        ),
        # What the outbox sent and the fold refused would be a verdict that differs between source and fold.
        audit.check_frames("published = accepted, event by event", sent, survey.events),
        Check("accepted = current + superseded", survey.accepted, len(survey.current) + survey.superseded),
        Check("records in the log = records folded", survey.records, sum(at.records for at in positions.values())),
        Check("quarantined = refused by the fold", survey.quarantined, sum(at.refused for at in positions.values())),
        Check("current = entities of the fold", len(survey.current), sum(at.current for at in positions.values())),
        audit.check_frames("current = stored in the ministry's table", survey.current, stored),
        audit.check_frames("figures recomputed = figures published", survey.figures, published),
        audit.check_frames("figures published = the ministry's table", published, figures),
    ]
    return TieOut(imported, len(sent), survey, len(stored), figures, checks)


def _read(connection: Connection, topics: Sequence[str]) -> list[Block]:
    return asyncio.run(read_topics(connection, topics))


def _sent(data_dir: Path) -> pl.DataFrame:
    with closing(SqliteOutbox(data_dir / "outbox.db")) as outbox:
        return pl.DataFrame({"event_id": list(outbox.event_ids(State.SENT))}, schema={"event_id": pl.String})


def _stores(data_dir: Path, spec: ViewSpec) -> list[Path]:
    return sorted(data_dir.glob(f"workers/*/{spec.name}.partial"))


def _tables(url: str, spec: ViewSpec) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what the ministry has: subject and event id of every stored event, and all figures."""
    names = [*audit.figure_keys(spec), *spec.measure_names]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with psycopg.connect(url) as database:
        events = database.execute(
            sql.SQL("SELECT subject, event_id FROM {}").format(sql.Identifier(EVENT_TABLE))
        ).fetchall()
        figures = database.execute(
            sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(FIGURE_TABLE))
        ).fetchall()
    kinds = {name: pl.String() if name in audit.figure_keys(spec) else pl.Int64() for name in names}
    return (
        pl.DataFrame(events, schema={"subject": pl.String, "event_id": pl.String}, orient="row"),
        audit.without_nothing(spec, pl.DataFrame(figures, schema=kinds, orient="row")),
    )

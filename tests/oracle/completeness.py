"""A log of rosters and reports, a reader of completeness, and a referee that shares no code with the stage."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

import fastavro

from simpul_processors.completeness_stage import CompletenessStage
from simpul_processors.fold import settle
from simpul_processors.testing import InMemoryStore
from simpul_schemas import rows
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.contract import event_type
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.log import Block, Partition
from simpul_schemas.periods import Period, containing
from simpul_schemas.regions import load_regions
from simpul_schemas.roster import ROSTER_SCHEMA, RosterAction, RosterEntry, example, tick_record
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import COVERAGE_TOPIC, ROSTER_TOPIC, event_topic, value_subject
from simpul_schemas.wire import frame, unframe

REPORT = event_type("report")
ROSTER = fastavro.parse_schema(json.loads(ROSTER_SCHEMA))
COVERAGE = fastavro.parse_schema(json.loads(COVERAGE_SCHEMA))
PROVINCES = load_regions().provinces()
#: A record as it lies in the log: topic, key, Avro value, append time.
Logged = tuple[str, str, bytes, int]


def at(text: str) -> int:
    """Microseconds of a moment; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def a_registry() -> InMemoryRegistry:
    registry = InMemoryRegistry()
    registry.register(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA)
    registry.register(value_subject(COVERAGE_TOPIC), COVERAGE_SCHEMA)
    for province in PROVINCES:
        registry.register(value_subject(event_topic(province, "report")), REPORT.schema)
    return registry


REGISTRY = a_registry()
IDS = {
    "roster": REGISTRY.lookup(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA),
    "report": REGISTRY.lookup(value_subject(event_topic("53", "report")), REPORT.schema),
}


def an_entry(unit: str = "u1", region: str = "53.01", **values: Any) -> RosterEntry:
    """A monthly report of incidents from January 2024 on, with seven days."""
    standard: dict[str, Any] = {
        "name": f"Badan {unit}",
        "event_type": "incident",
        "period_kind": PeriodKind.MONTH,
        "valid_from": date(2024, 1, 1),
        "valid_to": None,
        "days_allowed": 7,
    }
    return RosterEntry(unit=unit, region=region, **(standard | values))


def roster(entry: RosterEntry, moment: int, revision: int = 1, action: RosterAction = RosterAction.SUBMIT) -> Logged:
    value = rows.encode(ROSTER, entry.to_record(action, revision))
    return ROSTER_TOPIC, entry.key, frame(IDS["roster"], value), moment


def tick(moment: int) -> Logged:
    return ROSTER_TOPIC, "tick", frame(IDS["roster"], rows.encode(ROSTER, tick_record(moment))), moment


def report(unit: str, region: str, moment: int, period: str = "2024-02", revision: int = 1, **values: Any) -> Logged:
    claims = values.pop("claims", {"incident": 3})
    topic = event_topic(region[:2], "report")
    record = dict.fromkeys((field["name"] for field in REPORT.parsed_schema["fields"]), None)
    record |= {
        "event_id": f"018e0000-0000-7000-8000-{values.pop('tie', revision):012x}",
        "subject": values.pop("subject", f"laporan:{unit}:{period}"),
        "revision": revision,
        "action": "SUBMIT",
        "region": region,
        "occurred_at": moment,
        "recorded_at": moment,
        "published_at": moment,
        "source": "uji",
        "mode": "ACTUAL",
        "unit": unit,
        "period_kind": "MONTH",
        "period": period,
        "claims": [{"event_type": name, "count": count} for name, count in claims.items()],
    }
    record |= values
    return topic, record["subject"], frame(IDS["report"], rows.encode(REPORT.parsed_schema, record)), moment


def blocks(logged: Sequence[Logged], start: dict[str, int]) -> list[Block]:
    """The records as blocks, one a topic; `start` counts the offsets on."""
    found = []
    for topic, group in groupby(sorted(logged, key=lambda one: one[0]), key=lambda one: one[0]):
        mine = list(group)
        first = start.get(topic, 0)
        start[topic] = first + len(mine)
        found.append(
            Block(
                Partition(topic, 0),
                [value for _, _, value, _ in mine],
                [key.encode() for _, key, _, _ in mine],
                range(first, first + len(mine)),
                [moment for _, _, _, moment in mine],
            )
        )
    return found


class Reader:
    """What a reader of the completeness topic holds: for each place the row of the highest revision."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], dict[str, Any]] = {}

    def take(self, values: Iterable[bytes | None]) -> None:
        for value in values:
            assert value is not None
            _, body = unframe(value)
            row = rows.decode(COVERAGE, body)
            place = tuple(row[name] for name in ("event_type", "level", "region", "period_kind", "period"))
            old = self.rows.get(place)
            if old is None or row["revision"] > old["revision"]:
                self.rows[place] = row

    def row(self, region: str = "ID", kind: str = "MONTH", period: str = "2024-02", what: str = "incident") -> Any:
        level = "nation" if region == "ID" else ("province", "regency", "district")[region.count(".")]
        return self.rows[what, level, region, kind, period]

    def said(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """All rows that say something, without what only tells them apart."""
        return {
            place: {name: value for name, value in row.items() if name not in {"revision", "as_of"}}
            for place, row in self.rows.items()
            if row["expected"] or row["unexpected"]
        }


def run(
    batches: Iterable[Sequence[Logged]], store: InMemoryStore | None = None, reader: Reader | None = None
) -> tuple[Reader, InMemoryStore]:
    reader = reader or Reader()
    store = store or InMemoryStore()
    start: dict[str, int] = {}
    stage = CompletenessStage(REGISTRY)
    for batch in batches:
        if batch:
            put(stage, store, blocks(batch, start), reader)
    return reader, store


def put(stage: CompletenessStage, store: InMemoryStore, batch: Sequence[Block], reader: Reader) -> None:
    """Put one batch through, and publish what is due."""
    with store.transaction() as transaction:
        assert stage.apply(transaction, batch) == []
    with store.snapshot() as snapshot:
        due = stage.due(snapshot)
    reader.take(one.value for one in due.records)
    with store.transaction() as transaction:
        settle(transaction, due.entries)


def the_nation() -> list[Logged]:
    """514 expected for February, 3 silent, 2 late, 1 nil; the last record of the log is a tick."""
    entries = example(date(2024, 2, 1))
    logged = [roster(entry, at("2024-02-01T08:00")) for entry in entries]
    for number, entry in enumerate(entries[3:]):
        moment = at("2024-03-09T08:00") if number < 2 else at("2024-03-05T08:00")
        claims = {"incident": 0 if number == 2 else 3}
        logged.append(report(entry.unit, entry.region, moment, claims=claims))
    return [*sorted(logged, key=lambda one: one[3]), tick(at("2024-03-09T17:00"))]


def lanes(logged: Sequence[Logged]) -> dict[str, list[Logged]]:
    """The records by topic, in the order of their append times."""
    found: dict[str, list[Logged]] = {}
    for one in sorted(logged, key=lambda one: one[3]):
        found.setdefault(one[0], []).append(one)
    return found


def interleave(logged: Sequence[Logged], chance: random.Random) -> Iterator[list[Logged]]:
    """Batches in which each topic keeps its order, and nothing else is kept."""
    waiting = {topic: list(mine) for topic, mine in lanes(logged).items()}
    while any(waiting.values()):
        batch = []
        for topic in sorted(waiting):
            count = chance.choice((0, 1, 2, 5))
            batch += waiting[topic][:count]
            del waiting[topic][:count]
        yield batch


def recomputed(logged: Sequence[Logged]) -> dict[tuple[str, ...], dict[str, int]]:  # noqa: C901, PLR0912, PLR0915  # one plain recomputation, to be read from top to bottom
    """Recompute coverage the plain way: from all records at once, unit by unit and month by month."""
    now = max(moment for *_, moment in logged)
    roster_now: dict[str, Any] = {}
    subjects: dict[str, Any] = {}
    firsts: dict[tuple[Any, ...], int] = {}
    for topic, mine in lanes(logged).items():
        for _, key, value, moment in mine:
            body = unframe(value)[1]
            if topic == ROSTER_TOPIC:
                record = rows.decode(ROSTER, body)
                if record["action"] != "TICK" and record["revision"] > roster_now.get(key, {"revision": 0})["revision"]:
                    roster_now[key] = record
                continue
            record = rows.decode(REPORT.parsed_schema, body)
            subject = topic + record["subject"]
            types = {claim["event_type"]: claim["count"] for claim in record["claims"]}
            record["types"] = {"report": None} | types
            record["stands"] = record["action"] == "SUBMIT" and record["mode"] == "ACTUAL"
            for what in record["types"] if record["stands"] else ():
                first = (subject, record["unit"], record["period"], what)
                firsts[first] = min(moment, firsts.get(first, moment))
            old = subjects.get(subject)
            if old is None or (record["revision"], record["event_id"]) > (old["revision"], old["event_id"]):
                subjects[subject] = record
    found: dict[tuple[str, ...], dict[str, int]] = {}

    def add(what: str, region: str, kind: str, period: str, **counts: int) -> None:
        codes = ["ID", region[:2]] + ([region[:5]] if len(region) > 2 else []) + ([region] if len(region) > 5 else [])
        for code in codes:
            for longer_kind, longer in containing(kind, period):
                level = "nation" if code == "ID" else ("province", "regency", "district")[code.count(".")]
                sums = found.setdefault((what, level, code, longer_kind, longer), {})
                for name, count in counts.items():
                    sums[name] = sums.get(name, 0) + count

    hours = {"53": 8, "73": 8, "91": 9}
    all_periods = [("MONTH", f"2024-{month:02d}") for month in range(1, 7)]
    all_periods += [("WEEK", f"2024-W{week:02d}") for week in range(1, 30)]
    for what in ("incident", "report"):
        for unit in "abc":
            for kind, text in all_periods:
                period = Period.read(kind, text)
                last = date.fromordinal(period.next().first.toordinal() - 1)
                standing = [
                    entry
                    for entry in roster_now.values()
                    if (entry["action"], entry["unit"], entry["event_type"], entry["period_kind"])
                    == ("SUBMIT", unit, what, kind)
                    and entry["valid_from"] <= last.isoformat() < (entry["valid_to"] or "9999")
                ]
                entry = max(standing, key=lambda one: one["valid_from"], default=None)
                mine, strange = [], []
                for subject, record in subjects.items():
                    if not record["stands"] or what not in record["types"]:
                        continue
                    if (record["unit"], record["period"]) != (unit, text):
                        continue
                    inside = entry is not None and (record["region"] + ".").startswith(entry["region"] + ".")
                    first = firsts[subject, unit, text, what]
                    told = record["types"][what] is not None or not record["claims"]
                    if inside:
                        mine.append((record["revision"], record["event_id"], first, record["types"][what]))
                    elif told:
                        strange.append(record["region"])
                for region in strange:
                    add(what, region[:2], kind, text, unexpected=1)
                if entry is None:
                    continue
                zone = hours[entry["region"][:2]] * 3_600_000_000
                begins = at(f"{period.first}T00:00") - zone
                due = at(f"{period.next().first}T00:00") - zone + entry["days_allowed"] * 86_400_000_000
                if begins > now:
                    continue
                counts = {"expected": 1}
                if mine:
                    on_time = int(min(one[2] for one in mine) < due)
                    newest = max(mine, key=lambda one: one[:2])[3]
                    claimed = 1 if newest is None else newest
                    counts |= {"reported": 1, "on_time": on_time, "late": 1 - on_time}
                    counts |= {"nil": int(claimed == 0), "claimed": claimed}
                else:
                    counts["silent"] = int(now >= due)
                add(what, entry["region"], kind, text, **counts)
    return found

"""The roster: which unit is expected to report what, for which periods, and until when.

An operator keeps it as a CSV file; `simpul roster apply` appends what has changed to the topic `simpul.roster.v1`, by
the law of the bus: of the records of one key the highest revision wins. The topic also carries ticks of the clock,
which make the log go on when nobody reports.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.errors import InvalidRoster, RosterProblem
from simpul_schemas.events.report import CLAIMABLE
from simpul_schemas.periods import Period
from simpul_schemas.regions import Level, load_regions
from simpul_schemas.roster_fields import COLUMNS, FieldProblem, read_fields

#: Key of the records that only say that time has passed.
TICK_KEY = "tick"


class RosterAction(StrEnum):
    """What a record of the roster's topic says."""

    SUBMIT = "SUBMIT"
    WITHDRAW = "WITHDRAW"
    TICK = "TICK"


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One unit that is expected to report one event type, period after period.

    `unit` is as the unit's reports name it, `name` as readers see it, `region` its canonical code. `valid_to` is the
    first day on which it is no longer expected. A report is on time up to `days_allowed` calendar days after the end
    of its period, in the time zone of the region.
    """

    unit: str
    name: str
    region: str
    event_type: str
    period_kind: PeriodKind
    valid_from: date
    valid_to: date | None
    days_allowed: int

    @property
    def key(self) -> str:
        """The record key: what makes it another entry when it changes; only the unit can hold a stroke."""
        return f"{self.event_type}|{self.period_kind.value}|{self.valid_from.isoformat()}|{self.unit}"

    def expects(self, period: Period) -> bool:
        """Return whether a period of its kind is expected: the unit is there on the last day of the period.

        So a unit that closes inside a period owes nothing for it, and the one that follows owes all of it.
        """
        last = date.fromordinal(period.first.toordinal() + period.days - 1)
        return (
            period.kind is self.period_kind
            and self.valid_from <= last
            and (self.valid_to is None or last < self.valid_to)
        )

    def to_row(self) -> dict[str, str]:
        """Return the entry as a row of the CSV file."""
        return {
            "unit": self.unit,
            "name": self.name,
            "region": self.region,
            "event_type": self.event_type,
            "period_kind": self.period_kind.value,
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else "",
            "days_allowed": str(self.days_allowed),
        }

    def to_record(self, action: RosterAction, revision: int) -> dict[str, Any]:
        """Return the entry as a record of the topic."""
        row: dict[str, Any] = self.to_row()
        return row | {
            "action": action.value,
            "revision": revision,
            "valid_to": row["valid_to"] or None,
            "days_allowed": self.days_allowed,
        }


@dataclass(frozen=True, slots=True)
class Held:
    """What the topic says of a key: its newest revision, and whether that entry stands or is withdrawn."""

    revision: int
    stands: bool
    entry: RosterEntry


def tick_record(revision: int) -> dict[str, Any]:
    """Return the record of a tick; its time is the broker's append time, its revision the clock that asked for it."""
    texts = dict.fromkeys(("unit", "name", "region", "event_type", "period_kind", "valid_from"), "")
    return {"action": RosterAction.TICK.value, "revision": revision, **texts, "valid_to": None, "days_allowed": 0}


def held_of(record: Mapping[str, Any]) -> Held | None:
    """Return what a record of the topic says; None for one whose fields no roster can hold."""
    row = {name: "" if record[name] is None else str(record[name]) for name in COLUMNS}
    try:
        entry = RosterEntry(**read_fields(row))
    except FieldProblem:
        return None
    return Held(int(record["revision"]), record["action"] == RosterAction.SUBMIT, entry)


def newest(records: Iterable[Mapping[str, Any]]) -> dict[str, Held]:
    """Return for each key what its highest revision says; of equal revisions the first."""
    found: dict[str, Held] = {}
    for record in records:
        held = held_of(record) if record["action"] != RosterAction.TICK else None
        if held is not None and (held.entry.key not in found or held.revision > found[held.entry.key].revision):
            found[held.entry.key] = held
    return found


def read_roster(name: str, content: bytes) -> list[RosterEntry]:
    """Read a roster file (CSV, UTF-8, comma or semicolon), or raise `InvalidRoster` with everything that is wrong."""
    rows = _rows(name, content)
    entries: list[tuple[int, RosterEntry]] = []
    problems: list[RosterProblem] = []
    for number, row in rows:
        try:
            entries.append((number, RosterEntry(**read_fields(row))))
        except FieldProblem as problem:
            problems.append(RosterProblem(name, number, problem.field, problem.message_id, problem.message_en))
    problems += _overlaps(name, entries)
    if problems:
        raise InvalidRoster(sorted(problems, key=lambda problem: problem.row))
    return [entry for _, entry in entries]


def write_roster(entries: Iterable[RosterEntry]) -> str:
    """Write a roster file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entry.to_row() for entry in entries)
    return text.getvalue()


def changes(
    wanted: Iterable[RosterEntry], current: Mapping[str, Held], *, prune: bool, now_micros: int
) -> list[tuple[RosterAction, int, RosterEntry]]:
    """Return what must be appended for a roster to say what a file says: action, revision and entry.

    An entry that the file does not have is left alone, or withdrawn with `prune`.
    """
    by_key = {entry.key: entry for entry in wanted}
    found: list[tuple[RosterAction, int, RosterEntry]] = []
    for key, entry in by_key.items():
        held = current.get(key)
        if held is None or not held.stands or held.entry != entry:
            found.append((RosterAction.SUBMIT, _above(held, now_micros), entry))
    if prune:
        found += [
            (RosterAction.WITHDRAW, _above(held, now_micros), held.entry)
            for key, held in current.items()
            if held.stands and key not in by_key
        ]
    return found


def example(valid_from: date) -> list[RosterEntry]:
    """Return a roster of all kabupaten/kota: a monthly report of incidents, seven days after the month's end."""
    regions = load_regions()
    found = sorted(code for code in regions.codes() if (region := regions.get(code)) and region.level is Level.REGENCY)
    return [
        RosterEntry(
            f"kesbangpol:{code}",
            f"Badan Kesbangpol {regions.name(code)}",
            code,
            "incident",
            PeriodKind.MONTH,
            valid_from,
            None,
            7,
        )
        for code in found
    ]


def _above(held: Held | None, now_micros: int) -> int:
    return max(now_micros, held.revision + 1) if held else now_micros


def _rows(name: str, content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Give every row with its line number; raises `InvalidRoster` where the file is no table of the right columns."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRoster(
            [RosterProblem(name, 1, "*", "Simpan sebagai CSV UTF-8.", "Save it as CSV in UTF-8.")]
        ) from error
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", restval="")
    columns = [column.strip() for column in reader.fieldnames or ()]
    if sorted(columns) != sorted(COLUMNS):
        wanted = ",".join(COLUMNS)
        raise InvalidRoster(
            [RosterProblem(name, 1, "*", f"Judul kolom harus: {wanted}.", f"The columns must be: {wanted}.")]
        )
    reader.fieldnames = columns
    for row in reader:
        yield reader.line_num, row


def _overlaps(name: str, entries: Sequence[tuple[int, RosterEntry]]) -> Iterator[RosterProblem]:
    """Find entries that expect one report of a unit twice."""
    seen: dict[tuple[str, str, str], list[tuple[int, RosterEntry]]] = {}
    for number, entry in entries:
        for other_number, other in seen.setdefault((entry.unit, entry.event_type, entry.period_kind), []):
            if (other.valid_to is None or entry.valid_from < other.valid_to) and (
                entry.valid_to is None or other.valid_from < entry.valid_to
            ):
                yield RosterProblem(
                    name,
                    number,
                    "valid_from",
                    f"Masa berlaku bertumpuk dengan baris {other_number}; akhiri yang lama dengan valid_to.",
                    f"The validity overlaps that of row {other_number}; end the older one by valid_to.",
                )
        seen[entry.unit, entry.event_type, entry.period_kind].append((number, entry))


def _field(name: str, doc: str, kind: object = "string") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


#: The Avro schema of the roster's topic.
ROSTER_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "RosterRecord",
        "namespace": "id.go.simpul.v1",
        "doc": "Daftar pelapor. Who is expected to report, and ticks of the clock.",
        "fields": [
            _field(
                "action",
                "Tindakan. SUBMIT states an entry, WITHDRAW takes it back, TICK only says that time has passed.",
                {"type": "enum", "name": "RosterAction", "symbols": [action.value for action in RosterAction]},
            ),
            _field("revision", "Urutan perubahan. Higher is newer, per key; microseconds since the epoch.", "long"),
            _field("unit", "Unit kerja. The unit as its reports name it; empty in a tick."),
            _field("name", "Nama unit. Its name as readers see it."),
            _field("region", "Kode wilayah Kemendagri. Canonical code of its region, 1 to 3 levels."),
            _field("event_type", f"Jenis peristiwa. Expected event type: {', '.join(sorted(CLAIMABLE))}."),
            _field("period_kind", f"Jenis periode. One of {', '.join(kind.value for kind in PeriodKind)}."),
            _field("valid_from", "Berlaku sejak. First local day, 2024-01-01."),
            _field(
                "valid_to", "Berlaku sampai. First local day it is no longer expected; null = open.", ["null", "string"]
            ),
            _field("days_allowed", "Tenggat. Calendar days after the end of the period in which it is on time.", "int"),
        ],
    },
    ensure_ascii=False,
)

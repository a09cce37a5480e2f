"""What is done with the rows of a table: what changed becomes an event, what is gone is withdrawn.

For every key a note says what was last read: the digest of its cells, that of the record they became, and its subject.
Notes and cursor are written in the outbox's own transaction, together with the events. So a kill at any moment repeats
a step that changes nothing, and it never matters how often or how late a row is read.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from simpul_producers.admission import Clock, judge, taken_back, to_row
from simpul_producers.errors import SweepRefused
from simpul_producers.imports.convert import RowMapper
from simpul_producers.imports.refusals import RefusalReport, Unmappable, from_finding, from_rules
from simpul_producers.outbox import Note, Outbox, OutboxRow, next_revision
from simpul_producers.poller.cursors import read_cursor, write_cursor
from simpul_producers.poller.source import Cursor, TableRow, TableSource
from simpul_producers.poller.spec import PollSpec
from simpul_schemas.events.envelope import Action
from simpul_schemas.identity import stable_event_id
from simpul_schemas.rows import decode

_T = TypeVar("_T")

#: Why a withdrawn event was withdrawn, as it stands in the event.
GONE = "Dihapus di sistem asal. / Deleted at the source."
#: Below so many missing keys a sweep does not ask what share of the table they are.
_FEW_MISSING = 10
_DIGEST_SIZE = 16
_NOTHING = bytes(_DIGEST_SIZE)
_CURSOR, _SWEPT_AT = "cursor", "swept_at"
#: What an event is not compared by: a row that was only touched is no correction.
_BESIDE_CONTENT = frozenset({"event_id", "revision", "recorded_at", "published_at"})


@dataclass(slots=True)
class PollResult:
    """What became of the rows that were read.

    rows_read = unchanged + published + refused + withdrawn + ignored; `ignored` were deleted before they were ever
    published, or are no data by the mapping. `withdrawn` counts those that a sweep found gone too, which were not read.
    """

    rows_read: int = 0
    unchanged: int = 0
    published: int = 0
    refused: int = 0
    withdrawn: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What was last read of a key; `subject` is empty where nothing of it is published now."""

    cells: bytes
    record: bytes
    subject: str

    def write(self) -> bytes:
        return self.cells + self.record + self.subject.encode()

    @staticmethod
    def read(value: bytes | None) -> "_Known | None":
        if value is None:
            return None
        return _Known(value[:_DIGEST_SIZE], value[_DIGEST_SIZE : 2 * _DIGEST_SIZE], value[2 * _DIGEST_SIZE :].decode())


class Poller:
    """Polls one table into one outbox; one at a time per name.

    Args:
        name: Names the notes; another name reads the table anew.
        spec: What the poll file says.
        source: The table.
        mapper: The mapping, compiled for the table's columns.
        outbox: Takes events and notes.
        report: Takes the rows that are refused, under the number of their place in this run.
        clock: Microseconds since the epoch.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the outside things of a poll, each of its own kind
        self,
        name: str,
        spec: PollSpec,
        source: TableSource,
        mapper: RowMapper,
        outbox: Outbox,
        report: RefusalReport,
        clock: Clock,
    ) -> None:
        self._rows_scope, self._state_scope = f"poll:{name}", f"poll-state:{name}"
        self._spec = spec
        self._source = source
        self._mapper = mapper
        self._outbox = outbox
        self._report = report
        self._clock = clock
        self._name = name

    def poll(self, on_rows: Callable[[int], None] = lambda _rows: None) -> PollResult:
        """Read what changed since the last poll, and a stretch before that, for rows that were committed late."""
        result = PollResult()
        since = self._source.behind(self._cursor(), self._spec.overlap.rows)
        for batch in _batches(self._source.changed(since), self._spec.batch_rows):
            self._take(batch, result, batch[-1].cursor)
            on_rows(result.rows_read)
        return result

    def sweep(self, *, allow_missing: bool = False, on_rows: Callable[[int], None] = lambda _rows: None) -> PollResult:
        """Read the whole table: take what a poll has missed, and withdraw what is gone.

        Raises `SweepRefused` where more is gone than the poll file allows, and withdraws nothing then.
        """
        result = PollResult()
        seen: set[bytes] = set()
        for batch in _batches(self._source.everything(), self._spec.batch_rows):
            self._take(batch, result, None)
            seen.update(_digest(row.key) for row in batch)
            on_rows(result.rows_read)
        self._withdraw_missing(seen, result, allow_missing=allow_missing)
        return result

    def sweep_is_due(self) -> bool:
        """Return whether the poll file asks for a sweep, and the last one is long enough ago."""
        if self._spec.sweep is None:
            return False
        last = self._outbox.note(self._state_scope, _SWEPT_AT)
        return last is None or self._clock() - int(last) >= self._spec.sweep.every_seconds * 1_000_000

    def _cursor(self) -> Cursor | None:
        found = self._outbox.note(self._state_scope, _CURSOR)
        return None if found is None else read_cursor(found)

    def _withdraw_missing(self, seen: set[bytes], result: PollResult, *, allow_missing: bool) -> None:
        known = list(self._outbox.note_keys(self._rows_scope))
        missing = [
            key
            for batch in _batches((key for key in known if _digest(key) not in seen), self._spec.batch_rows)
            for key, note in self._known(batch).items()
            if note.subject
        ]
        limit = self._spec.sweep.max_missing_percent if self._spec.sweep is not None else 0.0
        if len(missing) > _FEW_MISSING and len(missing) * 100 > limit * len(known) and not allow_missing:
            raise SweepRefused(self._name, len(missing), len(known))
        for batch in _batches(missing, self._spec.batch_rows):
            step = _Step(self._outbox, self._mapper, self._clock())
            notes = []
            for key, note in self._known(batch).items():
                result.withdrawn += step.withdraw(note.subject)
                notes.append(Note(self._rows_scope, key, None))
            self._outbox.add(step.rows, step.now, notes)
        self._outbox.add([], self._clock(), [Note(self._state_scope, _SWEPT_AT, b"%d" % self._clock())])

    def _known(self, keys: Sequence[str]) -> dict[str, _Known]:
        found = self._outbox.notes(self._rows_scope, keys)
        return {key: known for key, value in found.items() if (known := _Known.read(value)) is not None}

    def _take(self, batch: Sequence[TableRow], result: PollResult, cursor: Cursor | None) -> None:
        """Take rows, what is noted of them, and the cursor behind them, in one transaction."""
        known = self._known([row.key for row in batch])
        step = _Step(self._outbox, self._mapper, self._clock())
        notes: list[Note] = []
        for row in batch:
            result.rows_read += 1
            before = known.get(row.key)
            after = self._take_row(step, row, before, result)
            if after != before:
                notes.append(Note(self._rows_scope, row.key, after.write()))
        if cursor is not None:
            notes.append(Note(self._state_scope, _CURSOR, write_cursor(cursor)))
        self._outbox.add(step.rows, step.now, notes)
        self._report.flush()

    def _take_row(self, step: "_Step", row: TableRow, before: _Known | None, result: PollResult) -> _Known:
        cells = _digest(json.dumps(list(row.cells.items()), ensure_ascii=False))
        if before is not None and before.cells == cells:
            result.unchanged += 1
            return before
        published = before.subject if before is not None else ""
        if self._is_deleted(row):
            gone = step.withdraw(published) if published else 0
            result.withdrawn += gone
            result.ignored += 1 - gone
            return _Known(cells, _NOTHING, "")
        if self._mapper.skipped(list(row.cells.values())) is not None:
            # What the mapping takes for no data says nothing, also of what stood there before.
            result.ignored += 1
            return _Known(cells, before.record if before is not None else _NOTHING, published)
        record = self._record(step, row, result)
        if record is None:
            # What was refused is not looked at again before it changes; what stood before goes on standing.
            return _Known(cells, before.record if before is not None else _NOTHING, published)
        content = _digest(self._mapper.content(record))
        if before is not None and before.record == content and published:
            result.unchanged += 1
            return _Known(cells, content, published)
        if published and published != record["subject"]:
            step.withdraw(published)
        step.submit(record)
        result.published += 1
        return _Known(cells, content, record["subject"])

    def _is_deleted(self, row: TableRow) -> bool:
        if self._spec.deleted is None:
            return False
        found, values = row.cells[self._spec.deleted.column], self._spec.deleted.values
        return bool(found) if values is None else found in values

    def _record(self, step: "_Step", row: TableRow, result: PollResult) -> dict[str, Any] | None:
        """Return the record of a row; None where it is refused, which the report says."""
        cells = list(row.cells.values())
        try:
            record = self._mapper.make(cells).record
        except Unmappable as error:
            result.refused += 1
            self._report.add(from_finding(f"{self._spec.table} {row.key}", result.rows_read, error.finding))
            return None
        record["published_at"] = step.now
        for name in self._mapper.now_fields:
            record[name] = step.now
        if not self._mapper.stamped:
            record["revision"] = step.now
        self._mapper.stamp(record)
        kind = self._mapper.event_type
        verdict = judge(kind, record, step.now)
        if kind.rules.refuses(verdict):
            broken = kind.rules.broken_rules(verdict)
            result.refused += 1
            value = self._mapper.raw(broken[0].fields, cells)
            self._report.add(from_rules(f"{self._spec.table} {row.key}", result.rows_read, broken, value))
            return None
        return record


class _Step:
    """The events of one transaction."""

    def __init__(self, outbox: Outbox, mapper: RowMapper, now: int) -> None:
        self.now = now
        self.rows: list[OutboxRow] = []
        self._outbox = outbox
        self._kind = mapper.event_type
        self._last: dict[str, OutboxRow | None] = {}

    def submit(self, record: dict[str, Any]) -> None:
        """Add an event above all earlier ones of its subject; its own revision counts where it is higher."""
        before = self._last.get(record["subject"]) or self._outbox.latest(record["subject"])
        last = self._last_revision(record["subject"])
        if record["revision"] <= last:
            record["revision"] = next_revision(last, record["revision"])
        self._add(record)
        back = taken_back(before, self.rows[-1]) if before is not None else None
        if back is not None:
            self.rows.insert(-1, back)

    def withdraw(self, subject: str) -> int:
        """Add the withdrawal of a subject's latest event and return 1; 0 where there is none."""
        latest = self._last.get(subject) or self._outbox.latest(subject)
        if latest is None:
            return 0
        record = decode(json.loads(latest.schema), latest.body)
        record |= {
            "action": Action.WITHDRAW.value,
            "revision": next_revision(self._last_revision(subject), self.now),
            "recorded_at": self.now,
            "published_at": self.now,
            "reason": GONE,
        }
        self._add(record)
        return 1

    def _last_revision(self, subject: str) -> int:
        row = self._last.get(subject)
        return row.revision if row is not None else self._outbox.last_revision(subject)

    def _add(self, record: dict[str, Any]) -> None:
        revision = record["revision"]
        content = {name: value for name, value in record.items() if name not in _BESIDE_CONTENT}
        record["event_id"] = stable_event_id(
            revision, record["source"], self._kind.name, record["subject"], str(revision), _canonical(content)
        )
        row = to_row(self._kind, record)
        self.rows.append(row)
        self._last[record["subject"]] = row


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_SIZE).digest()


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

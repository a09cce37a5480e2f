"""The poller: what the outbox says of a table is what the table holds, whatever happened to rows, order and process."""

import contextlib
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simpul_producers.errors import SweepRefused
from simpul_producers.imports.convert import compile_mapping
from simpul_producers.imports.mapping import parse_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.outbox import Note, OutboxRow
from simpul_producers.poller.poll import Poller, PollResult
from simpul_producers.poller.spec import DatabaseSpec, DeletedSpec, OverlapSpec, PollSpec, SweepSpec
from simpul_producers.testing import InMemoryOutbox, InMemoryTable
from simpul_schemas.contract import event_type
from simpul_schemas.rows import decode

COLUMNS = ["id", "tps", "diubah", "hadir", "dihapus"]
MAPPING = """
event_type: participation
times:
  updated: {column: diubah, format: '%Y-%m-%d %H:%M:%S', timezone: Asia/Jakarta}
fields:
  subject: {template: 'tps:{tps}'}
  revision: {time: updated}
  region: {constant: '17.01.01'}
  occurred_at: {time: updated}
  recorded_at: {time: updated}
  source: {constant: aplikasi.17}
  election: {constant: pilkada-2024}
  station: {column: tps}
  registered: {constant: 300}
  turned_out: {column: hadir}
"""
NOW = 1_732_000_000_000_000


class Crash(Exception):
    """The process dies here."""


class Flaky(InMemoryOutbox):
    """Dies before or after a transaction when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.crash: str | None = None

    def add(self, rows: Any, taken_at: int, notes: Any = ()) -> int:
        if self.crash == "before":
            self.crash = None
            raise Crash
        found = super().add(rows, taken_at, notes)
        if self.crash == "after":
            self.crash = None
            raise Crash
        return found


def moment(second: int) -> str:
    return f"2024-05-17 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def spec(**changes: object) -> PollSpec:
    made = PollSpec(
        mapping="x",
        database=DatabaseSpec(url_variable="X"),
        table="tps",
        key=("id",),
        cursor="diubah",
        overlap=OverlapSpec(rows=2),
        deleted=DeletedSpec(column="dihapus"),
        sweep=SweepSpec(every_seconds=60.0, max_missing_percent=100.0),
        batch_rows=3,
    )
    return made.model_copy(update=changes)


class Bench:
    """A table, an outbox and a poller between them."""

    def __init__(self, outbox: InMemoryOutbox | None = None, **changes: object) -> None:
        self.table = InMemoryTable(COLUMNS, ["id"], "diubah")
        self.outbox = outbox or InMemoryOutbox()
        self.report = RefusalReport(None)
        self.now = NOW
        mapper = compile_mapping(
            parse_mapping(MAPPING, "x.yaml"), event_type("participation"), COLUMNS, "x.yaml", "tps"
        )
        self.poller = Poller("tps", spec(**changes), self.table, mapper, self.outbox, self.report, lambda: self.now)

    def put(self, number: int, second: int, turned_out: str, deleted: str = "", station: str | None = None) -> None:
        self.drop(number)
        cells = [str(number), station or f"{number:03d}", moment(second), turned_out, deleted]
        self.table.rows.append(dict(zip(COLUMNS, cells, strict=True)))

    def drop(self, number: int) -> None:
        self.table.rows = [row for row in self.table.rows if row["id"] != str(number)]

    def events(self) -> list[OutboxRow]:
        return [pending.row for pending in self.outbox.pending(10_000)]

    def said(self) -> dict[str, int]:
        """What a reader of the log holds: the count of every subject whose highest revision is no withdrawal."""
        newest: dict[str, tuple[tuple[int, str], dict[str, Any]]] = {}
        for row in self.events():
            order = (row.revision, row.event_id)
            if row.subject not in newest or order > newest[row.subject][0]:
                newest[row.subject] = order, decode(json.loads(row.schema), row.body)
        return {
            subject: record["turned_out"] for subject, (_, record) in newest.items() if record["action"] == "SUBMIT"
        }

    def there(self) -> dict[str, int]:
        return {f"tps:{row['tps']}": int(row["hadir"]) for row in self.table.rows if not row["dihapus"]}


def counted(result: PollResult) -> dict[str, int]:
    return {name: value for name, value in asdict(result).items() if value}


def test_a_new_row_is_an_event_and_read_again_it_is_nothing() -> None:
    bench = Bench()
    bench.put(1, 10, "200")
    assert counted(bench.poller.poll()) == {"rows_read": 1, "published": 1}
    assert counted(bench.poller.poll()) == {"rows_read": 1, "unchanged": 1}
    assert bench.said() == {"tps:001": 200}


def test_a_changed_row_is_a_correction_also_when_its_time_went_back_or_stood_still() -> None:
    bench = Bench()
    for second, count in [(10, "200"), (20, "210"), (20, "211"), (5, "212")]:
        bench.put(1, second, count)
        assert bench.poller.sweep().published == 1
        assert bench.said() == {"tps:001": int(count)}


def test_a_row_that_was_only_touched_is_no_correction() -> None:
    bench = Bench(deleted=None)
    bench.put(1, 10, "200")
    bench.poller.poll()
    bench.put(1, 10, "200", "catatan lain")
    assert counted(bench.poller.poll()) == {"rows_read": 1, "unchanged": 1}


def test_rows_that_were_committed_late_are_found_within_the_overlap_at_once_and_behind_it_by_a_sweep() -> None:
    bench = Bench()
    for number in range(10):
        bench.put(number, number * 10, "100")
    bench.poller.poll()
    bench.put(98, 85, "150")
    bench.put(99, 15, "150")
    bench.poller.poll()
    assert set(bench.there()) - set(bench.said()) == {"tps:099"}
    bench.poller.sweep()
    assert bench.said() == bench.there()


def test_a_tombstone_withdraws_and_one_that_was_never_published_is_ignored() -> None:
    bench = Bench()
    bench.put(1, 10, "200")
    bench.poller.poll()
    bench.put(1, 20, "200", "2024-05-17")
    bench.put(2, 20, "100", "2024-05-17")
    assert counted(bench.poller.poll()) == {"rows_read": 2, "withdrawn": 1, "ignored": 1}
    assert bench.said() == {}
    bench.put(1, 30, "201")
    bench.poller.poll()
    assert bench.said() == {"tps:001": 201}


def test_a_row_that_is_gone_is_withdrawn_by_a_sweep_and_comes_back_when_it_is_back() -> None:
    bench = Bench(deleted=None)
    bench.put(1, 10, "200")
    bench.put(2, 10, "100")
    bench.poller.poll()
    bench.drop(1)
    assert counted(bench.poller.sweep()) == {"rows_read": 1, "unchanged": 1, "withdrawn": 1}
    assert bench.said() == {"tps:002": 100}
    bench.put(1, 10, "200")
    bench.poller.poll()
    assert bench.said() == bench.there()


def test_a_row_that_gets_another_subject_withdraws_the_old_one() -> None:
    bench = Bench()
    bench.put(1, 10, "200")
    bench.poller.poll()
    bench.put(1, 20, "200", station="777")
    bench.poller.poll()
    assert bench.said() == {"tps:777": 200}


def test_an_emptied_table_withdraws_nothing_unless_that_is_allowed() -> None:
    bench = Bench(sweep=SweepSpec(every_seconds=60.0, max_missing_percent=5.0))
    for number in range(40):
        bench.put(number, 10, "100")
    bench.poller.poll()
    bench.table.rows = bench.table.rows[:20]
    with pytest.raises(SweepRefused, match="20 of 40"):
        bench.poller.sweep()
    assert len(bench.said()) == 40
    assert bench.poller.sweep(allow_missing=True).withdrawn == 20
    assert bench.said() == bench.there()


def test_a_refused_row_is_told_once_and_leaves_what_stood_before() -> None:
    bench = Bench()
    bench.put(1, 10, "200")
    bench.poller.poll()
    bench.put(1, 20, "banyak")
    assert bench.poller.poll().refused == 1
    assert bench.poller.poll().refused == 0
    assert bench.report.by_code == {"import.not_a_number": 1}
    assert bench.said() == {"tps:001": 200}
    bench.put(1, 30, "900")
    assert bench.poller.poll().refused == 1
    assert bench.said() == {"tps:001": 200}


def test_a_sweep_is_due_after_its_time_and_not_before() -> None:
    bench = Bench()
    assert bench.poller.sweep_is_due()
    bench.poller.sweep()
    assert not bench.poller.sweep_is_due()
    bench.now += 60_000_000
    assert bench.poller.sweep_is_due()
    assert not Bench(sweep=None).poller.sweep_is_due()


def test_the_notes_of_two_polls_do_not_meet() -> None:
    outbox = InMemoryOutbox()
    outbox.add([], 1, [Note("poll:lain", '["1"]', b"x" * 40)])
    bench = Bench(outbox)
    bench.put(1, 10, "200")
    assert bench.poller.poll().published == 1
    assert outbox.note("poll:lain", '["1"]') == b"x" * 40


class AnyHistory(RuleBasedStateMachine):
    """Rows come, change, go, come late; the process dies between any two steps; at the end a sweep tells the truth."""

    @initialize()
    def start(self) -> None:
        self.outbox = Flaky()
        self.bench = Bench(self.outbox)
        self.second = 10

    @rule(number=st.integers(0, 5), count=st.integers(0, 300), late=st.integers(0, 9))
    def write(self, number: int, count: int, late: int) -> None:
        self.second += 1
        self.bench.put(number, self.second - late, str(count))

    @rule(number=st.integers(0, 5))
    def mark_deleted(self, number: int) -> None:
        self.second += 1
        if any(row["id"] == str(number) for row in self.bench.table.rows):
            self.bench.put(number, self.second, "1", "ya")

    @rule(number=st.integers(0, 5))
    def delete(self, number: int) -> None:
        self.bench.drop(number)

    @rule(crash=st.sampled_from([None, "before", "after"]), jump=st.integers(-7200, 7200))
    def poll(self, crash: str | None, jump: int) -> None:
        self.outbox.crash = crash
        self.bench.now = NOW + jump * 1_000_000
        with contextlib.suppress(Crash):
            self.bench.poller.poll()
        self.outbox.crash = None

    @rule(crash=st.sampled_from([None, "before", "after"]))
    def sweep(self, crash: str | None) -> None:
        self.outbox.crash = crash
        with contextlib.suppress(Crash):
            self.bench.poller.sweep()
        self.outbox.crash = None

    @invariant()
    def no_revision_is_given_twice(self) -> None:
        if hasattr(self, "bench"):
            given = [(row.subject, row.revision) for row in self.bench.events()]
            assert len(given) == len(set(given))

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.poller.sweep()
            assert self.bench.said() == self.bench.there()
            before = len(self.bench.events())
            self.bench.poller.poll()
            self.bench.poller.sweep()
            assert len(self.bench.events()) == before


AnyHistory.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None)
test_any_history_of_a_table_ends_in_what_the_table_holds = AnyHistory.TestCase

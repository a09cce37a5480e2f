"""What only the file can show: kills, a full disk, a torn file, several processes."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest

from simpul_producers import sqlite_layout
from simpul_producers.errors import (
    DiskFull,
    OutboxBusy,
    OutboxDamaged,
    OutboxError,
    OutboxFull,
    OutboxNotWritable,
    SenderRunning,
)
from simpul_producers.outbox import Counts, HandedOver, Keep, OutboxRow, Settlement, State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.sqlite_upkeep import Limits

KILLS = 6

PUBLISH_FOREVER = textwrap.dedent("""
    import sys, time
    from datetime import UTC, datetime
    from pathlib import Path
    from simpul_producers.publisher import Draft, Publisher
    from simpul_producers.sqlite_outbox import SqliteOutbox

    publisher = Publisher(SqliteOutbox(Path(sys.argv[1])), "sitimdu.13", lambda: time.time_ns() // 1000)
    while True:
        answer = publisher.publish(Draft("participation", "tps:1", "17.01.01", datetime.now(UTC), {"election": "x"}))
        print(answer.event_id, answer.revision, flush=True)
""")

HOLD_SENDER_LOCK = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from simpul_producers.sqlite_outbox import SqliteOutbox

    with SqliteOutbox(Path(sys.argv[1])).sender_lock():
        print("held", flush=True)
        time.sleep(60)
""")


def row(event_id: str, body: bytes = b"body") -> OutboxRow:
    return OutboxRow(
        event_id, "participation", "tps:1", 1, "simpul.17.participation.v1", "sirekap.kpu", 5, '"schema"', body
    )


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> str:
    os.kill(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    return output


def test_kill_9_loses_no_acknowledged_event_and_no_revision_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    acknowledged: list[tuple[str, int]] = []
    for kill_number in range(KILLS):
        process = start(PUBLISH_FOREVER, path)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5 + 7 * kill_number)]
        lines += kill(process).splitlines(keepends=True)
        # The last line may be cut off by the kill itself.
        whole = [line.split() for line in lines if line.endswith("\n")]
        acknowledged += [(event_id, int(revision)) for event_id, revision in whole]
    outbox = SqliteOutbox(path)
    taken = [waiting.row for waiting in outbox.pending(1_000_000)]
    outbox.close()
    assert {event_id for event_id, _ in acknowledged} <= {row.event_id for row in taken}
    assert len(acknowledged) > KILLS * 5
    revisions = [revision for _, revision in acknowledged]
    assert revisions == sorted(set(revisions))
    assert [row.revision for row in taken] == sorted({row.revision for row in taken})


def test_a_killed_sender_frees_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    process = start(HOLD_SENDER_LOCK, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    outbox = SqliteOutbox(path)
    with pytest.raises(SenderRunning), outbox.sender_lock():
        pass
    kill(process)
    with outbox.sender_lock():
        pass
    outbox.close()


def test_events_can_be_taken_while_another_process_sends(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    process = start(HOLD_SENDER_LOCK, path)
    assert process.stdout is not None
    process.stdout.readline()
    outbox = SqliteOutbox(path)
    assert outbox.add([row("a")], 1) == 1
    outbox.close()
    kill(process)


def test_a_full_disk_is_said_and_leaves_older_events_intact(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    outbox.add([row("a")], 1)
    (pages,) = outbox._connection.execute("PRAGMA page_count").fetchone()
    outbox._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFull, match="disk is full"):
        outbox.add([row("b"), row("c", bytes(100_000))], 2)
    assert list(outbox.event_ids(State.PENDING)) == ["a"]
    outbox._connection.execute("PRAGMA max_page_count = 100000")
    assert outbox.add([row("b"), row("c", bytes(100_000))], 2) == 2
    outbox.close()


def test_a_file_that_is_no_outbox_is_said(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"this is a letter, not a database. " * 100)
    with pytest.raises(OutboxDamaged):
        SqliteOutbox(path)


def test_an_outbox_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    SqliteOutbox(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutboxDamaged, match="too old"):
        SqliteOutbox(path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutboxNotWritable):
        SqliteOutbox(tmp_path / "file" / "outbox.db")


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()
    with pytest.raises(OutboxNotWritable):
        SqliteOutbox(tmp_path / "outbox.db")


def test_an_outbox_that_another_process_holds_too_long_is_busy(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    outbox._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxBusy):
        outbox.add([row("a")], 1)
    other.execute("ROLLBACK")
    assert outbox.add([row("a")], 1) == 1
    other.close()
    outbox.close()


def test_a_closed_outbox_says_so_as_one_of_our_errors(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError):
        outbox.counts()


def test_who_opens_a_new_file_waits_for_another_that_is_just_making_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # SQLite answers a switch to WAL against this lock at once, whatever the timeout.
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ("ROLLBACK",))
    release.start()
    SqliteOutbox(path).close()
    release.join()
    other.close()


def test_many_threads_and_connections_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    failures: list[BaseException] = []

    def publish(worker: int) -> None:
        try:
            outbox = SqliteOutbox(path)
            for number in range(20):
                outbox.add([row(f"{worker}-{number}")], 1)
                outbox.reserve_revisions(["tps:1"], 5)
            outbox.close()
        except BaseException as error:  # noqa: BLE001  # whatever goes wrong in a thread must reach the test
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox = SqliteOutbox(path)
    assert failures == []
    assert outbox.counts().pending == 80
    assert outbox.last_revision("tps:1") == 84
    outbox.close()


def receipted(outbox: SqliteOutbox, now: int) -> None:
    """Have all that waits sent, and receipted as accepted."""
    waiting = outbox.pending(100_000)
    handed = [HandedOver(each.seq, 1, b"%032d" % each.seq) for each in waiting]
    outbox.mark_sent([each.seq for each in waiting], now, handed=handed)
    leaves = frozenset(each.leaf for each in handed)
    told = Settlement(waiting[0].row.topic, 0, 0, 10**6, b"", True, leaves, frozenset(), {}, {})
    outbox.settle([told], "log", 1, now)


def test_too_many_waiting_events_are_refused_and_those_taken_before_stay(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db", Limits(max_waiting=3))
    outbox.add([row("a"), row("b")], 1)
    with pytest.raises(OutboxFull, match="max_waiting_events"):
        outbox.add([row("c"), row("d")], 2)
    assert list(outbox.event_ids(State.PENDING)) == ["a", "b"]
    outbox.mark_sent([1], 3)
    assert outbox.add([row("c"), row("d")], 4) == 2
    outbox.close()


def test_too_many_bytes_are_refused_and_pruning_makes_room(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db", Limits(max_bytes=400_000))

    def fill() -> None:
        for number in range(1_000):
            outbox.add([row(f"e{number}", bytes(10_000))], 1)

    with pytest.raises(OutboxFull, match="max_bytes"):
        fill()
    taken = outbox.counts().pending
    assert 20 < taken < 60
    receipted(outbox, 10)
    while outbox.prune(10**6, Keep(1, 1), 10):
        pass
    assert outbox.add([row("after", bytes(10_000))], 20) == 1
    outbox.close()


def test_a_disk_that_must_keep_some_room_is_left_alone(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db", Limits(min_free_bytes=1 << 60))
    with pytest.raises(DiskFull, match="min_free_disk_bytes"):
        outbox.add([row("a")], 1)
    outbox.close()


def test_pruning_gives_room_back_to_the_disk_in_small_steps(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    outbox.add([row(f"e{number}", bytes(5_000)) for number in range(400)], 1)
    receipted(outbox, 10)
    before = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    while outbox.prune(10**6, Keep(1, 1), 100):
        pass
    assert outbox._connection.execute("PRAGMA page_count").fetchone()[0] < before / 2
    assert outbox._connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)
    outbox.close()


def test_an_outbox_of_the_first_version_keeps_its_events_and_counts(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    old.executescript(sqlite_layout._VERSION_1 + "; PRAGMA user_version = 1")
    old.execute("INSERT INTO schemas VALUES (1, '\"schema\"')")
    insert = (
        "INSERT INTO events (event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body, "
        "state, taken_at) VALUES (?, 'participation', 'tps:1', 1, 'simpul.17.participation.v1', 'sirekap.kpu', 5, 1, "
        "x'01', ?, 1)"
    )
    old.executemany(insert, [("a", 0), ("b", 1), ("c", 1), ("d", 2)])
    old.close()
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    assert outbox.counts() == Counts(published=2, pending=1, refused_by_broker=1)
    assert [waiting.row for waiting in outbox.pending(9)] == [row("a", b"\x01")]
    outbox.close()


def copy(path: Path, to: Path) -> None:
    """Make a backup as SQLite does it, with what is in the write-ahead log."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def restore(backup: Path, path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, path)


def test_an_outbox_put_back_from_a_backup_is_a_new_incarnation_and_reuses_no_revision(tmp_path: Path) -> None:
    path, backup = tmp_path / "outbox.db", tmp_path / "backup.db"
    outbox = SqliteOutbox(path)
    outbox.reserve_revisions(["tps:1"], 1_000)
    copy(path, backup)
    handed_out = [outbox.reserve_revisions(["tps:1"], 50_000_000 * step)[0] for step in range(1, 5)]
    outbox.close()
    restore(backup, path)
    again = SqliteOutbox(path)
    assert (again.mark.outbox, again.mark.incarnation) == (outbox.mark.outbox, 2)
    # The clock was put back with it.
    new = [again.reserve_revisions([subject], 2_000)[0] for subject in ("tps:1", "tps:2", "tps:1")]
    assert min(new) > max(handed_out)
    again.close()
    third = SqliteOutbox(path)
    assert third.mark.incarnation == 2
    third.close()


def test_closing_opening_and_sharing_an_outbox_is_no_new_incarnation(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    first, second = SqliteOutbox(path), SqliteOutbox(path)
    for step in range(1, 5):
        assert first.reserve_revisions(["tps:1"], 50_000_000 * step) == [50_000_000 * step]
        assert second.reserve_revisions(["tps:1"], 50_000_000 * step) == [50_000_000 * step + 1]
    first.close()
    second.close()
    third = SqliteOutbox(path)
    assert third.mark.incarnation == 1
    assert third.reserve_revisions(["tps:1"], 7) == [200_000_002]
    third.close()


def test_a_kill_between_outbox_and_mark_is_no_new_incarnation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox.db"
    outbox = SqliteOutbox(path)
    with monkeypatch.context() as patch:
        patch.setattr("simpul_producers.outbox_mark.write_mark", lambda path, mark: None)
        outbox.reserve_revisions(["tps:1"], 10**9)
    outbox.close()
    again = SqliteOutbox(path)
    assert again.mark.incarnation == 1
    again.close()


def test_a_mark_that_was_lost_or_belongs_to_another_outbox_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    SqliteOutbox(path).close()
    mark = path.with_name("outbox.db.mark")
    mark.write_text("torn")
    SqliteOutbox(path).close()
    mark.write_text('{"outbox": "another", "incarnation": 9, "tick": 999, "bound": 10}')
    again = SqliteOutbox(path)
    assert again.mark.incarnation == 1
    again.close()


def test_a_torn_end_of_the_log_loses_only_what_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = SqliteOutbox(path)
    for name in "abc":
        outbox.add([row(name)], 1)
    # As a power cut leaves it: the files as they are, the last page of the log half written.
    torn = tmp_path / "torn"
    torn.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(path.name + suffix), torn)
    log = torn / "outbox.db-wal"
    log.write_bytes(log.read_bytes()[:-2_000])
    outbox.close()
    again = SqliteOutbox(torn / "outbox.db")
    assert list(again.event_ids(State.PENDING)) == ["a", "b"]
    assert again.add([row("c"), row("d")], 2) == 2
    again.close()


def test_a_flipped_page_is_said_and_nothing_is_sent_from_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = SqliteOutbox(path)
    outbox.add([row(f"e{number}", bytes(2_000)) for number in range(50)], 1)
    outbox.close()
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(OutboxDamaged):
        SqliteOutbox(path).pending(10)

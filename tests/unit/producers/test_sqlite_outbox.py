"""What only the file can show: kills, a full disk, a torn file, several processes."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from simpul_producers.errors import (
    DiskFull,
    OutboxBusy,
    OutboxDamaged,
    OutboxError,
    OutboxNotWritable,
    SenderRunning,
)
from simpul_producers.outbox import OutboxRow, State
from simpul_producers.sqlite_outbox import SqliteOutbox

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

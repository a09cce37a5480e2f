"""The mark beside an outbox: how a file that was put back from a backup is told from one that was only closed.

Revisions are used out of blocks: before one is handed out above the last block, a new block of ten seconds is reserved
in the outbox file, the file's tick rises, and then both are written into a small file beside it, the mark. Opening
raises the tick as well. A file whose tick is behind that of its mark is an older copy of itself: it becomes a new
incarnation, and hands out revisions only above the last block of its mark, which no earlier one can lie above.

What this cannot see: a file put back without its mark, or together with it; a copy that was made and put back within
ten seconds. Then only the clock keeps revisions rising, as it does everywhere else: what was handed out after the copy
was made lies below it, unless the clock was put back too. Revisions given by hand are the caller's.
"""

import json
import os
import sqlite3
import tempfile
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

#: Microseconds of revisions that are reserved at a time.
BLOCK = 10_000_000
_HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What both files say: which outbox, which incarnation, how often a block was reserved, up to where."""

    outbox: str
    incarnation: int
    tick: int
    bound: int


def open_identity(connection: sqlite3.Connection, path: Path) -> Mark:
    """Compare an outbox with its mark and return who it is from now on; writes both files."""
    run = connection.execute
    run("BEGIN IMMEDIATE")
    try:
        found = run("SELECT outbox, incarnation, tick, bound, floor FROM identity").fetchone()
        mine = Mark(*found[:4]) if found else Mark(uuid.uuid4().hex, 1, 0, 0)
        beside = read_mark(path)
        floor, bound = (found[4] if found else 0), mine.bound
        incarnation, tick = mine.incarnation, mine.tick
        if beside is not None and beside.outbox == mine.outbox and beside.tick > mine.tick:
            incarnation = max(incarnation, beside.incarnation) + 1
            tick = beside.tick
            floor = bound = max(bound, beside.bound)
        now = Mark(mine.outbox, incarnation, tick + 1, bound)
        run(
            "INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, ?, ?)",
            (now.outbox, now.incarnation, now.tick, floor, now.bound),
        )
        run("COMMIT")
    except BaseException:
        if connection.in_transaction:
            run("ROLLBACK")
        raise
    write_mark(path, now)
    return now


def reserve_block(connection: sqlite3.Connection, revision: int) -> Mark | None:
    """Reserve a block, within the caller's transaction, where a revision lies above the last one.

    Returns what is to be written into the mark once that transaction has been committed.
    """
    outbox, incarnation, tick, bound = connection.execute(
        "SELECT outbox, incarnation, tick, bound FROM identity"
    ).fetchone()
    if revision <= bound:
        return None
    mark = Mark(outbox, incarnation, tick + 1, min(revision + BLOCK, _HIGHEST))
    connection.execute("UPDATE identity SET tick = ?, bound = ?", (mark.tick, mark.bound))
    return mark


def read_mark(path: Path) -> Mark | None:
    """Read the mark of an outbox; None where there is none that can be read."""
    try:
        document = json.loads(_beside(path).read_text(encoding="utf-8"))
        return Mark(str(document["outbox"]), *(int(document[name]) for name in ("incarnation", "tick", "bound")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(path: Path, mark: Mark) -> None:
    """Replace the mark as a whole; one that says more already, since another process was quicker, stays."""
    there = read_mark(path)
    if there is not None and there.outbox == mark.outbox and there.tick >= mark.tick:
        return
    beside = _beside(path)
    handle, name = tempfile.mkstemp(dir=beside.parent, prefix=f"{beside.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(mark), file)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(beside)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".mark")

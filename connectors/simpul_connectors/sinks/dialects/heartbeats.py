"""The signs of life of sinks in the target database, and the requests to restart them.

A table of its own: a batch holds the row of its sink locked until it is stored, and a heart beats also meanwhile. All
times are the database's own clock, so a copy's clock that is wrong makes nobody look alive or dead.
"""

from simpul_connectors.errors import TargetRefused
from simpul_connectors.sinks.dialects.dialect import Cursor, Dialect, fill
from simpul_connectors.sinks.table import Table
from simpul_connectors.sinks.target import (
    HEARTBEAT_TABLE,
    WORDS_LENGTH,
    WORKER_LENGTH,
    Heartbeat,
    Sign,
    State,
    fitting,
)

_COLUMNS = (
    *("sink", "generation", "state", "words", "worker", "interval_micros", "beat_at", "since"),
    *("error", "error_at", "restart", "restarted"),
)


def table_of_heartbeats(dialect: Dialect) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """Return the table's name with its columns by their types, and its key."""
    text, number = dialect.own_text, dialect.bigint
    texts = {"sink": text(63), "state": text(20), "words": text(WORDS_LENGTH), "worker": text(WORKER_LENGTH)}
    texts["error"] = text(WORDS_LENGTH)
    return {HEARTBEAT_TABLE: ({name: texts.get(name, number) for name in _COLUMNS}, ("sink",))}


class Heartbeats:
    """The row of one sink; every method is one part of a transaction."""

    def __init__(self, dialect: Dialect, sink: str, table: Table) -> None:
        self._dialect = dialect
        self._sink = sink
        self._path = (*table.path[:-1], HEARTBEAT_TABLE)

    def _fill(self, template: str, marks: int) -> str:
        dialect = self._dialect
        quoted = {name: dialect.quote(name) for name in _COLUMNS}
        numbered = {f"m{number}": dialect.mark(number) for number in range(1, marks + 1)}
        return fill(template, table=dialect.path(*self._path), now=dialect.now(), **quoted, **numbered)

    def sign(self, cursor: Cursor, sign: Sign) -> Heartbeat:
        """Write a sign down, unless a newer copy has given one."""
        sign = fitting(sign)
        if self._read(cursor) is None:
            self._enter(cursor)
        # The time of the state comes before the state: MariaDB sees what stands further left already.
        cursor.execute(
            self._fill(
                "UPDATE {table} SET {since} = CASE WHEN {state} = {m1} AND {since} > 0 THEN {since} ELSE {now} END, "
                "{state} = {m2}, {words} = {m3}, {worker} = {m4}, {interval_micros} = {m5}, {beat_at} = {now}, "
                "{generation} = {m6}, {restarted} = CASE WHEN {m7} = 1 THEN {restart} ELSE {restarted} END "
                "WHERE {sink} = {m8} AND {generation} <= {m9}",
                9,
            ),
            [
                sign.state.value,
                sign.state.value,
                sign.words or " ",
                sign.worker or " ",
                max(1, round(sign.interval_seconds * 1e6)),
                sign.generation,
                int(sign.first),
                self._sink,
                sign.generation,
            ],
        )
        if sign.error:
            cursor.execute(
                self._fill(
                    "UPDATE {table} SET {error} = {m1}, {error_at} = {now} WHERE {sink} = {m2} AND {generation} = {m3}",
                    3,
                ),
                [sign.error, self._sink, sign.generation],
            )
        found = self._read(cursor)
        assert found is not None  # noqa: S101  # it was entered above, and nobody deletes it
        return found

    def _enter(self, cursor: Cursor) -> None:
        cursor.execute(
            self._fill(
                "INSERT INTO {table} ({sink}, {generation}, {state}, {words}, {worker}, {interval_micros}, {beat_at}, "
                "{since}, {error}, {error_at}, {restart}, {restarted}) "
                "VALUES ({m1}, 0, {m2}, {m3}, {m4}, 1, 0, 0, {m5}, 0, 0, 0)",
                5,
            ),
            # A blank, not nothing: to Oracle an empty text is null.
            [self._sink, State.NEW.value, " ", " ", " "],
        )

    def read(self, cursor: Cursor) -> Heartbeat | None:
        """Return the last sign; None where there was none, or nothing was prepared."""
        return self._read(cursor) if self._is_there(cursor) else None

    def _is_there(self, cursor: Cursor) -> bool:
        return bool(self._dialect.found(cursor, self._path).columns)

    def _read(self, cursor: Cursor) -> Heartbeat | None:
        cursor.execute(
            self._fill(
                "SELECT {generation}, {state}, {words}, {worker}, {interval_micros}, {beat_at}, {since}, {error}, "
                "{error_at}, {restart}, {restarted}, {now} FROM {table} WHERE {sink} = {m1}",
                1,
            ),
            [self._sink],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        generation, state, words, worker, interval, beat_at, since, error, error_at, restart, restarted, now = row
        return Heartbeat(
            generation=int(generation),
            state=State(state),
            words=words.strip(),
            worker=worker.strip(),
            interval_seconds=int(interval) / 1e6,
            beat_at=int(beat_at),
            since=int(since),
            error=error.strip(),
            error_at=int(error_at),
            restart=int(restart),
            restarted=int(restarted),
            now=int(now),
        )

    def ask_restart(self, cursor: Cursor) -> int:
        """Count one more request to restart."""
        if self._is_there(cursor):
            cursor.execute(
                self._fill("UPDATE {table} SET {restart} = {restart} + 1 WHERE {sink} = {m1}", 1), [self._sink]
            )
            found = self._read(cursor)
            if found is not None:
                return found.restart
        raise TargetRefused(
            "no heartbeat of the sink",
            f"Sink '{self._sink}' belum pernah berjalan; mulai dengan 'simpul sink run'.",
            f"Sink '{self._sink}' has never run; start it by 'simpul sink run'.",
        )

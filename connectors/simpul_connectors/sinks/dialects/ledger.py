"""The sinks' own tables in the target database: the row of a sink, its offsets, and withdrawn subjects without a row.

All statements are those that every SQL database knows; names are quoted, values bound.
"""

from collections.abc import Mapping, Sequence

from simpul_connectors.errors import TargetRefused
from simpul_connectors.sinks.dialects.dialect import Cursor, Dialect, Standstill, fill
from simpul_connectors.sinks.dialects.heartbeats import table_of_heartbeats
from simpul_connectors.sinks.plan import Found, Step
from simpul_connectors.sinks.table import Table, Withdraw
from simpul_connectors.sinks.target import (
    OFFSET_TABLE,
    SINK_TABLE,
    WITHDRAWN_TABLE,
    Control,
    Move,
    Position,
    State,
)
from simpul_schemas.log import Partition
from simpul_schemas.rules import Text

_WORDS_LENGTH = 500
_COLUMNS = (
    *("sink", "topic", "partition", "next_offset", "records", "refused"),
    *("generation", "paused", "beat", "beat_at", "state", "words", "cluster"),
    *("subject", "revision", "event_id"),
)


class Ledger:
    """What a sink keeps for itself in the database that it fills; every method is one part of a transaction."""

    def __init__(self, dialect: Dialect, sink: str, table: Table) -> None:
        self._dialect = dialect
        self._sink = sink
        self._table = table
        self._schema = table.path[:-1]

    def _fill(self, template: str, name: str, marks: int = 0) -> str:
        """Put a table's name, quoted names of columns and numbered placeholders into a statement."""
        quoted = {key: self._dialect.quote(key) for key in _COLUMNS}
        numbered = {f"m{number}": self._dialect.mark(number) for number in range(1, marks + 1)}
        return fill(template, table=self._dialect.path(*self._schema, name), **quoted, **numbered)

    def plan(self, cursor: Cursor) -> Sequence[Step]:
        """Return the steps that make what is missing."""
        dialect = self._dialect
        text, number = dialect.own_text, dialect.bigint
        own = {
            SINK_TABLE: (
                {"sink": text(63), "generation": number, "paused": number, "beat": number, "beat_at": number}
                | {"state": text(20), "words": text(_WORDS_LENGTH), "cluster": text(100)},
                ("sink",),
            ),
            OFFSET_TABLE: (
                {"sink": text(63), "topic": text(120), "partition": number, "next_offset": number}
                | {"records": number, "refused": number},
                ("sink", "topic", "partition"),
            ),
        }
        own |= table_of_heartbeats(dialect)
        if self._table.withdraw is Withdraw.DELETE:
            columns = {"sink": text(63), "subject": text(255), "revision": number, "event_id": text(255)}
            own[WITHDRAWN_TABLE] = (columns, ("sink", "subject"))
        steps = [
            Step(
                dialect.create_own([*self._schema, name], columns, key),
                Text(f"Tabel '{name}' milik sink dibuat.", f"The sinks' own table '{name}' is made."),
            )
            for name, (columns, key) in own.items()
            if not self._is_there(cursor, name)
        ]
        staging = dialect.lasting_staging(self._table)
        if staging and not self._is_there(cursor, staging):
            about = Text("Tabel singgah dibuat.", "The staging table is made.")
            steps.append(Step(dialect.create_lasting_staging(self._table), about))
        return steps

    def _is_there(self, cursor: Cursor, name: str) -> bool:
        return bool(self._dialect.found(cursor, [*self._schema, name]).columns)

    def enter(self, cursor: Cursor) -> None:
        """Give the sink its row, where it has none."""
        cursor.execute(self._fill("SELECT 1 FROM {table} WHERE {sink} = {m1}", SINK_TABLE, 1), [self._sink])
        if cursor.fetchone() is None:
            cursor.execute(
                self._fill(
                    "INSERT INTO {table} ({sink}, {generation}, {paused}, {beat}, {beat_at}, {state}, {words}, "
                    "{cluster}) VALUES ({m1}, 0, 0, 0, 0, {m2}, {m3}, {m4})",
                    SINK_TABLE,
                    4,
                ),
                # A blank, not nothing: to Oracle an empty text is null.
                [self._sink, State.NEW.value, " ", " "],
            )

    def take(self, cursor: Cursor, now: int) -> None:
        """Lock the row of the sink until the transaction ends, and count its sign of life."""
        cursor.execute(
            self._fill("UPDATE {table} SET {beat} = {beat} + 1, {beat_at} = {m1} WHERE {sink} = {m2}", SINK_TABLE, 2),
            [now, self._sink],
        )
        if cursor.rowcount == 0:
            raise self._unprepared()

    def standstill(self, cursor: Cursor) -> Standstill | None:
        """Return the session that holds the row of the sink and waits for its client, where the database can tell."""
        return self._dialect.standstill(cursor, [*self._schema, SINK_TABLE], self._sink)

    def _unprepared(self) -> TargetRefused:
        return TargetRefused(
            "no row of the sink",
            f"Sink '{self._sink}' belum disiapkan di basis data ini; jalankan 'simpul sink apply'.",
            f"Sink '{self._sink}' is not prepared in this database; run 'simpul sink apply'.",
        )

    def control(self, cursor: Cursor) -> Control:
        """Return the row of the sink; that of a new one where there is none."""
        if not self._is_there(cursor, SINK_TABLE):
            return Control()
        cursor.execute(
            self._fill(
                "SELECT {generation}, {paused}, {beat}, {beat_at}, {state}, {words}, {cluster} FROM {table} "
                "WHERE {sink} = {m1}",
                SINK_TABLE,
                1,
            ),
            [self._sink],
        )
        row = cursor.fetchone()
        if row is None:
            return Control()
        generation, paused, beat, beat_at, state, words, cluster = row
        return Control(generation, bool(paused), beat, beat_at, State(state), words.strip(), cluster.strip())

    def set_claim(self, cursor: Cursor, generation: int, cluster: str) -> None:
        """Enter the generation that may write from now on."""
        cursor.execute(
            self._fill(
                "UPDATE {table} SET {generation} = {m1}, {cluster} = {m2}, {state} = {m3} WHERE {sink} = {m4}",
                SINK_TABLE,
                4,
            ),
            [generation, cluster or " ", State.RUNNING.value, self._sink],
        )

    def beat(self, cursor: Cursor, generation: int, now: int, state: State, words: str) -> None:
        """Write what a copy says of itself, while it is the newest."""
        cursor.execute(
            self._fill(
                "UPDATE {table} SET {beat} = {beat} + 1, {beat_at} = {m1}, {state} = {m2}, {words} = {m3} "
                "WHERE {sink} = {m4} AND {generation} = {m5}",
                SINK_TABLE,
                5,
            ),
            [now, state.value, words[:_WORDS_LENGTH] or " ", self._sink, generation],
        )

    def pause(self, cursor: Cursor, *, paused: bool) -> None:
        """Set or lift the pause."""
        if not self._is_there(cursor, SINK_TABLE):
            raise self._unprepared()
        self.take(cursor, self.control(cursor).beat_at)
        cursor.execute(
            self._fill("UPDATE {table} SET {paused} = {m1} WHERE {sink} = {m2}", SINK_TABLE, 2),
            [int(paused), self._sink],
        )

    def positions_if_there(self, cursor: Cursor) -> Mapping[Partition, Position]:
        """Return the stored positions; nothing where nothing was prepared."""
        return self.positions(cursor) if self._is_there(cursor, OFFSET_TABLE) else {}

    def positions(self, cursor: Cursor) -> Mapping[Partition, Position]:
        """Return the stored positions."""
        cursor.execute(
            self._fill(
                "SELECT {topic}, {partition}, {next_offset}, {records}, {refused} FROM {table} WHERE {sink} = {m1}",
                OFFSET_TABLE,
                1,
            ),
            [self._sink],
        )
        return {Partition(topic, number): Position(*rest) for topic, number, *rest in cursor.fetchall()}

    def move(self, cursor: Cursor, moves: Sequence[Move], stored: Mapping[Partition, Position]) -> None:
        """Move positions, of which those in `stored` have a row."""
        old = [move for move in moves if move.partition in stored]
        new = [move for move in moves if move.partition not in stored]
        update = self._fill(
            "UPDATE {table} SET {next_offset} = {m1}, {records} = {m2}, {refused} = {m3} "
            "WHERE {sink} = {m4} AND {topic} = {m5} AND {partition} = {m6}",
            OFFSET_TABLE,
            6,
        )
        insert = self._fill(
            "INSERT INTO {table} ({next_offset}, {records}, {refused}, {sink}, {topic}, {partition}) "
            "VALUES ({m1}, {m2}, {m3}, {m4}, {m5}, {m6})",
            OFFSET_TABLE,
            6,
        )
        for statement, some in ((update, old), (insert, new)):
            if some:
                cursor.executemany(statement, [self._bound(move) for move in some])

    def _bound(self, move: Move) -> tuple[object, ...]:
        after = move.after
        return (after.next_offset, after.records, after.refused, self._sink, *move.partition)

    def forget(self, cursor: Cursor) -> None:
        """Forget the sink's offsets and withdrawn subjects."""
        for name in (OFFSET_TABLE, WITHDRAWN_TABLE):
            if self._is_there(cursor, name):
                cursor.execute(self._fill("DELETE FROM {table} WHERE {sink} = {m1}", name, 1), [self._sink])

    def take_out(self, cursor: Cursor, found: Found) -> None:
        """Delete the rows of staged withdrawals, remember their revisions, and keep what is older from coming in."""
        dialect, table = self._dialect, self._table
        staging, rows = dialect.staging(table), dialect.path(*table.path)
        withdrawn = dialect.path(*self._schema, WITHDRAWN_TABLE)
        subject, revision, event_id, action = (
            dialect.of("fresh", table.column_of(field)) for field in ("subject", "revision", "event_id", "action")
        )
        is_withdrawal = f"{action} = 'WITHDRAW'"
        held = fill(
            "EXISTS (SELECT 1 FROM {rows} held WHERE {same} AND NOT {newer})",
            rows=rows,
            same=dialect.same(table, found),
            newer=dialect.newer(table),
        )
        cursor.execute(dialect.delete(staging, "fresh", held), ())
        known = self._fill(
            "EXISTS (SELECT 1 FROM {table} gone WHERE gone.{sink} = {m1} AND gone.{subject} = SUBJECT "
            "AND (gone.{revision} > REVISION OR (gone.{revision} = REVISION AND EVENT_ID)))",
            WITHDRAWN_TABLE,
            1,
        )
        memory = dialect.bytewise(dialect.of("gone", "event_id"))
        parts = {"SUBJECT": subject, "EVENT_ID": f"{memory} >= {dialect.bytewise(event_id)}", "REVISION": revision}
        for name, value in parts.items():
            known = known.replace(f" {name}", f" {value}")
        cursor.execute(dialect.delete(staging, "fresh", known), [self._sink])
        gone = fill(
            "EXISTS (SELECT 1 FROM {staging} fresh WHERE {same} AND {is_withdrawal})",
            staging=staging,
            same=dialect.same(table, found),
            is_withdrawal=is_withdrawal,
        )
        cursor.execute(dialect.delete(rows, "held", gone), ())
        replaced = self._fill("gone.{sink} = {m1} AND gone.{subject} IN ", WITHDRAWN_TABLE, 1)
        listed = fill("(SELECT {subject} FROM {staging} fresh)", subject=subject, staging=staging)
        cursor.execute(dialect.delete(withdrawn, "gone", replaced + listed), [self._sink])
        kept = self._fill(
            "INSERT INTO {table} ({sink}, {subject}, {revision}, {event_id}) SELECT {m1}, ", WITHDRAWN_TABLE, 1
        )
        values = fill(
            "{subject}, {revision}, {event_id} FROM {staging} fresh WHERE {is_withdrawal}",
            subject=subject,
            revision=revision,
            event_id=event_id,
            staging=staging,
            is_withdrawal=is_withdrawal,
        )
        cursor.execute(kept + values, [self._sink])
        cursor.execute(dialect.delete(staging, "fresh", is_withdrawal), ())

"""A table of any database that SQLAlchemy speaks, read with bound values and quoted names, never written to."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from simpul_producers.errors import DatabaseUnavailable, PollError
from simpul_producers.poller.source import Cursor, TableRow
from simpul_producers.poller.spec import PollSpec

_FETCH_ROWS = 2000
#: The drivers that we bring, for addresses that name none.
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


class SqlSource:
    """See `TableSource`. Raises `PollError` where table or columns are not there, `DatabaseUnavailable` otherwise."""

    def __init__(self, spec: PollSpec, url: str, file: str) -> None:
        self._file = file
        self._engine = _engine(url, file)
        try:
            with self._explained():
                self._table = self._reflect(spec.table)
            self._key = [self._column(name) for name in spec.key]
            self._cursor = self._column(spec.cursor)
            if spec.deleted is not None:
                self._column(spec.deleted.column)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def columns(self) -> Sequence[str]:
        """See `TableSource`."""
        return [column.name for column in self._table.columns]

    def behind(self, cursor: Cursor | None, rows: int) -> Cursor | None:
        """See `TableSource`."""
        if cursor is None:
            return None
        query = (
            sa.select(self._cursor)
            .where(self._cursor < cursor)
            .order_by(self._cursor.desc())
            .offset(max(rows - 1, 0))
            .limit(1)
        )
        if rows == 0:
            return cursor
        with self._explained(), self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def changed(self, since: Cursor | None) -> Iterator[TableRow]:
        """See `TableSource`."""
        query = sa.select(self._table).where(self._cursor.is_not(None)).order_by(self._cursor, *self._key)
        return self._rows(query if since is None else query.where(self._cursor >= since))

    def everything(self) -> Iterator[TableRow]:
        """See `TableSource`: one statement sees one moment, in every database that is meant here."""
        return self._rows(sa.select(self._table))

    def close(self) -> None:
        """See `TableSource`."""
        self._engine.dispose()

    def _rows(self, query: sa.Select[Any]) -> Iterator[TableRow]:
        cursor_at = self.columns.index(self._cursor.name)
        keys_at = [self.columns.index(column.name) for column in self._key]
        names = self.columns
        with self._explained(), self._engine.connect() as connection:
            found = connection.execution_options(stream_results=True, yield_per=_FETCH_ROWS).execute(query)
            for row in found:
                texts = [as_text(value) for value in row]
                key = json.dumps([texts[at] for at in keys_at], ensure_ascii=False)
                yield TableRow(key, row[cursor_at], dict(zip(names, texts, strict=True)))

    def _reflect(self, name: str) -> sa.Table:
        schema, _, table = name.rpartition(".")
        try:
            return sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=self._engine)
        except NoSuchTableError as error:
            raise PollError(
                self._file,
                f"tabel '{name}' tidak ada di basis data, atau tidak boleh dibaca.",
                f"there is no table '{name}' in the database, or it may not be read.",
            ) from error

    def _column(self, name: str) -> "sa.Column[Any]":
        if name not in self._table.columns:
            known = ", ".join(self.columns)
            raise PollError(
                self._file, f"kolom '{name}' tidak ada; yang ada: {known}.", f"no column '{name}'; there are: {known}."
            )
        return self._table.columns[name]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # The driver's own words may carry the address; its first line is enough, without the statement.
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            raise DatabaseUnavailable(self._engine.url.render_as_string(hide_password=True), reason) from error


def as_text(value: object) -> str:  # noqa: PLR0911  # one line for each kind of value
    """Write a value of a database as the text of a cell; NULL is an empty text, times are ISO 8601."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        case _:
            return str(value)


def _engine(url: str, file: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url.strip())
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        return sa.create_engine(parsed, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        # Not the address itself: it holds a password.
        raise PollError(
            file,
            "alamat basis data salah atau penggeraknya belum terpasang; contoh: postgresql://pengguna@host/basis.",
            "the address of the database is wrong or its driver is not installed; e.g. postgresql://user@host/base.",
        ) from error

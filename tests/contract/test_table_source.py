"""What every table that is polled gives, run on real databases and on the twin in memory."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from simpul_producers.errors import DatabaseUnavailable, PollError
from simpul_producers.poller.source import TableSource
from simpul_producers.poller.spec import DatabaseSpec, PollSpec
from simpul_producers.poller.sql_source import SqlSource
from simpul_producers.testing import InMemoryTable

SPEC = PollSpec(
    mapping="x", database=DatabaseSpec(url_variable="X"), table="bantuan", key=("id", "bagian"), cursor="diubah"
)
#: Columns of applications hold times without a zone.
START = dt.datetime(2024, 5, 17)  # noqa: DTZ001  # the same
Insert = Callable[[int, str, int | None, str | None], None]
Made = tuple[TableSource, Insert]


def make_memory(_request: pytest.FixtureRequest, _folder: Path) -> Iterator[Made]:
    table = InMemoryTable(["id", "bagian", "diubah", "isi"], SPEC.key, SPEC.cursor)

    def insert(number: int, part: str, changed: int | None, content: str | None) -> None:
        moment = "" if changed is None else f"{START + dt.timedelta(seconds=changed)}"
        table.rows.append({"id": str(number), "bagian": part, "diubah": moment, "isi": content or ""})

    yield table, insert


def make_sqlite(_request: pytest.FixtureRequest, folder: Path) -> Iterator[Made]:
    yield from made_by_sql(f"sqlite:///{folder / 'app.db'}")


def make_postgresql(request: pytest.FixtureRequest, _folder: Path) -> Iterator[Made]:
    yield from made_by_sql(request.getfixturevalue("servers").postgresql_url)


def make_mariadb(request: pytest.FixtureRequest, _folder: Path) -> Iterator[Made]:
    yield from made_by_sql(request.getfixturevalue("mariadb_url"))


def made_by_sql(url: str) -> Iterator[Made]:
    engine = sa.create_engine(sa.make_url(url).set(drivername=driver(url)))
    table = sa.Table(
        "bantuan",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("bagian", sa.String(40), primary_key=True),
        sa.Column("diubah", sa.DateTime),
        sa.Column("isi", sa.Text),
    )
    table.drop(engine, checkfirst=True)
    table.create(engine)

    def insert(number: int, part: str, changed: int | None, content: str | None) -> None:
        moment = None if changed is None else START + dt.timedelta(seconds=changed)
        with engine.begin() as connection:
            connection.execute(table.insert(), {"id": number, "bagian": part, "diubah": moment, "isi": content})

    source = SqlSource(SPEC, url, "bantuan.yaml")
    yield source, insert
    source.close()
    table.drop(engine)
    engine.dispose()


def driver(url: str) -> str:
    return "postgresql+psycopg" if url.startswith("postgres") else sa.make_url(url).drivername


@pytest.fixture(
    params=[
        pytest.param(make_memory, id="memory"),
        pytest.param(make_sqlite, id="sqlite"),
        pytest.param(make_postgresql, id="postgresql", marks=pytest.mark.stack),
        pytest.param(make_mariadb, id="mariadb"),
    ]
)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    yield from request.param(request, tmp_path)


def test_rows_come_as_text_in_the_order_of_the_cursor_and_those_without_one_only_in_everything(made: Made) -> None:
    source, insert = made
    insert(2, "b", 5, "dua \u2265 \N{GREEK SMALL LETTER BETA}")
    insert(1, "a", 9, None)
    insert(3, "c", None, "tanpa waktu")
    rows = list(source.changed(None))
    assert [row.key for row in rows] == ['["2", "b"]', '["1", "a"]']
    assert rows[0].cells == {"id": "2", "bagian": "b", "diubah": "2024-05-17 00:00:05", "isi": "dua ≥ β"}
    assert rows[1].cells["isi"] == ""
    assert sorted(row.key for row in source.everything()) == ['["1", "a"]', '["2", "b"]', '["3", "c"]']
    assert list(source.columns) == ["id", "bagian", "diubah", "isi"]


def test_reading_goes_on_at_a_cursor_with_all_its_equals_and_so_many_rows_before_it(made: Made) -> None:
    source, insert = made
    for number, changed in enumerate([1, 2, 3, 3, 3, 4, 5]):
        insert(number, "x", changed, None)
    rows = list(source.changed(None))
    third = rows[3].cursor
    assert [row.cells["id"] for row in source.changed(third)] == ["2", "3", "4", "5", "6"]
    assert source.behind(third, 0) == third
    assert source.behind(third, 1) == rows[1].cursor
    assert source.behind(third, 2) == rows[0].cursor
    assert source.behind(third, 3) is None
    assert source.behind(None, 3) is None


def test_many_rows_are_read_in_one_go(made: Made) -> None:
    source, insert = made
    for number in range(60):
        insert(number, "x", number % 7, "isi")
    assert len(list(source.everything())) == len(list(source.changed(None))) == 60


def sqlite_url(folder: Path) -> str:
    url = f"sqlite:///{folder / 'app.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE bantuan (id INTEGER, bagian TEXT, diubah TEXT)"))
    engine.dispose()
    return url


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": "lain"}, "there is no table 'lain'"),
        ({"key": ("nomor",)}, "no column 'nomor'; there are: id, bagian, diubah"),
        ({"cursor": "waktu"}, "no column 'waktu'"),
        ({"table": "bantuan; DROP TABLE bantuan"}, "there is no table"),
    ],
)
def test_a_table_or_column_that_is_not_there_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(PollError) as caught:
        SqlSource(SPEC.model_copy(update=change), sqlite_url(tmp_path), "bantuan.yaml")
    assert words in caught.value.message_en


def test_a_wrong_address_is_an_error_that_does_not_show_the_password() -> None:
    for url in ("oracle://x:rahasia@h/b", "nothing"):
        with pytest.raises(PollError) as wrong:
            SqlSource(SPEC, url, "bantuan.yaml")
        assert "rahasia" not in str(wrong.value)
    with pytest.raises(DatabaseUnavailable) as away:
        SqlSource(SPEC, "postgresql://x:rahasia@127.0.0.1:1/b?connect_timeout=2", "bantuan.yaml")
    assert "rahasia" not in str(away.value)

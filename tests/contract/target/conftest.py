"""A database of each kind, with a table of its own for every test."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from tests.contract.target.databases import Database, in_mariadb, in_memory, in_postgresql, in_sqlite

from simpul_connectors.sinks.target import Target

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def make_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Database]:
    if request.param == "memory":
        return in_memory
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        return lambda: in_sqlite(folder, f"s{next(NUMBERS)}")
    url = request.getfixturevalue(f"{request.param}_url")
    make = in_postgresql if request.param == "postgresql" else in_mariadb
    return lambda: make(url, f"s{next(NUMBERS)}")


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    return make_database()


@pytest.fixture
def target(database: Database) -> Iterator[Target]:
    target = database.open("sink")
    target.prepare()
    yield target
    target.close()

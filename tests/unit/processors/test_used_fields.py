"""The contract's table of used fields is what the views compute from, so that no field of theirs can go unnoticed."""

import polars as pl
import pytest

from simpul_processors.view import COUNTS, View
from simpul_processors.views import VIEWS
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import Event
from simpul_schemas.used_fields import FIELDS_BY_VIEW, used_fields


def empty(view: View) -> pl.DataFrame:
    return BlockDecoder(event_type(view.spec.event_type).schema).decode([]).frame.drop(ROW)


def needed(view: View) -> set[str]:
    """Return the payload columns without which a view cannot be computed.

    polars' `root_names` leaves out lists of columns, so each column is taken away in turn.
    """
    frame = empty(view)
    found = set()
    for name in frame.columns:
        try:
            view.computed(frame.drop(name))
        except pl.exceptions.ColumnNotFoundError:
            found.add(name)
    return found - set(Event.model_fields)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_needs_the_fields_that_the_table_names(name: str) -> None:
    assert needed(VIEWS[name]) == FIELDS_BY_VIEW[name]


@pytest.mark.parametrize("name", VIEWS)
def test_the_columns_that_a_view_asks_for_are_enough(name: str) -> None:
    columns = VIEWS[name].columns
    assert VIEWS[name].contributions(empty(VIEWS[name]).select(columns)).columns
    assert columns - set(Event.model_fields) == FIELDS_BY_VIEW[name]


def test_the_table_names_every_view_and_no_other() -> None:
    assert FIELDS_BY_VIEW.keys() == VIEWS.keys()


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_used_is_in_the_event_and_so_is_what_every_view_goes_by(name: str) -> None:
    kind = event_type(VIEWS[name].spec.event_type)
    fields = {field["name"] for field in kind.parsed_schema["fields"]}
    assert {"region", *COUNTS.meta.root_names()} | FIELDS_BY_VIEW[name] <= used_fields(kind.name) <= fields

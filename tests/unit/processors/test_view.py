"""Groups as texts: whatever a dimension holds, they come apart as they were put together, and roll up exactly."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_processors.view import GROUP, View, as_text, by_precision, from_text, group_text, roll_up, unfold
from simpul_processors.views import VIEWS
from simpul_processors.views.aid_items import lists_by_unit
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.figures import AID_ITEMS, Named, ViewSpec
from simpul_schemas.periods import containing

TWO = ViewSpec(
    name="two",
    event_type="incident",
    doc="Dua. Two.",
    dimensions=(Named("one", ""), Named("other", "")),
    measures=(Named("count", ""),),
    coverage=("count", "count"),
    fields=frozenset(),
)
TEXT = st.text(max_size=8) | st.sampled_from(['"', "\\", '","', "]", "\n", "\0", "é", "-"])
PLACES = st.sampled_from([("17.01.02", "DAY", "2024-02-14"), ("73", "MONTH", "2024-05"), ("94.01", "NONE", "-")])


@given(st.lists(st.tuples(PLACES, TEXT, TEXT), max_size=20))
def test_the_text_of_a_group_comes_apart_whatever_its_dimensions_hold(
    rows: list[tuple[tuple[str, str, str], str, str]],
) -> None:
    parts = [[*place, one, other] for place, one, other in rows]
    names = ("region", *TWO.dimension_names)
    frame = pl.DataFrame(parts, schema=dict.fromkeys(names, pl.String), orient="row")
    texts = group_text(frame, TWO)
    assert texts.name == GROUP
    assert list(map(from_text, texts.to_list())) == parts
    assert texts.to_list() == list(map(as_text, parts))


@given(PLACES, TEXT, TEXT)
def test_a_group_rolls_up_to_every_level_at_every_length(place: tuple[str, str, str], one: str, other: str) -> None:
    region, kind, period = place
    codes = region.split(".")
    levels = ("province", "regency", "district")
    places = [("nation", "ID"), *((levels[at], ".".join(codes[: at + 1])) for at in range(len(codes)))]
    expected = {(*where, *length, one, other) for where in places for length in containing(kind, period)}
    found = roll_up(as_text([region, kind, period, one, other]))
    assert {tuple(from_text(text)) for text in found} == expected
    assert len(found) == len(expected)
    assert found == [as_text(from_text(text)) for text in found]


def test_a_group_that_does_not_add_up_rolls_up_to_levels_only() -> None:
    found = [from_text(text) for text in roll_up('["17.01","MONTH","2024-05","AKUN"]', adds_up=False)]
    assert found == [
        ["regency", "17.01", "MONTH", "2024-05", "AKUN"],
        ["province", "17", "MONTH", "2024-05", "AKUN"],
        ["nation", "ID", "MONTH", "2024-05", "AKUN"],
    ]


@pytest.mark.parametrize(
    ("region", "precision", "expected"),
    [
        ("31.71.01", "MINUTE", ("DAY", "2023-12-31")),
        ("73.71.01", "DAY", ("DAY", "2024-01-01")),
        ("94.01.01", "MONTH", ("MONTH", "2024-01")),
        ("31.71.01", "MONTH", ("MONTH", "2023-12")),
        ("31.71.01", "YEAR", ("YEAR", "2023")),
        ("94.01.01", "YEAR", ("YEAR", "2024")),
    ],
)
def test_a_moment_is_of_the_day_month_or_year_that_is_known_in_its_zone(
    region: str, precision: str, expected: tuple[str, str]
) -> None:
    moment = to_micros(datetime(2023, 12, 31, 16, 30, tzinfo=UTC))
    frame = pl.DataFrame({"region": [region], "occurred_at": [moment], "time_precision": [precision]})
    period = by_precision()
    assert frame.select(kind=period.kind, text=period.text).row(0) == expected


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_computes_what_its_readers_are_told_and_nothing_else(view: View) -> None:
    assert set(view.dimensions) == set(view.spec.dimension_names) - {"period_kind", "period"}
    assert set(view.measures) == set(view.spec.measure_names)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_declaration_of_a_view_is_the_same_in_every_process(view: View) -> None:
    # An address, as of a function in an expression, would differ and have every store rebuilt at every start.
    assert "0x" not in view.declaration
    assert view.declaration == replace(view).declaration


def test_the_declaration_changes_with_a_measure_with_the_period_and_with_the_version() -> None:
    view = VIEWS["incident"]
    others = [
        replace(view, measures={**view.measures, "killed": pl.col("injured")}),
        replace(view, period=by_precision("recorded_at")),
        replace(view, version=2),
    ]
    assert len({other.declaration for other in (view, *others)}) == 4


def line(unit: str | None, quantity: int | None, value: int | None) -> dict[str, Any]:
    rest = dict.fromkeys(("brand", "condition", "note"))
    return {"name": "beras", "quantity_thousandths": quantity, "unit": unit, "unit_value_sen": value, **rest}


def test_lines_are_summed_by_unit_and_what_no_total_may_be_is_not_counted_as_value() -> None:
    lines = [line("KG ", 1500, 3), line("kg", 1, 999), line("kg", None, 5), line(None, 10**12, 10**16), line(" ", 7, 2)]
    (found,) = lists_by_unit(pl.Series([lines])).to_list()
    assert json.loads(found) == [["-", 1, 2, 2, 10**12 + 7, 0, 0], ["kg", 1, 3, 2, 1501, 2, 5]]


def test_units_beyond_the_fiftieth_are_one_so_that_no_list_is_too_long_for_a_record() -> None:
    lines = [line(f"{number:03d}" + "\0" * 60, 1, 1000) for number in range(160)]
    (found,) = lists_by_unit(pl.Series([lines])).to_list()
    parts = {unit: measures for unit, *measures in json.loads(found)}
    assert len(parts) == 51
    assert parts["(lain)"][0] == 1
    assert [sum(column) for column in zip(*parts.values(), strict=True)][1:] == [160, 160, 160, 160, 160]
    assert len(found.encode()) < 50_000


def test_a_dimension_of_free_text_is_cut_before_it_becomes_a_key() -> None:
    view = VIEWS["participation"]
    columns = {name: [None] for name in view.columns}
    known = {"region": ["17.01"], "election": ["é" * 10**6], "action": ["SUBMIT"], "mode": ["ACTUAL"]}
    found = view.contributions(pl.DataFrame(columns | known))
    assert from_text(found[GROUP][0]) == ["17.01", "NONE", "-", "é" * 100]


def test_events_without_lines_have_an_empty_list() -> None:
    kind = pl.List(pl.Struct(dict.fromkeys(line("", 1, 1), pl.String) | {"quantity_thousandths": pl.Int64}))
    items = pl.Series([None, []], dtype=kind)
    items = pl.DataFrame({"items": items}).with_columns(
        pl.col("items").list.eval(pl.element().struct.with_fields(unit_value_sen=pl.lit(None, pl.Int64)))
    )["items"]
    assert lists_by_unit(items).to_list() == ["[]", "[]"]
    assert lists_by_unit(items.clear()).to_list() == []


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.tuples(TEXT, st.integers(0, 2**62)), max_size=3)), max_size=5))
def test_a_list_is_unfolded_to_its_values_times_the_events_that_have_it(
    partials: list[tuple[int, list[tuple[str, int]]]],
) -> None:
    names = AID_ITEMS.measure_names
    listed = [json.dumps([[unit, *[number] * len(names)] for unit, number in parts]) for _, parts in partials]
    frame = pl.DataFrame(
        {"unit": listed, "at": range(len(partials)), **{name: [count for count, _ in partials] for name in names}},
        schema={"unit": pl.String, "at": pl.Int64, **dict.fromkeys(names, pl.Int64)},
    )
    found = unfold(frame, AID_ITEMS)
    # As everywhere in the fold, a sum beyond 64 bits goes round, and comes back when it is retracted.
    expected = [
        (unit, at, *[(count * number + 2**63) % 2**64 - 2**63] * len(names))
        for at, (count, parts) in enumerate(partials)
        for unit, number in parts
    ]
    assert found.rows() == expected
    assert found.schema == frame.schema


@pytest.mark.parametrize(
    ("measure", "is_flag"),
    [
        (pl.lit(1), True),
        (pl.lit(0), True),
        (pl.lit(2), False),
        (pl.lit(-1), False),
        (pl.col("killed"), False),
        (pl.col("killed").is_not_null(), True),
        (pl.col("killed") > 1, True),
        (pl.col("killed").is_null().cast(pl.Int64) * 300, False),
    ],
)
def test_a_measure_is_a_flag_only_where_no_event_can_add_more_than_one(measure: pl.Expr, is_flag: bool) -> None:
    view = replace(VIEWS["incident"], spec=TWO, measures={"count": measure})
    assert view.flags(pl.Schema({"killed": pl.Int64})) == ({"count"} if is_flag else set())

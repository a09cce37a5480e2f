from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.browser.nation import AS_OF, Nation, full_nation

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.links import Links, read_path
from simpul_connectors.portal.measures import first_measure, headline, measures_of
from simpul_connectors.portal.places import map_style, tile_places
from simpul_connectors.portal.reading import class_of, value_classes
from simpul_connectors.portal.view_page import read_view
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.regions import NATION, load_regions


@pytest.fixture(scope="module")
def nation() -> Nation:
    return full_nation()


def test_a_place_says_its_sum_over_all_kinds_and_who_reported(nation: Nation) -> None:
    page = read_view(nation.table, "incident", "73", {})
    by_kind = {part.value: part.row.values["incidents"] for part in page.parts[0]}
    assert by_kind["DISASTER"] == 12
    assert page.own.values["incidents"] == sum(value or 0 for value in by_kind.values())
    assert (page.own.cover.reported, page.own.cover.expected, page.own.cover.late) == (23, 25, 1)
    assert page.wish.period == "2024-02"


def test_what_nobody_gave_is_unknown_and_never_0(nation: Nation) -> None:
    page = read_view(nation.table, "incident", "73", {"kind": "DISTURBANCE"})
    assert page.own.values["incidents"] is not None
    assert page.own.values["killed"] is None
    assert page.own.values["injured"] is None


def test_where_all_who_reported_say_that_nothing_happened_the_number_is_0(nation: Nation) -> None:
    rows = {row.region: row for row in read_view(nation.table, "incident", "", {}).rows}
    assert rows["96"].values["incidents"] == 0
    assert rows["96"].values["killed"] is None  # still nobody gave it
    assert rows["96"].cover.expected == rows["96"].cover.reported == 7


def test_where_one_report_speaks_of_what_has_not_come_there_is_no_number_but_the_coverage(nation: Nation) -> None:
    rows = {row.region: row for row in read_view(nation.table, "incident", "", {}).rows}
    assert rows["94"].values["incidents"] is None
    assert rows["94"].cover.reported == 9


def test_figures_that_are_not_kept_are_never_0(nation: Nation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nation.table, "holds", lambda _view, level, _kind: level != "province")
    rows = {row.region: row for row in read_view(nation.table, "incident", "", {}).rows}
    assert rows["96"].values["incidents"] is None


def test_a_kecamatan_without_figures_has_the_coverage_of_the_unit_above(nation: Nation) -> None:
    rows = read_view(nation.table, "incident", "73/73.71", {}).rows
    assert rows[0].values["incidents"] is None
    assert (rows[0].cover.reported, rows[0].cover.expected) == (1, 1)
    assert len(rows) == len(load_regions().children("73.71"))


def test_what_is_planned_is_in_no_sum_unless_it_is_asked_for(nation: Nation) -> None:
    without = read_view(nation.table, "aid", "73", {}).own.values
    planned = read_view(nation.table, "aid", "73", {"status": "PLANNED"}).own.values
    assert without["value_sen"] == 123_456_789_050
    assert planned["value_sen"] == 999_999_999_999


def test_an_election_is_chosen_and_its_turnout_is_of_the_right_pair(nation: Nation) -> None:
    page = read_view(nation.table, "participation", "", {})
    assert page.wish.chosen == {"election": "pilpres-2024"}
    values = page.own.values
    assert values["rate.participation"] == (values["rate_turned_out"] or 0) / (values["rate_registered"] or 1)
    assert page.pair(page.own) == (values["stations_reported"], values["stations"])


def test_rows_are_sorted_by_what_is_asked_and_the_unknown_stands_last(nation: Nation) -> None:
    down = [row.values["incidents"] for row in read_view(nation.table, "incident", "", {"urut": "-nilai"}).rows]
    up = [row.values["incidents"] for row in read_view(nation.table, "incident", "", {"urut": "nilai"}).rows]
    assert down[-1] is None
    assert up[-1] is None
    known = [value for value in down if value is not None]
    assert known == sorted(known, reverse=True)
    assert [value for value in up if value is not None] == known[::-1]
    names = [row.name for row in read_view(nation.table, "incident", "", {"urut": "nama"}).rows]
    assert names == sorted(names)


def test_who_is_silent_and_who_is_late_is_named(nation: Nation) -> None:
    found = read_view(nation.table, "incident", "73", {}).completeness
    assert found is not None
    assert found.silent_units == ("kesbangpol.73.01", "kesbangpol.73.02")
    assert found.late_units == ("bpbd.73.30",)


def test_a_place_tells_only_its_own_restatements(nation: Nation) -> None:
    (own,) = read_view(nation.table, "incident", "73", {}).restated
    assert (own.region, own.changes[0].before, own.changes[0].after) == ("73", 11, 12)
    (of_nation,) = read_view(nation.table, "incident", "", {}).restated
    assert of_nation.region == NATION


@dataclass
class Wrong:
    view: str = "incident"
    path: str = ""
    asked: tuple[tuple[str, str], ...] = ()
    says: str = ""


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(view="kejadian", says="incident, aid"),
        Wrong(path="99", says="'99'"),
        Wrong(path="73.71", says="/tampilan/incident/73/73.71"),
        Wrong(path="53/73.71", says="/tampilan/incident/73/73.71"),
        Wrong(asked=(("periode", "kemarin"),), says="2024-W07"),
        Wrong(asked=(("periode", "1999-01"),), says="Februari 2024"),
        Wrong(asked=(("ukuran", "korban"),), says="incidents"),
        Wrong(asked=(("urut", "acak"),), says="nilai"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(nation: Nation, wrong: Wrong) -> None:
    with pytest.raises(Unreadable) as caught:
        read_view(nation.table, wrong.view, wrong.path, dict(wrong.asked))
    assert wrong.says in caught.value.said.indonesian


def test_an_empty_bus_is_a_page_without_numbers() -> None:
    page = read_view(Nation().table, "incident", "", {})
    assert page.own.values["incidents"] is None
    assert page.own.cover.expected is None
    assert len(page.rows) == 38


@pytest.mark.parametrize("view", list(VIEW_SPECS))
def test_every_view_has_titles_in_both_languages_and_a_first_measure(view: str) -> None:
    spec = VIEW_SPECS[view]
    found = measures_of(spec)
    assert first_measure(spec) in found
    assert set(headline(spec)) <= set(found)
    assert all(one.title.indonesian and one.title.english for one in found.values())
    assert all(one.known is None or one.known in spec.measure_names for one in found.values())


def test_every_province_has_a_tile_of_its_own_in_both_arrangements() -> None:
    places = tile_places()
    assert set(places) == set(load_regions().provinces())
    wide, _, narrow = map_style().partition("@media")
    areas = [line.partition("{")[2] for line in wide.splitlines()]
    assert len(set(areas)) == len(areas) == 38
    east = {line.partition("{")[2] for line in narrow.splitlines() if line.startswith(".p")}
    west = [line.partition("{")[2] for line in wide.splitlines() if line[2] not in "789"]
    assert len(east) == 14
    assert not east & set(west)


@given(st.lists(st.none() | st.integers(0, 50), max_size=40))
def test_every_value_is_in_exactly_one_class_and_order_is_kept(values: list[int | None]) -> None:
    ends = value_classes(values)
    assert ends == sorted(set(ends))
    assert len(ends) <= 5
    known = sorted(value for value in values if value is not None)
    numbers = [class_of(value, ends) for value in known]
    assert None not in numbers
    assert numbers == sorted(number for number in numbers if number is not None)
    assert class_of(None, ends) is None


def test_an_address_leads_back_to_what_it_was_made_of(nation: Nation) -> None:
    asked = {"periode": "2024-02", "ukuran": "killed", "kind": "DISASTER", "urut": "-nilai"}
    page = read_view(nation.table, "incident", "73/73.71", asked)
    address = Links("en").view(page.wish, page.measure.name, page.sort)
    assert address == "/en/tampilan/incident/73/73.71?periode=2024-02&ukuran=killed&kind=DISASTER&urut=-nilai"
    assert read_path("incident", "73/73.71") == "73.71"
    assert page.own.cover.as_of == AS_OF

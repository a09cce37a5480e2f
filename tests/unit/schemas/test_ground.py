"""Small pieces of the ground: regions, topics, frame, ids, figures."""

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas import topics
from simpul_schemas.errors import MalformedRecord, UnknownView
from simpul_schemas.events.envelope import from_micros, to_micros
from simpul_schemas.figures import VIEW_SPECS, view_spec
from simpul_schemas.identity import new_event_id, stable_event_id
from simpul_schemas.regions import Level, level_of, load_regions
from simpul_schemas.wire import frame, unframe


def test_the_region_table_has_38_provinces_514_regencies_and_7285_districts() -> None:
    table = load_regions()
    levels = [region.level for region in (table.get(code) for code in table.codes()) if region]
    counted = {level: levels.count(level) for level in Level}
    assert counted == {Level.PROVINCE: 38, Level.REGENCY: 514, Level.DISTRICT: 7285, Level.NATION: 0}
    assert len(table.provinces()) == 38


def test_every_region_lies_in_the_region_that_its_code_says() -> None:
    table = load_regions()
    for code in table.codes():
        region = table.get(code)
        assert region is not None
        assert region.parent == code.rpartition(".")[0]
        assert level_of(code) is region.level
        assert region.parent in table or not region.parent


def test_an_event_topic_names_its_province_and_others_name_none() -> None:
    assert topics.province_of_topic(topics.event_topic("73", "aid_handover")) == "73"
    for other in (topics.quarantine_topic("73"), topics.view_topic("x"), topics.partial_topic("x"), "simpul.7.a.v1"):
        assert topics.province_of_topic(other) is None


def test_every_topic_carries_the_brokers_append_time_and_events_are_kept_for_ever() -> None:
    spec = topics.event_topic_spec("73", "report")
    assert spec.config["message.timestamp.type"] == "LogAppendTime"
    assert spec.config["retention.ms"] == "-1"
    assert topics.view_topic_spec("participation").config["cleanup.policy"] == "compact"


@given(st.integers(0, 2**32 - 1), st.binary(max_size=20))
def test_a_frame_comes_apart_into_what_it_was_made_of(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


@pytest.mark.parametrize(
    ("record", "code"),
    [(None, "record.empty"), (b"", "record.truncated"), (b"{json}", "record.magic_byte_wrong")],
)
def test_what_has_no_frame_is_refused_with_a_code(record: bytes | None, code: str) -> None:
    with pytest.raises(MalformedRecord) as caught:
        unframe(record)
    assert caught.value.code == code


@given(st.integers(0, 2**52), st.text(max_size=20), st.text(max_size=20))
def test_the_same_row_gives_the_same_uuid_7_and_another_row_another(revision: int, one: str, other: str) -> None:
    found = uuid.UUID(stable_event_id(revision, one))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert (stable_event_id(revision, one) == stable_event_id(revision, other)) == (one == other)


def test_ids_sort_by_time() -> None:
    made = [new_event_id(micros, b"0123456789") for micros in (1_000, 2_000_000, 1_700_000_000_000_000)]
    assert made == sorted(made)


@given(st.integers(-(10**15), 4 * 10**15))
def test_a_moment_keeps_every_microsecond(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


def test_every_view_carries_its_coverage_and_its_rates_among_its_measures() -> None:
    for spec in VIEW_SPECS.values():
        used = {*spec.coverage, *(name for pair in spec.rates.values() for name in pair)}
        assert used <= set(spec.measure_names)
    with pytest.raises(UnknownView, match="participation"):
        view_spec("pemilu")


def test_the_readers_guide_names_every_view_dimension_measure_and_rate() -> None:
    guide = Path(__file__).parents[3].joinpath("docs/figures.md").read_text(encoding="utf-8")
    for spec in VIEW_SPECS.values():
        for name in (spec.name, *spec.dimension_names, *spec.measure_names, *spec.rates):
            assert f"`{name}`" in guide, (spec.name, name)

"""The records of a quarantine topic: written and read again without loss, and foreign ones left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.log import Partition
from simpul_schemas.quarantine import (
    CONNECT,
    Marker,
    Origin,
    Refusal,
    explain,
    lineage_headers,
    marker_record,
    parse,
    parse_id,
    refusal_record,
)
from simpul_schemas.rules import Severity

origins = st.builds(
    lambda province, kind, number, offset: Origin(Partition(f"simpul.{province}.{kind}.v1", number), offset),
    st.sampled_from(["11", "53", "96"]),
    st.sampled_from(sorted(EVENT_TYPES)),
    st.integers(0, 99),
    st.integers(0, 10**15),
)
refusals = st.builds(
    Refusal,
    origins,
    st.lists(st.sampled_from(["region.unknown", "record.truncated", "subject.conflict"]), min_size=1).map(tuple),
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.none() | st.integers(0, 4_000_000_000_000_000),
    st.integers(0, 4_000_000_000_000_000),
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(refusals)
def test_a_refusal_is_read_as_it_was_written_with_its_original_bytes(refusal: Refusal) -> None:
    record = refusal_record(refusal)
    assert record.topic == f"simpul.{refusal.origin.province}.quarantine.v1"
    assert record.value == refusal.value
    found = parse(record.key, record.value, record.headers, refusal.quarantined_at)
    assert isinstance(found, Refusal)
    # The log takes no record without key and value, so nothing becomes an empty key.
    key = b"" if refusal.key is None and refusal.value is None else refusal.key
    assert found == Refusal(
        refusal.origin, refusal.codes, key, refusal.value, refusal.appended_at, refusal.quarantined_at
    )


@given(origins)
def test_an_id_can_be_read_back(origin: Origin) -> None:
    assert parse_id(origin.id) == origin


@pytest.mark.parametrize(
    "text", ["", "53.incident/0", "53.quarantine/0@1", "53.incident/0@-1", "5.incident/0@1", "53.incident/0@1\n"]
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse_id(text) is None


@given(origins, texts, texts, st.integers(0, 4_000_000_000_000_000))
def test_a_marker_is_read_as_it_was_written(origin: Origin, by: str, reason: str, at: int) -> None:
    marker = Marker(origin.id, "018e0000-0000-7000-8000-000000000001", origin.partition.topic, by, reason, at)
    record = marker_record(origin.province, marker)
    assert record.value is None
    assert parse(record.key, record.value, record.headers, 5) == marker
    assert dict(lineage_headers(marker))["simpul_redrive_of"].decode() == origin.id


@given(st.none() | st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.binary())))
def test_a_foreign_record_is_neither_and_harms_nobody(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    assert parse(key, value, headers, 0) is None


def test_a_console_for_kafka_connect_finds_topic_place_and_reason_under_its_own_names() -> None:
    origin = Origin(Partition("simpul.53.incident.v1", 0), 1234)
    headers = dict(refusal_record(Refusal(origin, ("region.unknown",), b"k", b"v", 0)).headers)
    assert headers[f"{CONNECT}topic"] == b"simpul.53.incident.v1"
    assert headers[f"{CONNECT}partition"] == b"0"
    assert headers[f"{CONNECT}offset"] == b"1234"
    assert headers[f"{CONNECT}exception.class.name"] == b"region.unknown"
    assert b"Kode wilayah" in headers[f"{CONNECT}exception.message"]


@given(refusals, st.integers(0, 9), st.none() | st.binary())
def test_the_event_id_of_a_repair_follows_from_the_origin_alone(refusal: Refusal, later: int, value: bytes) -> None:
    again = Refusal(refusal.origin, ("record.empty",), None, value, refusal.appended_at, refusal.quarantined_at + later)
    assert again.event_id == refusal.event_id
    other = Refusal(
        Origin(refusal.origin.partition, refusal.origin.offset + 1), refusal.codes, None, None, refusal.appended_at
    )
    assert other.event_id != refusal.event_id


@pytest.mark.parametrize("code", ["region.unknown", "record.truncated", "subject.conflict"])
def test_every_code_is_explained_in_both_languages_with_a_remedy(code: str) -> None:
    said = explain("incident", code)
    assert said.message.indonesian != said.message.english
    assert said.remedy.indonesian
    assert said.remedy.english
    assert said.severity is Severity.REJECT


def test_a_code_of_a_later_version_is_said_to_be_unknown() -> None:
    assert "not know" in explain("incident", "incident.of_tomorrow").message.english

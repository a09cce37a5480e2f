"""The roster file: read, judged, compared with what stands."""

from dataclasses import replace
from datetime import date

import pytest

from simpul_schemas.errors import InvalidRoster
from simpul_schemas.periods import Period
from simpul_schemas.regions import load_regions
from simpul_schemas.roster import (
    Held,
    RosterAction,
    changes,
    example,
    held_of,
    newest,
    read_roster,
    tick_record,
    write_roster,
)

HEAD = "unit,name,region,event_type,period_kind,valid_from,valid_to,days_allowed\n"
ROW = "u1,Badan,53.01,incident,MONTH,2024-01-01,2024-06-01,7\n"


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidRoster) as caught:
        read_roster("r.csv", text.encode())
    return [(one.row, one.field) for one in caught.value.problems]


def test_the_example_holds_every_kabupaten_and_kota_and_reads_back_as_it_was_written() -> None:
    entries = example(date(2024, 1, 1))
    assert len(entries) == 514
    assert {entry.region for entry in entries} <= load_regions().codes()
    assert read_roster("r.csv", write_roster(entries).encode()) == entries


def test_a_file_of_excel_with_semicolons_and_a_mark_reads_the_same() -> None:
    text = HEAD + ROW
    assert read_roster("r", ("\ufeff" + text.replace(",", ";")).encode()) == read_roster("r", text.encode())


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("u1", "", "unit"),
        ("53.01", "53.99", "region"),
        ("incident", "kejadian", "event_type"),
        ("MONTH", "BULAN", "period_kind"),
        ("2024-01-01", "2024-02-30", "valid_from"),
        ("2024-01-01", "20240101", "valid_from"),
        ("2024-01-01", "0024-01-01", "valid_from"),
        ("2024-06-01", "2024-01-01", "valid_to"),
        (",7", ",-1", "days_allowed"),
        (",7", ",7.5", "days_allowed"),
        (",7", "", "days_allowed"),
    ],
)
def test_every_wrong_field_is_named_with_its_row(old: str, new: str, field: str) -> None:
    assert problems(HEAD + ROW + ROW.replace("u1", "u2").replace(old if old != "u1" else "u2", new)) == [(3, field)]


def test_all_problems_are_told_at_once_and_the_error_says_the_first_in_both_languages() -> None:
    text = HEAD + ROW.replace("53.01", "0") + ROW.replace("MONTH", "?")
    assert problems(text) == [(2, "region"), (3, "period_kind")]
    with pytest.raises(InvalidRoster, match=r"r.csv:2, region: Wilayah '0'.*/.*2 places"):
        read_roster("r.csv", text.encode())


def test_two_entries_that_expect_one_report_twice_are_refused_and_one_after_the_other_are_not() -> None:
    assert problems(HEAD + ROW + ROW.replace("2024-01-01", "2024-05-31").replace("2024-06-01", "")) == [
        (3, "valid_from")
    ]
    follows = HEAD + ROW + ROW.replace("2024-01-01,2024-06-01", "2024-06-01,")
    assert len(read_roster("r", follows.encode())) == 2


@pytest.mark.parametrize("content", [b"", b"unit,name\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_roster_says_what_it_must_be(content: bytes) -> None:
    with pytest.raises(InvalidRoster):
        read_roster("r.csv", content)


def test_only_what_changed_is_appended_and_only_prune_withdraws() -> None:
    first, second, third = example(date(2024, 1, 1))[:3]
    current = {entry.key: Held(50, stands=True, entry=entry) for entry in (first, second, third)}
    corrected = replace(second, days_allowed=10)
    found = changes([first, corrected], current, prune=False, now_micros=40)
    assert found == [(RosterAction.SUBMIT, 51, corrected)]  # above what stands, whatever the clock says
    found = changes([first, corrected], current, prune=True, now_micros=99)
    assert found == [(RosterAction.SUBMIT, 99, corrected), (RosterAction.WITHDRAW, 99, third)]
    gone = current | {third.key: Held(50, stands=False, entry=third)}
    assert changes([first, second], gone, prune=True, now_micros=99) == []
    assert changes([first, second, third], gone, prune=True, now_micros=99) == [(RosterAction.SUBMIT, 99, third)]


def test_of_one_key_the_highest_revision_stands_and_ticks_say_nothing() -> None:
    entry = example(date(2024, 1, 1))[0]
    later = replace(entry, name="Baru")
    records = [later.to_record(RosterAction.SUBMIT, 2), entry.to_record(RosterAction.WITHDRAW, 1), tick_record(9)]
    assert newest(records) == {entry.key: Held(2, stands=True, entry=later)}
    assert held_of(entry.to_record(RosterAction.SUBMIT, 1) | {"valid_from": "x"}) is None


def test_a_period_is_owed_by_the_unit_that_is_there_on_its_last_day() -> None:
    (entry,) = read_roster("r", (HEAD + ROW.replace("2024-01-01,2024-06-01", "2024-02-15,2024-04-30")).encode())
    owed = [month for month in range(1, 7) if entry.expects(Period.read("MONTH", f"2024-0{month}"))]
    assert owed == [2, 3]
    assert not entry.expects(Period.read("YEAR", "2024"))

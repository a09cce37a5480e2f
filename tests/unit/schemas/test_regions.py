"""Codes of regions: every code of every table means what its table says, on the days where the meaning changes."""

import csv
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.region_codes import Meaning, Scheme
from simpul_schemas.regions import NATION, Level, load_regions
from simpul_schemas.resolve import CAUTION_TEXTS, Caution, Reason, Resolution, meaning_on, resolve

TODAY = date(2025, 11, 1)
DAY = timedelta(days=1)
REGIONS = load_regions()


def table(name: str) -> list[dict[str, str]]:
    text = resources.files("simpul_schemas").joinpath(f"data/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


ALIASES = table("region_aliases")
SUPERSEDED = [row for row in ALIASES if row["scheme"] == "kemendagri"]
BPS = [row for row in ALIASES if row["scheme"] == "bps"]
DJPK = table("djpk_codes")
INTERIM = table("interim_codes")
#: Interim codes that are the code of another region today.
CONTESTED = {row["code"]: row["region"] for row in INTERIM if row["code"] in REGIONS}


def dotted(digits: str) -> str:
    """Return the digits as a Kemendagri code would be written."""
    return ".".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def plainly(found: Resolution) -> tuple[str | None, set[Caution]]:
    return found.code, set(found.cautions) - {Caution.AREA_CHANGED}


def test_each_of_the_7837_current_codes_means_itself_with_dots_and_without() -> None:
    reused = {"74.08.13", "74.08.15", *CONTESTED}
    assert len(reused) == 2 + 32
    codes = REGIONS.codes()
    assert len(codes) == 7837
    for code in codes:
        expected = (code, {Caution.REUSED} if code in reused else set())
        assert plainly(resolve("kemendagri", code, TODAY)) == expected
        assert plainly(resolve("kemendagri", code.replace(".", ""), TODAY)) == expected


def test_each_of_the_622_superseded_codes_means_its_region_until_the_day_before_the_change_and_after_it_too() -> None:
    assert len(SUPERSEDED) == 622
    reused = 0
    for row in SUPERSEDED:
        change = date.fromisoformat(row["valid_to"])
        before, after = resolve("kemendagri", row["code"], change - DAY), resolve("kemendagri", row["code"], change)
        if row["code"] in REGIONS:
            reused += 1
            assert plainly(before) == (row["region"], {Caution.REUSED})
            assert plainly(after) == (row["code"], {Caution.REUSED})
        else:
            assert plainly(before) == (row["region"], set())
            assert plainly(after) == (row["region"], {Caution.ENDED})
            assert plainly(resolve("kemendagri", row["code"], TODAY)) == (row["region"], {Caution.ENDED})
    assert reused == 2


def test_each_of_the_622_new_codes_means_itself_from_the_day_of_the_change_and_with_a_caution_before_it() -> None:
    changed = {row["region"]: date.fromisoformat(row["valid_to"]) for row in SUPERSEDED}
    assert len(changed) == 622
    for code, change in changed.items():
        if code in {row["code"] for row in SUPERSEDED}:
            continue
        after, before = ({Caution.REUSED}, {Caution.CONTESTED}) if code in CONTESTED else (set(), set())
        assert plainly(resolve("kemendagri", code, change)) == (code, after)
        assert plainly(resolve("kemendagri", code, change - DAY)) == (code, {Caution.NOT_YET_VALID, *before})


def test_each_of_the_56_codes_that_kpu_used_before_the_decree_is_known_or_said_to_be_contested() -> None:
    assert len(INTERIM) == 56
    assert len(CONTESTED) == 32
    for row in INTERIM:
        change = date.fromisoformat(row["valid_to"])
        before, after = resolve("kemendagri", row["code"], change - DAY), resolve("kemendagri", row["code"], change)
        if row["code"] in CONTESTED:
            assert before.code == after.code == row["code"]
            assert Caution.CONTESTED in before.cautions
            assert after.cautions == (Caution.REUSED,)
            assert [region.code for region in before.candidates] == [row["region"]]
            assert before.candidates == after.candidates
        else:
            assert plainly(before) == (row["region"], set())
            assert plainly(after) == (row["region"], {Caution.ENDED})
    # It is the last two digits of the superseded code that these codes kept.
    old = {(row["region"], row["code"][-2:]) for row in SUPERSEDED}
    assert all((row["region"], row["code"][-2:]) in old for row in INTERIM)


def test_a_code_that_changed_its_meaning_goes_by_the_day() -> None:
    assert resolve("kemendagri", "74.08.13", date(2017, 12, 28)).code == "74.08.15"
    assert resolve("kemendagri", "74.08.13", date(2017, 12, 29)).code == "74.08.13"
    assert resolve("kemendagri", "740815", date(2017, 12, 28)).code == "74.08.13"
    assert resolve("kemendagri", "740815", date(2017, 12, 29)).code == "74.08.15"


def test_a_new_province_begins_with_its_regencies_and_a_code_is_never_older_than_its_parents() -> None:
    assert resolve("kemendagri", "93", date(2022, 11, 8)).cautions == (Caution.NOT_YET_VALID,)
    assert resolve("kemendagri", "93", date(2022, 11, 9)).cautions == ()
    assert resolve("kemendagri", "96", date(2025, 4, 24)).cautions == (Caution.NOT_YET_VALID,)
    for region in map(REGIONS.get, REGIONS.codes()):
        assert region is not None
        if region.parent and Caution.NOT_YET_VALID in resolve("kemendagri", region.parent, date(2022, 11, 8)).cautions:
            assert Caution.NOT_YET_VALID in resolve("kemendagri", region.code, date(2022, 11, 8)).cautions


def test_only_papua_and_papua_barat_shrank_and_say_so_before_that_day_in_every_scheme() -> None:
    said = {
        code
        for code in REGIONS.codes()
        if Caution.AREA_CHANGED in resolve("kemendagri", code, date(2022, 11, 8)).cautions
    }
    assert said == {"91", "92"}
    assert resolve("kemendagri", "91", date(2022, 11, 9)).cautions == ()
    assert resolve("kemendagri", "92", date(2022, 11, 9)).cautions == (Caution.AREA_CHANGED,)
    assert resolve("bps", "94", date(2020, 1, 1)).cautions == (Caution.AREA_CHANGED,)
    assert resolve("name", "Papua", date(2020, 1, 1)).cautions == (Caution.AREA_CHANGED,)


def test_each_of_the_8446_bps_codes_means_what_the_bridging_table_says_on_the_day_before_its_end_and_on_others() -> (
    None
):
    assert Counter(len(row["code"]) for row in BPS) == {2: 38, 4: 540, 7: 7868}
    ended = 0
    for row in BPS:
        code, region = row["code"], row["region"]
        if row["valid_to"]:
            ended += 1
            change = date.fromisoformat(row["valid_to"])
            assert plainly(resolve("bps", code, change - DAY)) == (region, set())
            assert plainly(resolve("bps", code, change)) == (region, {Caution.ENDED, Caution.COVERS_MORE})
        else:
            for day in (date(2016, 1, 1), date(2022, 11, 9), TODAY):
                assert plainly(resolve("bps", code, day)) == (region, set())
        levels = ".".join(part for part in (code[:2], code[2:4], code[4:]) if part)
        assert resolve("bps", levels, date(2016, 1, 1)).code == region
    assert ended == 11


def test_175_bps_regencies_whose_digits_are_another_region_in_kemendagri_are_never_confused() -> None:
    clashing = [
        row
        for row in BPS
        if len(row["code"]) == 4 and dotted(row["code"]) in REGIONS and dotted(row["code"]) != row["region"]
    ]
    assert len(clashing) == 175
    for row in clashing:
        for written in (row["code"], dotted(row["code"])):
            assert resolve("bps", written, TODAY).code == row["region"]
            assert resolve("kemendagri", written, TODAY).code == dotted(row["code"])
            for no_scheme in ("name", "", "auto", "bps?"):
                assert resolve(no_scheme, written, TODAY).reason is Reason.UNKNOWN_SCHEME


def test_five_provinces_of_bps_have_the_digits_of_another_province() -> None:
    clashing = {row["code"] for row in BPS if len(row["code"]) == 2 and row["code"] != row["region"]}
    assert {code for code in clashing if code in REGIONS} == {"91", "92", "94", "95", "96"}
    for row in BPS:
        if row["code"] in clashing:
            assert resolve("bps", row["code"], TODAY).code == row["region"]


def test_each_of_the_471_djpk_codes_means_one_region_of_its_level_inside_its_province() -> None:
    assert Counter(len(row["code"]) for row in DJPK) == {2: 37, 5: 434}
    assert len({row["region"] for row in DJPK}) == 471
    provinces = {row["code"]: row["region"] for row in DJPK if len(row["code"]) == 2}
    for row in DJPK:
        found = resolve("djpk", row["code"], TODAY)
        assert found.code == row["region"] == resolve("djpk", row["code"].replace(".", ""), TODAY).code
        assert found.region is not None
        assert found.region.level is (Level.PROVINCE if len(row["code"]) == 2 else Level.REGENCY)
        assert row["region"][:2] == provinces[row["code"][:2]]
        kind = {"Kab": "Kabupaten ", "Kot": "Kota ", "Pro": ""}[row["name"][:3]]
        assert found.region.name.startswith(kind)


def test_djpk_codes_are_no_kemendagri_codes_and_the_national_total_is_no_region() -> None:
    assert resolve("djpk", "11", TODAY).code == "33"
    assert resolve("kemendagri", "11", TODAY).code == "11"
    assert resolve("djpk", "00", TODAY).reason is Reason.UNKNOWN_CODE
    assert resolve("djpk", "00.00", TODAY).reason is Reason.UNKNOWN_CODE


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        ("kemendagri", "11.1"),  # 11.10 or 11.01 with a zero lost
        ("kemendagri", "1.101"),
        ("kemendagri", "110"),
        ("kemendagri", "1101010"),  # seven digits are BPS
        ("kemendagri", "11.01.01.2001"),  # a village
        ("kemendagri", "11,01"),
        ("kemendagri", "\u0661\u0661"),  # digits, but not these
        ("kemendagri", "11.01."),
        ("kemendagri", ""),
        ("bps", "110101"),
        ("bps", "11.01.01"),
        ("djpk", "101"),
        ("djpk", "01.01.01"),
    ],
)
def test_a_code_that_is_not_written_as_its_scheme_writes_codes_is_not_mended(scheme: str, code: str) -> None:
    assert resolve(scheme, code, TODAY).reason is Reason.MALFORMED_CODE


def test_a_code_that_is_in_no_table_is_unknown() -> None:
    for scheme, code in (("kemendagri", "99"), ("kemendagri", "96.01.99"), ("bps", "9504010"), ("djpk", "09.01")):
        assert resolve(scheme, code, TODAY).reason is Reason.UNKNOWN_CODE


def test_a_code_is_checked_against_its_parent_of_that_day() -> None:
    day = date(2020, 1, 1)
    assert resolve("kemendagri", "91.01", day, "91").code == "93.01"
    assert resolve("bps", "9401", day, "91").code == "93.01"
    assert resolve("kemendagri", "91.01.01", day, "91.01").code == "93.01.01"
    assert resolve("kemendagri", "73.71", day, NATION).code == "73.71"
    assert resolve("kemendagri", "73.71", day, "72").reason is Reason.OUTSIDE_PARENT
    assert resolve("bps", "7371", day, "73.7").reason is Reason.UNKNOWN_PARENT


A, B = Meaning("11", None, date(2018, 1, 1)), Meaning("12", date(2020, 1, 1), None)


@pytest.mark.parametrize(
    ("meanings", "on", "expected"),
    [
        ((A, B), date(2017, 12, 31), (A, (Caution.REUSED,))),
        ((A, B), date(2018, 1, 1), (Reason.ENDED, ())),
        ((A, B), date(2019, 12, 31), (Reason.ENDED, ())),
        ((A, B), date(2020, 1, 1), (B, (Caution.REUSED,))),
        ((B, Meaning("13", date(2021, 1, 1))), date(2019, 1, 1), (Reason.NOT_YET_VALID, ())),
        ((B, Meaning("13")), date(2021, 1, 1), (Reason.AMBIGUOUS, ())),
        ((A,), date(2018, 1, 1), (A, (Caution.ENDED,))),
        ((B,), date(2019, 12, 31), (B, (Caution.NOT_YET_VALID,))),
    ],
)
def test_one_meaning_holds_on_any_day_and_several_only_inside_their_dates(
    meanings: tuple[Meaning, ...], on: date, expected: tuple[Meaning | Reason, tuple[Caution, ...]]
) -> None:
    assert meaning_on(meanings, on) == expected


def test_a_moment_is_no_day() -> None:
    with pytest.raises(TypeError):
        resolve("kemendagri", "11", datetime(2025, 1, 1, tzinfo=UTC))


@given(
    st.sampled_from([*Scheme, "", "x"]),
    st.text() | st.from_regex(r"[0-9]{1,8}|[0-9]{2}\.[0-9]{2}(\.[0-9]{2,3})?", fullmatch=True),
    st.dates(),
    st.none() | st.sampled_from(["ID", "91", "91.01", "73.71.01", "zz"]) | st.text(),
)
def test_whatever_is_asked_the_answer_is_a_region_or_a_reason_in_two_languages(
    scheme: str, code: str, on: date, parent: str | None
) -> None:
    found = resolve(scheme, code, on, parent)
    if found.region is not None:
        assert found.code in REGIONS
        assert found.reason is None
        assert found.message is None
    else:
        assert found.reason in Reason
        assert found.message is not None
        assert found.message.indonesian != found.message.english
        assert not found.cautions


def test_every_caution_has_its_words() -> None:
    assert set(CAUTION_TEXTS) == set(Caution)


def test_the_children_of_all_regions_are_all_regions() -> None:
    children = defaultdict(set)
    for parent in (NATION, *REGIONS.codes()):
        for child in REGIONS.children(parent):
            assert child.parent == ("" if parent == NATION else parent)
            children[child.level].add(child.code)
    assert {level: len(codes) for level, codes in children.items()} == {
        Level.PROVINCE: 38,
        Level.REGENCY: 514,
        Level.DISTRICT: 7285,
    }

"""Names of regions inside a parent: official ones, short forms, other spellings; never across two candidates."""

import csv
from collections import Counter
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simpul_schemas import region_names
from simpul_schemas.region_names import Names, allowed_edits, edit_distance, read_name, short_key, spellings
from simpul_schemas.regions import NATION, Level, Region, load_regions
from simpul_schemas.resolve import Caution, Reason, resolve

TODAY = date(2025, 11, 1)


def parent_of(region: Region) -> str:
    return region.parent or NATION


REGIONS = load_regions()
ALL = sorted((region for code in REGIONS.codes() if (region := REGIONS.get(code))), key=lambda region: region.code)
REGENCIES = [region for region in ALL if region.level is Level.REGENCY]
PARENTS = {parent_of(region): region.level for region in ALL}
#: The decree of 2025 exchanged the names of these two.
AYAU = {"96.03.05", "96.03.23"}


def table(name: str) -> list[dict[str, str]]:
    text = resources.files("simpul_schemas").joinpath(f"data/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_every_official_name_means_its_own_region_inside_its_parent_but_for_the_two_that_were_exchanged() -> None:
    outcome = Counter()
    for region in ALL:
        found = resolve("name", region.name, TODAY, parent_of(region))
        if found.code == region.code:
            assert found.cautions == ()
            outcome["own"] += 1
        else:
            assert found.reason is Reason.AMBIGUOUS
            assert {region.code for region in found.candidates} == AYAU
            outcome["ambiguous"] += 1
    assert outcome == {"own": 7835, "ambiguous": 2}


def test_every_name_of_every_other_table_means_its_region_inside_its_parent_too() -> None:
    outcome = Counter()
    for row in [*table("region_aliases"), *table("region_names"), *table("djpk_codes")]:
        region = REGIONS.get(row["region"])
        assert region is not None
        found = resolve("name", row["name"], TODAY, parent_of(region))
        if found.code == region.code:
            outcome["own"] += 1
            continue
        assert found.reason is Reason.AMBIGUOUS, row
        assert region in found.candidates
        # One kabupaten, twice: BPS calls it Sorong, and there is a Kota Sorong.
        outcome["bare kabupaten" if region.level is Level.REGENCY else "exchanged"] += 1
        assert region.level is Level.REGENCY or region.code in AYAU
    assert outcome == {"own": 9575, "bare kabupaten": 2, "exchanged": 6}


def test_the_name_of_a_region_that_left_its_parent_is_found_there_with_a_caution_after_that_day() -> None:
    left = 0
    for row in table("region_aliases"):
        parent = row["code"].rpartition(".")[0]
        if row["scheme"] == "kemendagri" and parent in REGIONS and not row["region"].startswith(parent):
            left += 1
            change = date.fromisoformat(row["valid_to"])
            after = resolve("name", row["name"], change, parent)
            assert (after.code, after.cautions) == (row["region"], (Caution.ENDED,))
            assert resolve("name", row["name"], date(2020, 1, 1), parent).cautions == ()
    assert left == 26
    # A parent may be told by the code that it had on that day.
    assert resolve("name", "Distrik Merauke", date(2020, 1, 1), "91.01").code == "93.01.01"


def swapped(name: str) -> str:
    kind, _, rest = name.partition(" ")
    return f"{ {'Kabupaten': 'Kota', 'Kota': 'Kabupaten'}[kind] } {rest}".strip()


def test_a_kabupaten_never_stands_for_a_kota_nor_the_reverse() -> None:
    both = 0
    for region in REGENCIES:
        found = resolve("name", swapped(region.name), TODAY, region.parent).region
        if found is not None:
            assert found.name.split()[0] == swapped(region.name).split()[0]
            both += 1
    assert both == 2 * 25


def test_a_bare_name_is_ambiguous_exactly_where_a_kabupaten_and_a_kota_bear_it() -> None:
    bare = Counter((region.parent, region.name.partition(" ")[2]) for region in REGENCIES)
    outcome = Counter()
    for region in REGENCIES:
        name = region.name.partition(" ")[2]
        found = resolve("name", name, TODAY, region.parent)
        if bare[region.parent, name] > 1:
            assert found.reason is Reason.AMBIGUOUS
            assert len(found.candidates) == 2
        else:
            assert found.code == region.code
        outcome[found.reason] += 1
    assert outcome == {None: 464, Reason.AMBIGUOUS: 50}


@pytest.mark.parametrize(
    ("name", "parent", "code", "cautions"),
    [
        ("KAB. BANDUNG", "32", "32.04", ()),
        ("Kab.Bandung", "32", "32.04", ()),
        ("kota bandung", "32", "32.73", ()),
        ("Kotamadya Bandung", "32", "32.73", ()),
        ("Bandung City", "32", "32.73", ()),
        ("Kota Adm. Jakarta Pusat", "31", "31.71", ()),
        ("Kab. Adm. Kep. Seribu", "31", "31.01", ()),
        ("Prov. DKI Jakarta", NATION, "31", ()),
        ("D.I. Yogyakarta", NATION, "34", ()),
        ("DIY", NATION, "34", ()),
        ("Kep. Riau", NATION, "21", ()),
        ("Riau Islands", NATION, "21", ()),
        ("Riau", NATION, "14", ()),
        ("Southwest Papua Province", NATION, "96", ()),
        ("Central Java", NATION, "33", (Caution.SPELLING,)),
        ("Bangka Belitung", NATION, "19", (Caution.SHORT_FORM,)),
        ("Kab. Pangkajene & Kepulauan", "73", "73.10", ()),
        ("Kecamatan Banyuasin 3", "16.07", "16.07.03", ()),
        ("Kec. Sadan", "73.26", "73.26.06", ()),
        ("Lima Puluh Kota", "13", "13.07", ()),
        ("Misool Utara", "96.03", "96.03.01", ()),
        ("Padangsidempuan", "12", "12.77", ()),
    ],
)
def test_usual_short_forms_are_understood(name: str, parent: str, code: str, cautions: tuple[Caution, ...]) -> None:
    found = resolve("name", name, TODAY, parent)
    assert (found.code, found.cautions) == (code, cautions)


@pytest.mark.parametrize(
    ("name", "parent", "reason"),
    [
        ("Kabupaten Bandung", None, Reason.NO_PARENT),
        ("Jawa Brat", None, Reason.NO_PARENT),  # another spelling only counts inside a parent
        ("Kabupaten Bandung", "33", Reason.UNKNOWN_NAME),
        ("Kabupaten", "32", Reason.UNKNOWN_NAME),
        ("Banyuasin IV", "16.07", Reason.UNKNOWN_NAME),
        ("Sunsel", NATION, Reason.AMBIGUOUS),  # Sulsel or Sumsel
        ("Kepulauan Banggai", "72", Reason.UNKNOWN_NAME),  # there are Banggai, Banggai Kepulauan and Banggai Laut
        ("Aceh", "", Reason.UNKNOWN_PARENT),
        ("3273", "32", Reason.UNKNOWN_SCHEME),
        ("", "32", Reason.UNKNOWN_SCHEME),
        ("Ujung Pandang", "73.71.09", Reason.UNKNOWN_PARENT),
        ("Ujung Pandang", "73.99", Reason.UNKNOWN_PARENT),
    ],
)
def test_what_is_no_name_of_one_region_there_is_refused(name: str, parent: str | None, reason: Reason) -> None:
    assert resolve("name", name, TODAY, parent).reason is reason


def test_a_short_form_that_is_near_another_name_is_refused() -> None:
    islands, neighbour = (
        Region(f"71.0{number}", f"Kabupaten {name}", Level.REGENCY, "71", "Asia/Makassar")
        for number, name in enumerate(["Kepulauan Sangir", "Sanger"])
    )
    assert Names({islands: ()}, Level.REGENCY).find("Sangir").regions == (islands,)
    assert Names({islands: (), neighbour: ()}, Level.REGENCY).find("Sangir").regions == (islands, neighbour)


def test_a_province_needs_no_parent() -> None:
    for code in REGIONS.provinces():
        assert resolve("name", REGIONS.name(code), TODAY).code == code


def test_no_official_name_is_taken_for_an_english_one() -> None:
    for region in ALL:
        letters = [word for word in region.name.lower().replace("-", " ").split() if word.isascii()]
        assert not {"north", "south", "east", "west", "central", "islands", "city", "regency"} & set(letters)


def siblings(parent: str) -> dict[Region, set[str]]:
    """Return each candidate of a parent with the keys of all its names, read from the tables anew."""
    found = {region: {region.name} for region in REGIONS.children(parent)}
    rows = [*table("region_aliases"), *table("region_names")]
    for row in rows:
        region = REGIONS.get(row["region"])
        if region is not None and row.get("scheme") == "kemendagri" and row["code"].rpartition(".")[0] == parent:
            found.setdefault(region, {region.name})
    for row in rows:
        region = REGIONS.get(row["region"])
        if region in found:
            found[region].add(row["name"])
    return {
        region: {read_name(text, region.level).key for text in spellings(*names)}
        | {key for key in [short_key(region.name, region.level)] if key}
        for region, names in found.items()
    }


cached_siblings = cache(siblings)


def distance_by_definition(left: str, right: str) -> int:
    """Optimal string alignment distance, written as it is defined."""

    @cache
    def between(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        ways = [between(i - 1, j) + 1, between(i, j - 1) + 1, between(i - 1, j - 1) + (left[i - 1] != right[j - 1])]
        if i > 1 and j > 1 and left[i - 1] == right[j - 2] and left[i - 2] == right[j - 1]:
            ways.append(between(i - 2, j - 2) + 1)
        return min(ways)

    return between(len(left), len(right))


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_the_distance_is_the_one_that_its_definition_gives(left: str, right: str) -> None:
    assert edit_distance(left, right) == distance_by_definition(left, right) == edit_distance(right, left)


@st.composite
def changed_names(draw: st.DrawFn, letters: int) -> tuple[str, Region]:
    """Draw a region, and its official name with some letters changed."""
    region = draw(st.sampled_from(ALL))
    name = region.name
    for _ in range(letters):
        at = draw(st.integers(0, len(name)))
        new = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
        tail = draw(st.sampled_from([name[at:], name[at + 1 :], new + name[at:], new + name[at + 1 :]]))
        name = name[:at] + tail
    return name, region


@settings(max_examples=250)
@given(st.integers(1, 3).flatmap(changed_names))
@example(("Lebong latan", REGIONS.get("17.07.04")))  # as far from Lebong Atas, which is too short for two edits
def test_a_changed_name_never_means_a_region_that_is_further_away_than_another_candidate(
    case: tuple[str, Region],
) -> None:
    written, original = case
    found = resolve("name", written, TODAY, parent_of(original)).region
    if found is None:
        return
    name = read_name(written, found.level)
    # A short form is one only as it is: `Riaou` is a spelling of Riau, and not of Kepulauan Riau.
    away = {
        region: min(
            distance_by_definition(name.key, key)
            for key in keys - ({short_key(region.name, region.level)} - {name.key})
        )
        for region, keys in cached_siblings(parent_of(original)).items()
        if name.kind in {None, read_name(region.name, region.level).kind}
    }
    nearest = min(away.values())
    assert [region for region, edits in away.items() if edits == nearest] == [found]
    assert nearest <= 2
    if nearest:
        # Nobody else is near at all.
        for region in away.keys() - {found}:
            keys = cached_siblings(parent_of(original))[region] - {short_key(region.name, region.level)}
            assert all(distance_by_definition(name.key, key) > allowed_edits(name.key, key) for key in keys)


@settings(max_examples=250)
@given(changed_names(1))
def test_one_changed_letter_keeps_a_long_name_or_makes_it_unclear(case: tuple[str, Region]) -> None:
    written, original = case
    found = resolve("name", written, TODAY, parent_of(original))
    if found.region not in {None, original}:
        # It has become the name of somebody else, letter by letter.
        assert Caution.SPELLING not in found.cautions


def test_the_threshold_finds_what_bps_spells_another_way_and_takes_none_of_it_for_another_region() -> None:
    """The first number that the threshold was chosen by: official names alone, asked for by those of BPS."""
    inside = {parent: Names(dict.fromkeys(REGIONS.children(parent), ()), level) for parent, level in PARENTS.items()}
    outcome = Counter()
    for row in table("region_aliases"):
        region = REGIONS.get(row["region"])
        assert region is not None
        if (
            row["scheme"] == "bps"
            and read_name(row["name"], region.level).key != read_name(region.name, region.level).key
        ):
            found = inside[parent_of(region)].find(row["name"]).regions
            assert found in {(region,), ()} or len(found) > 1, row
            outcome["found" if found == (region,) else "refused"] += 1
    assert outcome == {"found": 108, "refused": 60}


def test_a_region_that_the_table_would_lack_is_seldom_taken_for_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second number: each official name in turn, asked for where its region has been taken out."""
    # The same names are read for each of their neighbours.
    monkeypatch.setattr(region_names, "read_name", cache(read_name))
    taken = 0
    for parent, level in PARENTS.items():
        children = REGIONS.children(parent)
        for region in children:
            others = Names({other: () for other in children if other != region}, level)
            taken += len(others.find(region.name).regions) == 1
    assert taken == 29  # of 7,837: 20 by spelling (Umbulsari, Mumbulsari), 9 by a short form (Riau, Kepulauan Riau)


REAL_NAMES = Path(__file__).with_name("real_region_names.csv")


def test_names_as_real_data_write_them_are_found_or_refused_as_counted_here() -> None:
    """Refusals, cautions and names unlike the official one were each read; `rows` counts its rows."""
    outcome: Counter[tuple[str, str]] = Counter()
    with REAL_NAMES.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            on, parent = date.fromisoformat(row["on"]), NATION
            for above in (row["province"], row["regency"]):
                if above:
                    parent = resolve("name", above, on, parent).code or "?"
            found = resolve("name", row["name"], on, parent)
            assert (found.code or found.reason, " ".join(found.cautions)) == (row["expected"], row["cautions"]), row
            outcome[row["source"], "resolved" if found.code else str(found.reason)] += 1
    assert outcome == {
        ("ucdp", "resolved"): 74,
        # Timor Timur and Irian Jaya; kabupaten that were renamed, have moved, or never were (Kota Poso, Kota Lampung).
        ("ucdp", "unknown_name"): 9,
        ("ucdp", "unknown_parent"): 17,
        ("dibi", "resolved"): 38,
        ("pilpres2019", "resolved"): 305,
        ("pilpres2019", "unknown_name"): 1,  # T. JAMBO AYE
        ("polda", "resolved"): 33,
        ("polda", "unknown_name"): 2,  # METRO JAYA is wider than Jakarta; INDONESIA is a total
        ("situbondo", "resolved"): 12,
        ("bnpb", "resolved"): 31,
        ("bnpb", "unknown_name"): 1,  # a kabupaten of Jawa Tengah, filed under Kalimantan Selatan
        ("bnpb", "ambiguous"): 2,
        ("jabar", "resolved"): 27,
        ("apbd_jatim", "resolved"): 31,
        ("apbd_jatim", "ambiguous"): 7,  # file names: Blitar beside Kota Blitar
        ("djpk", "resolved"): 2,
        ("djpk", "unknown_name"): 1,  # Nasional
    }

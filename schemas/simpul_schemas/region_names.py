"""Names of regions: how a written name becomes a key, and which of a few candidates it stands for.

A name means something only inside a parent, so the candidates are few (at most 55) and comparing all of them is cheap.
What is the same name is decided in three steps, and each step must leave exactly one region:

1. **The same key.** Letter case, accents, punctuation, blanks and `dan` do not matter; `Kep.` is `Kepulauan`, a Roman
   numeral is its number; English forms (`North Aceh Regency`, `Aru Islands`) are read as Indonesian ones.
2. **The short form.** A leading or trailing `Kepulauan` of the official name may be left out, where no other region is
   near (step 3).
3. **Another spelling.** Two keys are *near* when at most `allowed_edits` letters were inserted, left out, replaced, or
   exchanged with their neighbour; who is no further away than the nearest is near as well. With two near candidates
   the name is ambiguous, also where one of them is nearer. Numbers are no spelling: `Banyuasin I` is never
   `Banyuasin II`.

`Kabupaten X` is compared with kabupaten only and `Kota X` with kota only; a bare `X` with both.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from simpul_schemas.regions import Level, Region

#: Below this many letters a name must be written exactly: too many short names are one letter apart.
MIN_LETTERS_FOR_ONE_EDIT = 5
#: From this many letters on, two edits are allowed.
MIN_LETTERS_FOR_TWO_EDITS = 12
#: What `allowed_edits` gives at most.
MOST_EDITS = 2


class Kind(StrEnum):
    """What a second-level region calls itself; part of its identity, not of its name."""

    KABUPATEN = "kabupaten"
    KOTA = "kota"


class Match(StrEnum):
    """How a written name and the name of a region agree."""

    SAME = "same"
    SHORT_FORM = "short_form"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is compared: its key (ASCII letters and digits only) and its kind, where it says one."""

    key: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The regions that a name may stand for, best guess first; one means that it is resolved, none that it is not."""

    regions: tuple[Region, ...]
    match: Match


_KINDS: Mapping[str, Kind] = MappingProxyType(
    dict.fromkeys(("kabupaten", "kab", "regency"), Kind.KABUPATEN)
    | dict.fromkeys(("kota", "kotamadya", "kodya", "city", "municipality"), Kind.KOTA)
)
#: Words in front of a name that only say the level.
_LEVEL_WORDS: Mapping[Level, frozenset[str]] = MappingProxyType(
    {
        Level.PROVINCE: frozenset({"provinsi", "propinsi", "prov"}),
        Level.REGENCY: frozenset({"kabupaten", "kab", "kota", "kotamadya", "kodya"}),
        Level.DISTRICT: frozenset({"kecamatan", "kec", "distrik", "kapanewon", "kemantren"}),
    }
)
#: The same in English, behind the name. Not so in Indonesian: Kabupaten Lima Puluh Kota is no kota.
_ENGLISH_LEVEL_WORDS: Mapping[Level, frozenset[str]] = MappingProxyType(
    {
        Level.PROVINCE: frozenset({"province"}),
        Level.REGENCY: frozenset({"regency", "city", "municipality"}),
        Level.DISTRICT: frozenset({"district"}),
    }
)
#: Between the kind and the name of a part of Jakarta: `Kota Adm. Jakarta Pusat`.
_ADMINISTRATIVE = frozenset({"administrasi", "administratif", "adm"})
_ISLANDS = "kepulauan"
_DIRECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "north": "utara",
        "south": "selatan",
        "east": "timur",
        "west": "barat",
        "central": "tengah",
        "southeast": "tenggara",
        "southwest": "barat daya",
        "northeast": "timur laut",
        "northwest": "barat laut",
    }
)
_ROMAN = re.compile(r"(?=[ivx])(x{0,3})(ix|iv|v?i{0,3})")
_WORD = re.compile(r"[a-z0-9]+")
_INITIALS = re.compile(r"\b([a-z])[. ]+(?=[a-z]\b)")
_DIGITS = re.compile(r"[0-9]+")
_DOUBLE_NAME = re.compile(r"[/()]")


def read_name(text: str, level: Level) -> Name:
    """Return how a name of a region of a level is compared; a text without letters or digits has an empty key."""
    words = _words(text)
    kind: Kind | None = None
    if words and words[0] in _LEVEL_WORDS[level]:
        kind = _KINDS.get(words.pop(0))
    elif words and words[-1] in _ENGLISH_LEVEL_WORDS[level]:
        kind = _KINDS.get(words.pop())
    while level is Level.REGENCY and words and words[0] in _ADMINISTRATIVE:
        words.pop(0)
    return Name("".join(_numbered(word) for word in _indonesian(words) if word not in {"dan", "and"}), kind)


def short_key(text: str, level: Level) -> str | None:
    """Return the key of a name without its leading or trailing `Kepulauan`; None where it has none."""
    key = read_name(text, level).key
    short = key.removeprefix(_ISLANDS) if key.startswith(_ISLANDS) else key.removesuffix(_ISLANDS)
    return short if short and short != key else None


def allowed_edits(key: str, other: str) -> int:
    """Return by how many letters two keys may differ and still be spellings of one name; the longer one counts."""
    letters = max(len(key), len(other))
    return (letters >= MIN_LETTERS_FOR_ONE_EDIT) + (letters >= MIN_LETTERS_FOR_TWO_EDITS)


def edit_distance(left: str, right: str) -> int:
    """Return how many letters must be inserted, left out, replaced or exchanged with their neighbour.

    This is the optimal string alignment distance: no place is changed twice.
    """
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]


def has_letters(text: str) -> bool:
    """Return whether a text can be a name at all, and is not merely a code."""
    return any(letter.isalpha() for letter in text)


def spellings(*names: str) -> Iterator[str]:
    """Yield names, and of a double name (`Konda/Kondaga`, `Misool (Misool Utara)`) both halves as well."""
    for name in names:
        yield name
        halves = [half for half in _DOUBLE_NAME.split(name) if half.strip()]
        if len(halves) > 1:
            yield from halves


class Names:
    """The names of the regions inside one parent; read-only."""

    def __init__(self, regions: Mapping[Region, Sequence[str]], level: Level) -> None:
        self._level = level
        self._kinds = {region: read_name(region.name, level).kind for region in regions}
        self._keys: dict[str, set[Region]] = {}
        self._short_keys: dict[str, set[Region]] = {}
        for region, others in regions.items():
            for text in spellings(region.name, *others):
                self._keys.setdefault(read_name(text, level).key, set()).add(region)
            short = short_key(region.name, level)
            if short is not None:
                self._short_keys.setdefault(short, set()).add(region)

    def find(self, text: str) -> Found:
        """Return the regions that a written name may stand for."""
        name = read_name(text, self._level)
        same = self._of_kind(self._keys.get(name.key, ()), name.kind)
        if same:
            return Found(_in_order(same), Match.SAME)
        near = self._spelled_like(name)
        short = self._of_kind(self._short_keys.get(name.key, ()), name.kind)
        if short:
            # A short form is no better than a spelling of another name, so both stand.
            return Found(tuple(dict.fromkeys([*_in_order(short), *near])), Match.SHORT_FORM)
        return Found(near, Match.SPELLING)

    def _spelled_like(self, name: Name) -> tuple[Region, ...]:
        candidates = {
            key: (edit_distance(name.key, key), of_kind)
            for key, regions in self._keys.items()
            if abs(len(name.key) - len(key)) <= MOST_EDITS and (of_kind := self._of_kind(regions, name.kind))
        }
        nearest = min(
            (distance for key, (distance, _) in candidates.items() if distance <= allowed_edits(name.key, key)),
            default=0,
        )
        near: dict[Region, tuple[int, bool]] = {}
        for key, (distance, regions) in candidates.items():
            # Who is as near as the nearest is one too, even where its name is too short for so many edits.
            if distance > max(nearest, allowed_edits(name.key, key)):
                continue
            numbers_differ = _DIGITS.findall(name.key) != _DIGITS.findall(key)
            for region in regions:
                near[region] = min(near.get(region, (distance, numbers_differ)), (distance, numbers_differ))
        if all(numbers_differ for _, numbers_differ in near.values()):
            return ()
        return tuple(sorted(near, key=lambda region: (near[region], region.code)))

    def _of_kind(self, regions: Iterable[Region], kind: Kind | None) -> list[Region]:
        return [region for region in regions if kind is None or self._kinds[region] is kind]


def _in_order(regions: Iterable[Region]) -> tuple[Region, ...]:
    return tuple(sorted(regions, key=lambda region: region.code))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    # An apostrophe stands inside a word (`Sa'dan`), a hyphen may or may not; keys have no blanks, so both may go.
    plain = _INITIALS.sub(r"\1", re.sub(r"['\u2019`]", "", plain))
    return _WORD.findall(plain)


def _indonesian(words: Sequence[str]) -> list[str]:
    """Put English forms the Indonesian way round: `north aceh` is `aceh utara`, `aru islands` is `kepulauan aru`."""
    rest = [_ISLANDS if word == "kep" else word for word in words]
    if len(rest) > 2 and rest[0] in {"south", "north"} and rest[1] in {"east", "west"}:
        rest = [rest[0] + rest[1], *rest[2:]]
    if len(rest) > 1 and rest[-1] == "islands":
        rest = [_ISLANDS, *rest[:-1]]
    if len(rest) > 1 and rest[0] in _DIRECTIONS:
        rest = [*rest[1:], _DIRECTIONS[rest[0]].replace(" ", "")]
    return rest


def _numbered(word: str) -> str:
    match = _ROMAN.fullmatch(word)
    if match is None:
        return word
    tens, ones = match.groups()
    small = {"": 0, "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}
    return str(10 * len(tens) + small[ones])

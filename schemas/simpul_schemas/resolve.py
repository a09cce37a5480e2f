"""Which region is meant: `(scheme, code, day)`, or a name inside a parent, to the canonical code, or a reason why not.

Never guessed. A code goes by the scheme that the caller names and by the day; where a code ever had one meaning only,
that meaning also holds outside its dates, with a caution, since senders change later than a decree. A name goes by
the rules of `region_names`, inside a parent that is told.

Reasons (why there is no region):

| reason | when |
|---|---|
| `unknown_scheme` | no such scheme; or digits were given as a name, which is a code that hides its scheme |
| `malformed_code` | not written as the scheme's codes are: wrong number of digits, or dots at the wrong place |
| `unknown_code` | the scheme has no such code |
| `ended`, `not_yet_valid` | the code had several meanings, and on that day none of them |
| `no_parent` | a name without the region that it lies in, and no province is called so |
| `unknown_parent` | the parent itself is no region, or has no regions below it |
| `outside_parent` | the code is known, but its region does not lie in the parent |
| `unknown_name` | no region of the parent is called so, or nearly so |
| `ambiguous` | the name fits more than one region; `candidates` tells which |

Cautions (there is a region, look at it):

| caution | when |
|---|---|
| `ended`, `not_yet_valid` | the code, or the place of the name in its parent, is used outside its dates |
| `covers_more` | the code of this scheme was not divided when the region was, and so may mean a wider area |
| `reused` | the code means different regions on different days; the day has decided |
| `contested` | senders used the code for another region (`candidates`) before the decree that gave it to this one |
| `area_changed` | the region has given up a part of its area since; figures from before cannot be compared |
| `short_form` | the name lacks the word Kepulauan of the official one |
| `spelling` | the name is spelled another way than in any table |
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType

from simpul_schemas.region_codes import Meaning, Scheme, digits_of, load_history
from simpul_schemas.region_names import Found, Match, Names, has_letters
from simpul_schemas.regions import NATION, Region, load_regions
from simpul_schemas.rules import Text

#: How much of what was given is repeated in a message.
_SHOWN_CHARACTERS = 80
#: Imports ask for the same few regions again and again.
_REMEMBERED = 1 << 15


class Reason(StrEnum):
    """Why there is no region; stable, see the table above."""

    UNKNOWN_SCHEME = "unknown_scheme"
    MALFORMED_CODE = "malformed_code"
    UNKNOWN_CODE = "unknown_code"
    ENDED = "ended"
    NOT_YET_VALID = "not_yet_valid"
    NO_PARENT = "no_parent"
    UNKNOWN_PARENT = "unknown_parent"
    OUTSIDE_PARENT = "outside_parent"
    UNKNOWN_NAME = "unknown_name"
    AMBIGUOUS = "ambiguous"


class Caution(StrEnum):
    """What to know about a region that was found; stable, see the table above."""

    ENDED = "ended"
    NOT_YET_VALID = "not_yet_valid"
    COVERS_MORE = "covers_more"
    REUSED = "reused"
    CONTESTED = "contested"
    AREA_CHANGED = "area_changed"
    SHORT_FORM = "short_form"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A region, perhaps with cautions; or a reason why there is none.

    `candidates` are what else was or may be meant: of an ambiguous name, and of a contested code.
    """

    region: Region | None
    cautions: tuple[Caution, ...] = ()
    reason: Reason | None = None
    #: Says the reason in words; None where there is a region.
    message: Text | None = None
    candidates: tuple[Region, ...] = ()

    @property
    def code(self) -> str | None:
        """The canonical code; None where there is no region."""
        return self.region.code if self.region else None

    @property
    def warnings(self) -> tuple[tuple[Caution, Text], ...]:
        """The cautions with their words."""
        return tuple((caution, CAUTION_TEXTS[caution]) for caution in self.cautions)


CAUTION_TEXTS: Mapping[Caution, Text] = MappingProxyType(
    {
        Caution.ENDED: Text(
            "Menurut keputusan menteri, kode atau letak ini tidak berlaku lagi pada tanggal itu; pakai yang baru.",
            "By decree this code or place was no longer valid on that day; use the new one.",
        ),
        Caution.NOT_YET_VALID: Text(
            "Menurut keputusan menteri, kode atau letak ini belum berlaku pada tanggal itu; periksa tanggalnya.",
            "By decree this code or place was not yet valid on that day; check the day.",
        ),
        Caution.COVERS_MORE: Text(
            "Wilayah ini sudah dimekarkan, kode skema ini belum; kode bisa mencakup wilayah yang lebih luas.",
            "The region was divided, the code of this scheme was not; the code may cover a wider area.",
        ),
        Caution.REUSED: Text(
            "Kode ini berarti wilayah lain pada tanggal lain; tanggal yang menentukan.",
            "This code means another region on other days; the day has decided.",
        ),
        Caution.CONTESTED: Text(
            "Sebelum keputusan menteri, kode ini juga dipakai untuk wilayah lain; periksa dengan namanya.",
            "Before the decree this code was in use for another region as well; check by the name.",
        ),
        Caution.AREA_CHANGED: Text(
            "Wilayah ini sejak itu menyusut dengan kode yang sama; angka lama tidak sebanding.",
            "This region has shrunk since and kept its code; older figures cannot be compared.",
        ),
        Caution.SHORT_FORM: Text(
            "Nama ditulis tanpa kata Kepulauan; pakai nama resminya.",
            "The name is written without the word Kepulauan; use the official name.",
        ),
        Caution.SPELLING: Text(
            "Nama ditulis dengan ejaan lain; periksa apakah wilayahnya benar.",
            "The name is spelled another way; check whether it is this region.",
        ),
    }
)

_REASON_TEXTS: Mapping[Reason, Text] = MappingProxyType(
    {
        Reason.UNKNOWN_SCHEME: Text(
            "Skema untuk '{given}' tidak diketahui; sebutkan salah satu: {schemes}.",
            "The scheme of '{given}' is not known; name one of: {schemes}.",
        ),
        Reason.MALFORMED_CODE: Text(
            "'{given}' tidak ditulis seperti kode {scheme}; periksa jumlah digit, titik, dan angka nol.",
            "'{given}' is not written as codes of {scheme} are; check digits, dots and zeros.",
        ),
        Reason.UNKNOWN_CODE: Text(
            "Kode {given} tidak ada dalam skema {scheme}; periksa kode dan skemanya.",
            "There is no code {given} in the scheme {scheme}; check code and scheme.",
        ),
        Reason.ENDED: Text(
            "Kode {given} ({scheme}) sudah tidak berlaku pada {on}, dan pernah berarti lebih dari satu wilayah.",
            "The code {given} ({scheme}) was no longer valid on {on}, and has meant more than one region.",
        ),
        Reason.NOT_YET_VALID: Text(
            "Kode {given} ({scheme}) belum berlaku pada {on}, dan pernah berarti lebih dari satu wilayah.",
            "The code {given} ({scheme}) was not yet valid on {on}, and has meant more than one region.",
        ),
        Reason.NO_PARENT: Text(
            "'{given}' bukan nama provinsi; sebutkan kode wilayah induknya.",
            "'{given}' is no name of a province; tell the code of the region that it lies in.",
        ),
        Reason.UNKNOWN_PARENT: Text(
            "Induk '{parent}' tidak dikenal atau tidak punya wilayah di bawahnya; pakai kode Kemendagri, atau ID.",
            "The parent '{parent}' is not known or has no regions below it; give a Kemendagri code, or ID.",
        ),
        Reason.OUTSIDE_PARENT: Text(
            "Kode {given} ({scheme}) tidak terletak di '{parent}'; periksa keduanya.",
            "The code {given} ({scheme}) does not lie in '{parent}'; check both.",
        ),
        Reason.UNKNOWN_NAME: Text(
            "Tidak ada wilayah bernama '{given}' di '{parent}'; periksa nama dan induknya.",
            "There is no region called '{given}' in '{parent}'; check the name and its parent.",
        ),
        Reason.AMBIGUOUS: Text(
            "'{given}' cocok dengan lebih dari satu wilayah: {candidates}.",
            "'{given}' fits more than one region: {candidates}.",
        ),
    }
)


def resolve(scheme: str, code_or_name: str, on: date, parent: str | None = None) -> Resolution:
    """Return the region that is meant on a day, or the reason why none is.

    Args:
        scheme: `kemendagri`, `bps`, `djpk`, or `name`.
        code_or_name: The code with its dots or without, or the name.
        on: The day that the sender speaks of, in the region's own time; not a moment.
        parent: The region that it lies in, as a Kemendagri code of that day, or `ID` for the nation. Names need it,
            except names of provinces that are written as in a table. A code is only checked against it.
    """
    if isinstance(on, datetime):
        message = "a day is asked for; of a moment, take the date in the region's time zone"
        raise TypeError(message)
    return _resolve(scheme, code_or_name, on, parent)


@lru_cache(maxsize=_REMEMBERED)
def _resolve(scheme: str, given: str, on: date, parent: str | None) -> Resolution:
    request = _Request(scheme, given, on, parent)
    try:
        known = Scheme(scheme)
    except ValueError:
        return request.refused(Reason.UNKNOWN_SCHEME)
    found = _by_name(request) if known is Scheme.NAME else _by_code(known, request)
    if found.region is None:
        return found
    shrank = load_history().shrank.get(found.region.code)
    if shrank is not None and on < shrank:
        return replace(found, cautions=(*found.cautions, Caution.AREA_CHANGED))
    return found


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for; makes the refusals."""

    scheme: str
    given: str
    on: date
    parent: str | None

    def refused(self, reason: Reason, candidates: tuple[Region, ...] = ()) -> Resolution:
        words = {
            "given": _shown(self.given),
            "scheme": _shown(self.scheme),
            "schemes": ", ".join(Scheme),
            "parent": _shown(self.parent or NATION),
            "on": self.on.isoformat(),
            "candidates": ", ".join(f"{region.code} {region.name}" for region in candidates),
        }
        text = _REASON_TEXTS[reason]
        message = Text(text.indonesian.format_map(words), text.english.format_map(words))
        return Resolution(None, reason=reason, message=message, candidates=candidates)


def _by_code(scheme: Scheme, request: _Request) -> Resolution:
    digits = digits_of(scheme, request.given)
    if digits is None:
        return request.refused(Reason.MALFORMED_CODE)
    meanings = load_history().meanings[scheme].get(digits, ())
    if not meanings:
        return request.refused(Reason.UNKNOWN_CODE)
    meaning, cautions = meaning_on(meanings, request.on)
    if isinstance(meaning, Reason):
        return request.refused(meaning)
    if Caution.ENDED in cautions and scheme is not Scheme.KEMENDAGRI:
        # The tables end a code of another scheme only where the region was divided and the code was not.
        cautions = (*cautions, Caution.COVERS_MORE)
    misplaced = _misplaced(meaning.region, request)
    if misplaced is not None:
        return request.refused(misplaced)
    region = load_regions().get(meaning.region)
    other = load_history().contested.get(digits) if scheme is Scheme.KEMENDAGRI else None
    if other is None:
        return Resolution(region, cautions)
    contested = Caution.REUSED if other.ended(request.on) else Caution.CONTESTED
    meant = load_regions().get(other.region)
    return Resolution(region, (*cautions, contested), candidates=(meant,) if meant else ())


def _misplaced(region: str, request: _Request) -> Reason | None:
    """Return why a region does not lie where the caller says; None where it does, or nothing was said."""
    if request.parent is None:
        return None
    above = _parent(request.parent, request.on)
    if above is None:
        return Reason.UNKNOWN_PARENT
    return None if load_history().lies_in(region, above[0]) else Reason.OUTSIDE_PARENT


def meaning_on(meanings: tuple[Meaning, ...], on: date) -> tuple[Meaning | Reason, tuple[Caution, ...]]:
    """Return what a code means on a day, with cautions; or the reason why it means nothing then.

    One meaning holds on any day. Of several, the one that is valid on the day counts; overlapping ones are ambiguous.
    """
    valid = [meaning for meaning in meanings if meaning.begun(on) and not meaning.ended(on)]
    several = len({meaning.region for meaning in meanings}) > 1
    if len({meaning.region for meaning in valid}) > 1:
        return Reason.AMBIGUOUS, ()
    if valid:
        return valid[0], (Caution.REUSED,) if several else ()
    ended = any(meaning.ended(on) for meaning in meanings)
    if several:
        return Reason.ENDED if ended else Reason.NOT_YET_VALID, ()
    return meanings[0], (Caution.ENDED if ended else Caution.NOT_YET_VALID,)


def _by_name(request: _Request) -> Resolution:
    if not has_letters(request.given):
        return request.refused(Reason.UNKNOWN_SCHEME)
    above = _parent(NATION if request.parent is None else request.parent, request.on)
    names = _names_inside(above[0]) if above else None
    if above is None or names is None:
        return request.refused(Reason.UNKNOWN_PARENT)
    found = names.find(request.given)
    if request.parent is None and (not found.regions or found.match is Match.SPELLING):
        return request.refused(Reason.NO_PARENT)
    if not found.regions:
        return request.refused(Reason.UNKNOWN_NAME)
    if len(found.regions) > 1:
        return request.refused(Reason.AMBIGUOUS, found.regions)
    parent, cautions = above
    return _found_by_name(found, parent, cautions, request.on)


_MATCH_CAUTIONS: Mapping[Match, tuple[Caution, ...]] = MappingProxyType(
    {Match.SAME: (), Match.SHORT_FORM: (Caution.SHORT_FORM,), Match.SPELLING: (Caution.SPELLING,)}
)


def _found_by_name(found: Found, parent: str, cautions: tuple[Caution, ...], on: date) -> Resolution:
    """Add what the day says: of the parent's code, of a region that has left it, of a province's beginning."""
    region = found.regions[0]
    history = load_history()
    left = [old.valid_to for old in history.former_children(parent) if old.region == region.code]
    begins = history.begins.get(region.code)
    if left and max(left) <= on:
        cautions = (*cautions, Caution.ENDED)
    elif parent == NATION and begins is not None and on < begins:
        cautions = (*cautions, Caution.NOT_YET_VALID)
    return Resolution(region, (*dict.fromkeys(cautions), *_MATCH_CAUTIONS[found.match]))


def _parent(given: str, on: date) -> tuple[str, tuple[Caution, ...]] | None:
    """Return the canonical code of a parent with the cautions of its code; None where it is no region."""
    if given == NATION:
        return NATION, ()
    found = _by_code(Scheme.KEMENDAGRI, _Request(Scheme.KEMENDAGRI, given, on, None))
    return (found.region.code, found.cautions) if found.region else None


@cache
def _names_inside(parent: str) -> Names | None:
    """Return the names of the regions that lie in a parent, or did; None where the table has none."""
    regions, history = load_regions(), load_history()
    children = regions.children(parent)
    if not children:
        return None
    former = [regions.get(old.region) for old in history.former_children(parent)]
    inside = dict.fromkeys([*children, *(region for region in former if region is not None)])
    return Names({region: history.names.get(region.code, ()) for region in inside}, children[0].level)


def _shown(text: str) -> str:
    """Return what was given, fit for a message: short, and without control characters."""
    plain = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in text[:_SHOWN_CHARACTERS])
    return plain if len(text) <= _SHOWN_CHARACTERS else f"{plain}…"

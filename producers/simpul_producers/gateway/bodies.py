"""Bodies: JSON as RFC 8259 means it, with every flaw at its place, so that one bad event does not spoil a batch.

Python's own reader takes the last of two equal keys, NaN and 1e999, and whole numbers of any size. Pure.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simpul_producers.gateway.problem import Refused
from simpul_schemas.gateway_settings import GatewayLimits

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Every whole number that a 64-bit field can hold has at most so many characters.
_LONGEST_INTEGER = 20
_LONGEST_FLOAT = 400


@dataclass(frozen=True, slots=True)
class Flaw:
    """What stands in the tree in the place of a value that JSON does not let through; `key` is in its object."""

    code: str
    key: str | None = None


def read_json(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Return the value of a body, a `Flaw` for each value that is none; raises `Refused` where it is no JSON at all."""
    try:
        return json.loads(
            body.removeprefix(_BYTE_ORDER_MARK).decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=lambda _name: Flaw("json.number_not_finite"),
        )
    except RecursionError as error:
        raise Refused(400, "json.too_deep", "") from error
    except ValueError as error:
        raise Refused(400, "json.malformed", "") from error


def first_flaw(value: object, limits: GatewayLimits) -> tuple[str, tuple[str | int, ...]] | None:
    """Return the code and the place of the first flaw within a value; None where it is clean JSON."""
    for count, (path, found) in enumerate(_walk(value)):
        if count >= limits.values_per_event:
            return "json.too_many", ()
        if len(path) > limits.nesting_levels:
            return "json.too_deep", path[: limits.nesting_levels]
        if isinstance(found, Flaw):
            return found.code, path if found.key is None else (*path, found.key)
        if isinstance(found, str) and not _is_unicode(found):
            return "json.text_invalid", path
    return None


def pointer(path: tuple[str | int, ...]) -> str:
    """Return a place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path if _is_unicode(str(part)))


def _walk(value: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while waiting:
        path, found = waiting.pop()
        yield path, found
        if isinstance(found, dict):
            for key, inner in reversed(found.items()):
                waiting.append(((*path, key), inner))
                if not _is_unicode(key):
                    waiting.append((path, key))
        elif isinstance(found, list):
            waiting.extend(((*path, place), found[place]) for place in reversed(range(len(found))))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return Flaw("json.duplicate_key", key)
        seen.add(key)
    return made


def _integer(text: str) -> int | Flaw:
    if len(text) > _LONGEST_INTEGER or not -(2**63) <= int(text) < 2**63:
        return Flaw("json.number_too_large")
    return int(text)


def _number(text: str) -> float | Flaw:
    # A long row of digits takes long to read, and says nothing that the first ones do not.
    number = float(text) if len(text) <= _LONGEST_FLOAT else math.inf
    return number if math.isfinite(number) else Flaw("json.number_not_finite")


def _is_unicode(text: str) -> bool:
    """Return whether a text can be written down: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)

"""Bodies: strict JSON, flaws at their places."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.gateway.bodies import Flaw, first_flaw, pointer, read_json
from simpul_producers.gateway.problem import Refused
from simpul_schemas.gateway_settings import GatewayLimits

LIMITS = GatewayLimits(nesting_levels=4, values_per_event=100)


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "json.duplicate_key", "/b/c"),
        (b'{"a/b~": [1, NaN]}', "json.number_not_finite", "/a~1b~0/1"),
        (b'{"a": -Infinity}', "json.number_not_finite", "/a"),
        (b'{"a": 1e999}', "json.number_not_finite", "/a"),
        (b'{"a": 9223372036854775808}', "json.number_too_large", "/a"),
        (b'{"a": -9223372036854775809}', "json.number_too_large", "/a"),
        (b'{"a": ' + b"1" * 5000 + b"}", "json.number_too_large", "/a"),
        (b'{"a": 1.' + b"1" * 5000 + b"}", "json.number_not_finite", "/a"),
        (b'{"a": "\\ud800"}', "json.text_invalid", "/a"),
        (b'{"a": {"\\udfff": 1}}', "json.text_invalid", "/a"),
        (b'{"a": [[[[1]]]]}', "json.too_deep", "/a/0/0/0"),
        (b'{"a": [' + b"1," * 100 + b"1]}", "json.too_many", ""),
    ],
)
def test_each_flaw_is_told_at_its_place(body: bytes, code: str, place: str) -> None:
    flaw = first_flaw(read_json(body), LIMITS)
    assert flaw is not None
    assert (flaw[0], pointer(flaw[1])) == (code, place)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b"01", b'{"a": 1} x']
)
def test_what_is_no_json_in_utf_8_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_json(body)
    assert caught.value.code == "json.malformed"


def test_nesting_that_would_exhaust_the_reader_is_refused_not_a_crash() -> None:
    with pytest.raises(Refused) as caught:
        read_json(b"[" * 500_000)
    assert caught.value.code == "json.too_deep"


def test_a_byte_order_mark_as_windows_editors_write_it_is_no_flaw() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@given(_JSON)
def test_clean_json_comes_back_as_pythons_reader_gives_it(value: Any) -> None:
    read = read_json(json.dumps(value).encode())
    assert read == value
    assert first_flaw(read, GatewayLimits(nesting_levels=100)) is None
    assert not isinstance(read, Flaw)

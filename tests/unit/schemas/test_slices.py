"""Byte strings in one buffer: the same strings as objects would be, however they were cut and put together."""

from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.slices import PADDING, Slices

STRINGS = st.lists(st.none() | st.binary(max_size=5), max_size=6)


@given(st.lists(STRINGS, max_size=4), st.integers(0, 8), st.integers(0, 8))
def test_strings_are_the_same_packed_joined_and_cut(parts: list[list[bytes | None]], start: int, end: int) -> None:
    everything = [one for part in parts for one in part]
    packed = Slices.packed([Slices.of(part) for part in parts])
    assert list(packed) == everything
    assert [packed[at] for at in range(len(packed))] == everything
    assert list(packed[start:end]) == everything[start:end]
    assert packed.sizes.tolist() == [len(one or b"") for one in everything]
    if parts:
        assert list(Slices.joined([packed[:start], packed[start:]])) == everything
        assert list(Slices.joined([Slices.of(part) for part in parts])) == everything
    assert packed.data[:PADDING] == packed.data[-PADDING:] == bytes(PADDING)


def test_what_is_packed_holds_nothing_of_other_records() -> None:
    whole = Slices.of([b"secret", b"a", b"b", b"secret"])
    assert Slices.packed([whole[1:3]]).data.strip(b"\0") == b"ab"

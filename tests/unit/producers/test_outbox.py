"""Revisions, as pure arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.outbox import next_revision
from simpul_schemas.errors import InvalidEvent

HIGHEST = 2**63 - 1


@given(st.integers(0, HIGHEST - 1), st.integers(0, HIGHEST))
def test_a_new_revision_is_above_the_last_and_not_below_the_clock(last: int, now: int) -> None:
    revision = next_revision(last, now)
    assert revision > last
    assert revision >= now
    assert revision in {last + 1, now}


def test_above_the_highest_there_is_none() -> None:
    with pytest.raises(InvalidEvent):
        next_revision(HIGHEST, 1)

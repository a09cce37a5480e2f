"""Who wins: in arrays as one row after the other would have it."""

import uuid
from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from simpul_processors.fold import ids_of
from simpul_processors.ranking import Rows, rank

Row = tuple[int, int, int, int]
ROW = st.tuples(st.integers(-2, 2), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1))
ENTITIES = st.lists(st.tuples(st.none() | ROW, st.lists(ROW, min_size=1, max_size=5)), max_size=6)


def rows_of(rows: Sequence[Row]) -> Rows:
    found = np.array(rows, np.int64).reshape(-1, 4)
    return Rows(found[:, 0], found[:, 1:3].astype(np.uint64), found[:, 3].astype(np.uint64))


@given(ENTITIES)
def test_arrays_rank_as_one_row_after_the_other_does(entities: list[tuple[Row | None, list[Row]]]) -> None:
    winners, replaced, superseded, older, conflicting = [], [], [], [], []
    at = olds = 0
    for old, rows in entities:
        newest, winner, late = old, None, []
        for number, row in enumerate(rows, at):
            if newest is not None and row[0] == newest[0] and row[3] != newest[3]:
                conflicting.append(number)
            if newest is None or row[:3] > newest[:3]:
                newest, winner = row, number
            else:
                late.append((number, row[0]))
        assert newest is not None
        superseded.extend(number for number, _ in late)
        older.extend(number for number, revision in late if revision < newest[0])
        if winner is not None:
            winners.append(winner)
            if old is not None:
                replaced.append(olds)
        at += len(rows)
        olds += old is not None
    found = rank(
        rows_of([row for _, rows in entities for row in rows]),
        np.array([number == 0 for _, rows in entities for number in range(len(rows))], np.bool_),
        rows_of([old for old, _ in entities if old is not None]),
        np.array([old is not None for old, _ in entities], np.bool_),
    )
    assert found.winners.tolist() == winners
    assert found.replaced.tolist() == replaced
    assert sorted(found.superseded.tolist()) == superseded
    assert sorted(found.older.tolist()) == older
    assert sorted(found.conflicting.tolist()) == conflicting


@given(st.lists(st.uuids(), max_size=5))
def test_the_words_of_a_uuid_are_its_number(ids: list[uuid.UUID]) -> None:
    words = ids_of(pl.Series([str(one) for one in ids], dtype=pl.String)).tolist()
    assert [(high << 64) | low for high, low in words] == [one.int for one in ids]

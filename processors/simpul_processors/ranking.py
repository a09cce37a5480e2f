"""Who wins: the highest (revision, id) of each entity, and what the others were when they came.

Rows of a batch lie in the order of their entities, and within one in the order of the log. What is said of a row is
what was true when it came, so it does not depend on where one batch ended and the next began.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Ranking:
    """What became of the rows of a batch and of what the store had.

    `won` says for each entity whether a row of the batch is its newest now; `winners` are these rows, in the order of
    entities, `replaced` the stored ones (of those that were given) that lost to them. `superseded`, `older` and
    `conflicting` are rows as `fold.Applied` tells them.
    """

    won: Flags
    winners: Indexes
    replaced: Indexes
    superseded: Indexes
    older: Indexes
    conflicting: Indexes


def rank(new: npt.NDArray[np.void], first: Flags, old: npt.NDArray[np.void], known: Flags) -> Ranking:
    """Rank the rows of a batch.

    Args:
        new: Rows with `revision`, `id` (two words) and `content`.
        first: Which rows are the first of their entity.
        old: What the store has of those entities that it knows, in their order.
        known: Which entities these are.
    """
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, len(new)))
    old_of = np.cumsum(known) - 1
    winner = np.where(sizes == 1, starts, -1)
    single = known & (sizes == 1)
    rows, stored = starts[single], old[old_of[single]]
    newer = _newer(new[rows], stored)
    winner[np.flatnonzero(single)[~newer]] = -1
    behind = rows[~newer]
    conflicting = rows[(new["revision"][rows] == stored["revision"]) & (new["content"][rows] != stored["content"])]
    several = np.flatnonzero(sizes > 1)
    before = iter(_tuples(old[old_of[several[known[several]]]]))
    rivals = iter(_tuples(new[np.repeat(sizes > 1, sizes)]))
    lost: list[int] = []
    disagreeing: list[int] = []
    spans = zip(several.tolist(), starts[several].tolist(), sizes[several].tolist(), strict=True)
    for entity, start, size in spans:
        newest = next(before) if known[entity] else None
        for row in range(start, start + size):
            one = next(rivals)
            if newest is not None and one[0] == newest[0] and one[-1] != newest[-1]:
                disagreeing.append(row)
            if newest is None or one[:-1] > newest[:-1]:
                winner[entity], newest = row, one
            else:
                lost.append(row)
    won = winner >= 0
    top = np.where(won, new["revision"][winner], 0)
    top[~won] = old["revision"][old_of[~won]]
    superseded = np.concatenate([behind, np.array(lost, np.intp)])
    return Ranking(
        won=won,
        winners=winner[won],
        replaced=old_of[won & known],
        superseded=superseded,
        older=superseded[new["revision"][superseded] < top[(np.cumsum(first) - 1)[superseded]]],
        conflicting=np.concatenate([conflicting, np.array(disagreeing, np.intp)]),
    )


def _tuples(rows: npt.NDArray[np.void]) -> list[tuple[int, int, int, int]]:
    """Return (revision, id, content) of rows."""
    columns = (rows["revision"], rows["id"][:, 0], rows["id"][:, 1], rows["content"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _newer(new: npt.NDArray[np.void], old: npt.NDArray[np.void]) -> Flags:
    """Compare (revision, id) pair by pair."""
    higher: Flags = new["revision"] > old["revision"]
    equal = new["revision"] == old["revision"]
    for word in (0, 1):
        higher |= equal & (new["id"][:, word] > old["id"][:, word])
        equal &= new["id"][:, word] == old["id"][:, word]
    return higher

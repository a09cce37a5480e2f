"""Who wins: the highest (revision, id) of each entity, and what the others were when they came.

Rows of a batch lie in the order of their entities, and within one in the order of the log. What is said of a row is
what was true when it came, so it does not depend on where one batch ended and the next began.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Indexes = npt.NDArray[np.intp]


Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Rows:
    """What is compared of some rows: their revisions, ids (two words each; the first weighs more) and contents."""

    revisions: Longs
    ids: Words
    contents: Words

    def __getitem__(self, at: Indexes | Flags) -> "Rows":
        return Rows(self.revisions[at], self.ids[at], self.contents[at])

    def __len__(self) -> int:
        return len(self.revisions)


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


def rank(new: Rows, first: Flags, old: Rows, known: Flags) -> Ranking:
    """Rank the rows of a batch.

    Args:
        new: The rows of the batch.
        first: Which rows are the first of their entity.
        old: What the store has of those entities that it knows, in their order.
        known: Which entities these are.
    """
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, len(new)))
    old_of = np.cumsum(known) - 1
    winner = np.where(sizes == 1, starts, -1)
    single = np.flatnonzero(known & (sizes == 1))
    rows, stored = starts[single], old[old_of[single]]
    one = new[rows]
    newer = _newer(one, stored)
    winner[single[~newer]] = -1
    conflicting = rows[(one.revisions == stored.revisions) & (one.contents != stored.contents)]
    several = np.flatnonzero(sizes > 1)
    rivals = np.flatnonzero(np.repeat(sizes > 1, sizes))
    contest = _contest(new[rivals], sizes[several], old[old_of[several[known[several]]]], known[several])
    winner[several] = np.where(contest.winners < 0, -1, rivals[contest.winners])
    won = winner >= 0
    top = np.where(won, new.revisions[winner], 0)
    top[~won] = old.revisions[old_of[~won]]
    superseded = np.concatenate([rows[~newer], rivals[contest.superseded]])
    entity = np.searchsorted(starts, superseded, "right") - 1
    return Ranking(
        won=won,
        winners=winner[won],
        replaced=old_of[won & known],
        superseded=superseded,
        older=superseded[new.revisions[superseded] < top[entity]],
        conflicting=np.concatenate([conflicting, rivals[contest.conflicting]]),
    )


@dataclass(frozen=True)
class _Contest:
    """Of entities with several rows: the newest row of each (-1: what the store had), and which rows came too late."""

    winners: Indexes
    superseded: Indexes
    conflicting: Indexes


_NOBODY = _Contest(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.intp))


def _contest(new: Rows, sizes: Indexes, old: Rows, known: Flags) -> _Contest:
    """Let the rows of each entity come one after the other, behind what the store has of it."""
    if not len(new):
        return _NOBODY
    ends = np.cumsum(sizes + known)
    begins = ends - sizes - known
    from_store = np.zeros(len(new) + len(old), np.bool_)
    from_store[begins[known]] = True
    rows = _merged(new, old, from_store)
    entity = np.repeat(np.arange(len(sizes)), sizes + known)
    # Entities follow on each other, so a height that counts them first begins anew with each.
    height = entity * (len(rows) + 1) + _places(rows)
    before = np.concatenate([[-1], np.maximum.accumulate(height)[:-1]])
    before[begins] = -1
    rises = height > before
    newest = np.maximum.accumulate(np.where(rises, np.arange(len(rows)), 0))
    rival = np.concatenate([[0], newest[:-1]])
    disagrees = (rows.revisions == rows.revisions[rival]) & (rows.contents != rows.contents[rival])
    disagrees[begins] = False
    number = np.cumsum(~from_store) - 1
    last = newest[ends - 1]
    return _Contest(
        winners=np.where(from_store[last], -1, number[last]),
        superseded=number[~rises & ~from_store],
        conflicting=number[disagrees & ~from_store],
    )


def _merged(new: Rows, old: Rows, from_store: Flags) -> Rows:
    count = len(from_store)
    found = Rows(np.empty(count, np.int64), np.empty((count, 2), np.uint64), np.empty(count, np.uint64))
    for rows, at in ((new, ~from_store), (old, from_store)):
        found.revisions[at], found.ids[at], found.contents[at] = rows.revisions, rows.ids, rows.contents
    return found


def _places(rows: Rows) -> Longs:
    """Return for each row how many different (revision, id) lie below its own."""
    order = np.lexsort((rows.ids[:, 1], rows.ids[:, 0], rows.revisions))
    places = np.zeros(len(rows), np.int64)
    if len(rows):
        lower, higher = rows[order[:-1]], rows[order[1:]]
        places[order[1:]] = np.cumsum(_newer(higher, lower))
    return places


def _newer(new: Rows, old: Rows) -> Flags:
    """Compare (revision, id) pair by pair."""
    higher: Flags = new.revisions > old.revisions
    equal = new.revisions == old.revisions
    for word in (0, 1):
        higher |= equal & (new.ids[:, word] > old.ids[:, word])
        equal &= new.ids[:, word] == old.ids[:, word]
    return higher

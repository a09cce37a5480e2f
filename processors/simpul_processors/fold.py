"""The fold: highest (revision, id) per entity wins; what it adds to its group replaces what the older one had added.

Every batch goes through in columns. An entity belongs to one base group at a time; a base group adds to one or more
target groups (a kecamatan to itself, its kabupaten, its province and the nation). The state after a batch depends only
on the set of records seen so far, not on their order, their copies, or where one batch ended and the next began.

Layout in the store, all integers little-endian, 64 bits:

| space | key | value |
|---|---|---|
| entities | entity key | revision, id (two words), content, base group, a word a measure, a byte each that is a flag |
| groups | target group | one word a measure |
| names | base or target group | its text |
| dirty | number | target groups that changed and were not published since |
| suspects | number | target groups that were published while this worker took over; see `worker` |

A group is known by 8 bytes of BLAKE2b of its text. Two texts of one number would be added up as one, so a name is
compared with the one that is stored before it is used first; where that is another, the text takes the number of its
next turn. By chance this does not happen, but somebody could look for such texts.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from simpul_processors.errors import StoreBroken
from simpul_processors.ranking import Ranking, Rows, rank
from simpul_processors.store import Snapshot, Space, Transaction

#: Group texts that are kept in memory at most: beyond, all are forgotten and asked of the store again.
_MOST_TEXTS = 1 << 17

Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """What a fold takes: for each row its entity, what ranks it, its group, and what it adds there.

    `keys` are texts; rows of one key lie in the order of the log. Of `ids` (two words each) the higher one wins among
    equal revisions; `contents` tell one content from another. `groups` are texts that all differ, `group_of` says which
    of them each row is in; `measures` has a row a row.
    """

    keys: pl.Series
    revisions: Longs
    ids: Words
    contents: Words
    groups: Sequence[str]
    group_of: npt.NDArray[np.intp]
    measures: Longs


@dataclass(frozen=True)
class Applied:
    """What a batch did, by the rows of the batch.

    `fresh` are rows that brought an entity never seen before, one for each. `superseded` are rows that came when a row
    of their entity with at least their (revision, id) had come before, be it in this batch or in an earlier one, in
    rising order; `older` are those of them with a lower revision than what is stored now. `conflicting` are rows with
    the revision of the newest one before them, and other content. `touched` are target groups whose measures changed,
    `appeared` those of them that the store had not.
    """

    fresh: npt.NDArray[np.intp]
    superseded: npt.NDArray[np.intp]
    older: npt.NDArray[np.intp]
    conflicting: npt.NDArray[np.intp]
    touched: Words
    appeared: Words


@dataclass(frozen=True)
class Due:
    """Groups that changed and were not published since: their texts, and their measures, a row a group.

    `entries` name what made them due, to be given to `Fold.settle` when they are published.
    """

    texts: Sequence[str]
    values: Longs
    entries: Sequence[bytes]


class Fold:
    """Applies batches to a store.

    Args:
        measures: Names of the measures, columns of 64-bit integers in every batch.
        targets: Gives for the text of a base group the texts of the groups that it adds to; None where every group
            adds to itself alone.
        flags: To how many measures, the last ones, an entity adds 0 or 1: it keeps a byte of these, as most of a store
            is entities.
    """

    def __init__(
        self,
        measures: Sequence[str],
        targets: Callable[[str], Sequence[str]] | None = None,
        flags: int = 0,
    ) -> None:
        self._measures = list(measures)
        self._targets = targets
        self._amounts = len(self._measures) - flags
        self._entity = np.dtype(
            [
                ("revision", "<i8"),
                ("id", "<u8", 2),
                ("content", "<u8"),
                ("group", "<u8"),
                ("amounts", "<i8", (self._amounts,)),
                ("flags", "<i1", (flags,)),
            ]
        )
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._target_numbers: dict[int, Words] = {}

    def apply(self, transaction: Transaction, batch: Batch) -> Applied:
        """Apply a batch."""
        if len(self._numbers) > _MOST_TEXTS:
            self.forget()
        # Neighbours in the store are looked up and written one after the other.
        order = pl.DataFrame({"key": batch.keys}).select(pl.arg_sort_by("key", maintain_order=True)).to_series()
        rows = order.to_numpy().astype(np.intp)
        ordered = batch.keys.gather(order)
        first = _run_starts(ordered)
        keys = ordered.filter(pl.Series(first)).cast(pl.Binary).to_list()
        groups = np.array(self._number(transaction, batch.groups), np.uint64)[batch.group_of]
        found = transaction.get(Space.ENTITIES, keys)
        known = np.fromiter(map(found.__contains__, keys), np.bool_, len(keys))
        old = np.frombuffer(b"".join(found.values()), self._entity)
        rivals = Rows(batch.revisions, batch.ids, batch.contents)
        ranking = rank(rivals[rows], first, Rows(old["revision"], old["id"], old["content"]), known)
        winners = rows[ranking.winners]
        added, replaced = batch.measures[winners], old[ranking.replaced]
        stored = self._entities(rivals[winners], groups[winners], added)
        self._put(transaction, list(compress(keys, ranking.won.tolist())), stored)
        base, delta = _sum_by(
            np.concatenate([stored["group"], replaced["group"]]),
            np.concatenate([added, -self._measures_in(replaced)]),
        )
        touched, appeared = self._add(transaction, base, delta)
        if self._targets is None:
            outlived = np.ones(len(rows), np.bool_)
            outlived[winners] = False
            self.make_due(transaction, _outlived_groups(groups[outlived], batch.measures[outlived]))
        return _applied(ranking, rows, np.flatnonzero(first)[~known], touched, appeared)

    def _put(self, transaction: Transaction, keys: Sequence[bytes], entities: npt.NDArray[np.void]) -> None:
        transaction.put(Space.ENTITIES, list(zip(keys, _octets(entities), strict=True)))

    def _entities(self, rows: Rows, groups: Words, measures: Longs) -> npt.NDArray[np.void]:
        found = np.empty(len(rows), self._entity)
        found["revision"], found["id"], found["content"] = rows.revisions, rows.ids, rows.contents
        found["group"] = groups
        found["amounts"], found["flags"] = measures[:, : self._amounts], measures[:, self._amounts :]
        return found

    def _measures_in(self, entities: npt.NDArray[np.void]) -> Longs:
        found = np.empty((len(entities), len(self._measures)), np.int64)
        found[:, : self._amounts], found[:, self._amounts :] = entities["amounts"], entities["flags"]
        return found

    def _add(self, transaction: Transaction, base: Words, delta: Longs) -> tuple[Words, Words]:
        """Add what base groups have changed by to all their targets; returns these, and those that are new."""
        changed = delta.any(axis=1)
        base, delta = base[changed], delta[changed]
        if not len(base):
            return base, base
        if self._targets is None:
            touched, sums = base, delta
        else:
            targets = self._targets_of(transaction, base.tolist())
            rows = np.repeat(np.arange(len(base)), [len(each) for each in targets])
            touched, sums = _sum_by(np.concatenate(targets), delta, rows)
        keys = _pack_all(touched)
        found = transaction.get(Space.GROUPS, keys)
        values = self._measures_of(found, keys) + sums
        transaction.put(Space.GROUPS, list(zip(keys, _octets(values.astype("<i8")), strict=True)))
        transaction.append(Space.DIRTY, touched.astype("<u8").tobytes())
        return touched, touched[np.fromiter((key not in found for key in keys), np.bool_, len(keys))]

    def make_due(self, transaction: Transaction, groups: Words) -> None:
        """Have groups published again though their measures have not changed."""
        if len(groups):
            transaction.append(Space.DIRTY, groups.astype("<u8").tobytes())

    def _measures_of(self, found: Mapping[bytes, bytes], keys: Sequence[bytes]) -> Longs:
        nothing = bytes(8 * len(self._measures))
        raw = b"".join([found.get(key, nothing) for key in keys])
        return np.frombuffer(raw, "<i8").reshape(len(keys), len(self._measures))

    def due(self, snapshot: Snapshot) -> Due:
        """Return the groups that changed and were not published since."""
        entries = snapshot.items(Space.DIRTY)
        groups = np.unique(np.frombuffer(b"".join([value for _, value in entries]), "<u8"))
        keys = _pack_all(groups)
        values = self._measures_of(snapshot.get(Space.GROUPS, keys), keys)
        return Due(self.texts(snapshot, groups.tolist()), values, [key for key, _ in entries])

    def newest(self, snapshot: Snapshot, keys: Sequence[str]) -> tuple[Longs, Longs]:
        """Return what the store has of entities that it knows: for each key the revision, and a row of measures."""
        packed = [key.encode() for key in keys]
        found = snapshot.get(Space.ENTITIES, sorted(set(packed)))
        entities = np.frombuffer(b"".join(found[key] for key in packed), self._entity)
        return entities["revision"], self._measures_in(entities)

    def _targets_of(self, transaction: Transaction, base: Sequence[int]) -> list[Words]:
        """Return the numbers of the groups that each base group adds to."""
        assert self._targets is not None  # noqa: S101  # asked for by folds that have targets
        strange = [number for number in base if number not in self._target_numbers]
        if strange:
            targets = [self._targets(text) for text in self.texts(transaction, strange)]
            numbers = self._number(transaction, [text for texts in targets for text in texts])
            ends = np.cumsum([len(texts) for texts in targets])
            self._target_numbers.update(zip(strange, np.split(np.array(numbers, np.uint64), ends[:-1]), strict=True))
        return [self._target_numbers[number] for number in base]

    def _number(self, transaction: Transaction, texts: Sequence[str]) -> list[int]:
        """Return the numbers of group texts; one that this process meets first is named in the store."""
        known = list(map(self._numbers.get, texts))
        new = [text for text, number in zip(texts, known, strict=True) if number is None]
        strange = {text.encode() for text in new}
        turn = 0
        while strange:
            strange = self._name(transaction, strange, turn)
            turn += 1
        named = map(self._numbers.__getitem__, new)
        return [next(named) if number is None else number for number in known]

    def _name(self, transaction: Transaction, strange: Iterable[bytes], turn: int) -> set[bytes]:
        """Learn or give the numbers of texts; returns those whose number in this turn is that of another text."""
        named = sorted((_digest(name, turn), name) for name in strange)
        stored = transaction.get(Space.NAMES, sorted({key for key, _ in named}))
        names = dict(stored)
        beaten: set[bytes] = set()
        for key, name in named:
            if names.setdefault(key, name) == name:
                text, number = name.decode(), int.from_bytes(key, "big")
                self._numbers[text] = number
                self._texts[number] = text
            else:
                beaten.add(name)
        transaction.put(Space.NAMES, [(key, name) for key, name in names.items() if key not in stored])
        return beaten

    def texts(self, snapshot: Snapshot, numbers: Sequence[int]) -> list[str]:
        """Return the texts of groups."""
        strange = [_pack(number) for number in numbers if number not in self._texts]
        named = snapshot.get(Space.NAMES, sorted(strange)) if strange else {}
        try:
            return [self._texts.get(number) or named[_pack(number)].decode() for number in numbers]
        except KeyError as error:
            raise StoreBroken(
                "Penyimpanan kehilangan nama kelompok; hapus dan biarkan dibangun ulang dari log.",
                "The store has lost the name of a group; delete it and let it be rebuilt from the log.",
            ) from error

    def forget(self) -> None:
        """Forget what was learned inside a transaction that did not commit."""
        self._numbers.clear()
        self._texts.clear()
        self._target_numbers.clear()


def settle(transaction: Transaction, entries: Iterable[bytes]) -> None:
    """Forget that groups are due, when the broker has acknowledged what was published of them."""
    transaction.delete(Space.DIRTY, entries)


def suspect(transaction: Transaction, entries: Iterable[bytes]) -> None:
    """Forget that groups are due, but remember which they were, for `publish_again`."""
    wanted = set(entries)
    for key, groups in transaction.items(Space.DIRTY):
        if key in wanted:
            transaction.append(Space.SUSPECTS, groups)
    transaction.delete(Space.DIRTY, wanted)


def publish_again(transaction: Transaction) -> bool:
    """Make due again what was remembered by `suspect`; returns whether there was any."""
    suspects = transaction.items(Space.SUSPECTS)
    for _, groups in suspects:
        transaction.append(Space.DIRTY, groups)
    transaction.delete(Space.SUSPECTS, [key for key, _ in suspects])
    return bool(suspects)


def _applied(
    ranking: Ranking, rows: npt.NDArray[np.intp], fresh: npt.NDArray[np.intp], touched: Words, appeared: Words
) -> Applied:
    """Say by rows of the batch what was found by rows in the order of keys."""
    return Applied(
        fresh=rows[fresh],
        superseded=np.sort(rows[ranking.superseded]),
        older=np.sort(rows[ranking.older]),
        conflicting=np.sort(rows[ranking.conflicting]),
        touched=touched,
        appeared=appeared,
    )


def _outlived_groups(groups: Words, measures: Longs) -> Words:
    """Return the groups to which rows add something that another row has replaced before the batch ended.

    Somebody who folded the log in smaller batches, and died, may have published what such a row added to its group;
    so the group is published again, be it with nothing.
    """
    return groups[measures.any(axis=1)]


def _run_starts(ordered: pl.Series) -> Flags:
    """Return where each run of equal texts begins."""
    if not len(ordered):
        return np.zeros(0, np.bool_)
    starts = (ordered != ordered.shift(1)).fill_null(value=True)
    return starts.to_numpy()


def _digest(name: bytes, turn: int) -> bytes:
    return hashlib.blake2b(name, digest_size=8, salt=turn.to_bytes(16, "big")).digest()


def _pack(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _pack_all(numbers: Words) -> list[bytes]:
    return _octets(numbers.astype(">u8"))


def _octets(rows: npt.NDArray[Any]) -> list[bytes]:
    """Return the bytes of every row."""
    if not len(rows):
        return []
    found: list[bytes] = rows.reshape(len(rows), -1).view(f"V{rows[0].nbytes}").ravel().tolist()
    return found


def _sum_by(groups: Words, values: Longs, rows: npt.NDArray[np.intp] | None = None) -> tuple[Words, Longs]:
    """Add up values of the same group, exactly; returns the groups in order and a row of sums for each.

    `rows` says which of the values is added to each group; without it there is one for each.
    """
    if not len(groups):
        return groups, values
    order = np.argsort(groups, kind="stable")
    groups, values = groups[order], values[order if rows is None else rows[order]]
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    return groups[starts], np.add.reduceat(values, starts, axis=0)


def ids_of(event_ids: pl.Series) -> Words:
    """Return canonical UUIDs as two words each, whose order is that of their texts."""
    count = len(event_ids)
    if not count:
        return np.empty((0, 2), np.uint64)
    written = event_ids.to_arrow(compat_level=pl.CompatLevel.oldest())  # one text behind the other
    _, offsets, octets = written.buffers()
    first = np.frombuffer(offsets, np.int64)[written.offset]
    texts = np.frombuffer(octets, np.uint8, count * _UUID_CHARACTERS, first)

    def digits(at: int) -> Words:
        return np.ndarray((count,), "<u8", texts, offset=at, strides=(_UUID_CHARACTERS,)).copy()

    def halves(low: int, high: int) -> Words:
        return (digits(low) & _HALF) | (digits(high) << _HALF_BITS)

    found = np.empty((count, 2), np.uint64)
    found[:, 0] = (_unhex(digits(0)) << _HALF_BITS) | _unhex(halves(9, 14))
    found[:, 1] = (_unhex(halves(19, 24)) << _HALF_BITS) | _unhex(digits(28))
    return found


def _unhex(digits: Words) -> Words:
    """Return the number that eight hexadecimal digits in each word write."""
    found = (digits & _LOW_DIGITS) + ((digits >> _CASE_SHIFT) & _LETTERS) * _LETTER
    found = found.byteswap()
    for mask, shift in _DIGIT_STEPS:
        found = (found | (found >> shift)) & mask
    return found


_UUID_CHARACTERS = 36
_HALF, _HALF_BITS = np.uint64(0xFFFFFFFF), np.uint64(32)
#: A letter's code has bit 6, and its low digit is its value less 9.
_LOW_DIGITS, _LETTERS = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_CASE_SHIFT, _LETTER = np.uint64(6), np.uint64(9)
_DIGIT_STEPS = tuple(
    (np.uint64(mask), np.uint64(shift))
    for mask, shift in ((0x00FF00FF00FF00FF, 4), (0x0000FFFF0000FFFF, 8), (0x00000000FFFFFFFF, 16))
)

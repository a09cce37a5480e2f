"""The fold: highest (revision, id) per entity wins; what it adds to its group replaces what the older one had added.

Every batch goes through in columns. An entity belongs to one base group at a time; a base group adds to one or more
target groups (a kecamatan to itself, its kabupaten, its province and the nation). The state after a batch depends only
on the set of records seen so far, not on their order, their copies, or where one batch ended and the next began.

Layout in the store, all integers little-endian, 64 bits:

| space | key | value |
|---|---|---|
| entities | entity key | revision, id (two words), base group, then one word a measure |
| groups | target group | one word a measure |
| names | base or target group | its text |

A group is known by the first 8 bytes of BLAKE2b of its text. Two texts of one number would be added up as one, so a
name is compared with the one that is stored before it is used first.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from simpul_processors.errors import StoreBroken
from simpul_processors.store import Space, Transaction

#: Columns of the frame that a fold takes, before its measures.
KEY, REVISION, ID, GROUP = "key", "revision", "id", "group"
_ORDER = "_order"

Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Applied:
    """What a batch did.

    `groups` are the texts of the target groups whose measures have changed, `values` their new measures (a row a
    group). `fresh` are the rows of the batch that brought an entity never seen before.
    """

    groups: Sequence[str]
    values: Longs
    fresh: pl.DataFrame


class Fold:
    """Applies batches to a store.

    Args:
        measures: Names of the measures, columns of 64-bit integers in every batch.
        targets: Gives for the text of a base group the texts of the groups that it adds to.
    """

    def __init__(self, measures: Sequence[str], targets: Callable[[str], Sequence[str]]) -> None:
        self._measures = list(measures)
        self._targets = targets
        self._entity = np.dtype(
            [("revision", "<i8"), ("id", "<u8", 2), ("group", "<u8"), ("measures", "<i8", len(self._measures))]
        )
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def apply(self, transaction: Transaction, batch: pl.DataFrame) -> Applied:
        """Apply a batch.

        Args:
            transaction: Of the store that holds the state.
            batch: Columns `KEY` (text), `REVISION`, `ID` (16 bytes; higher wins among equal revisions), `GROUP`
                (text) and the measures; rows of one key in the order of the log.
        """
        # Among copies of one (revision, id) the first in the log wins, as it does when a batch ends between them.
        ranked = batch.with_row_index(_ORDER).sort(KEY, REVISION, ID, _ORDER, descending=[False, False, False, True])
        winners = ranked.unique(KEY, keep="last", maintain_order=True)
        keys = winners[KEY].cast(pl.Binary).to_list()
        new = self._encode(transaction, winners)
        found = transaction.get(Space.ENTITIES, keys)
        old_at = np.array([index for index, key in enumerate(keys) if key in found], np.int64)
        old = np.frombuffer(b"".join(found[keys[index]] for index in old_at), self._entity)
        wins = np.ones(len(keys), np.bool_)
        wins[old_at] = _newer(new[old_at], old)
        replaced = old[wins[old_at]]
        stored = new[wins]
        width = self._entity.itemsize
        raw = stored.tobytes()
        kept = [key for key, winning in zip(keys, wins.tolist(), strict=True) if winning]
        transaction.put(Space.ENTITIES, [(key, raw[at * width : (at + 1) * width]) for at, key in enumerate(kept)])
        base, delta = _sum_by(
            np.concatenate([stored["group"], replaced["group"]]),
            np.concatenate([stored["measures"], -replaced["measures"]]),
        )
        texts, values = self._add(transaction, base, delta)
        return Applied(texts, values, winners.filter(pl.Series([key not in found for key in keys], dtype=pl.Boolean)))

    def _encode(self, transaction: Transaction, winners: pl.DataFrame) -> npt.NDArray[np.void]:
        new = np.empty(len(winners), self._entity)
        new["revision"] = winners[REVISION].to_numpy()
        new["id"] = np.frombuffer(b"".join(winners[ID].to_list()), ">u8").reshape(-1, 2)
        new["measures"] = winners.select(self._measures).to_numpy()
        texts = winners[GROUP].unique(maintain_order=True)
        numbers = pl.Series("number", self._number(transaction, texts.to_list()), pl.UInt64)
        new["group"] = winners[GROUP].replace_strict(texts, numbers, return_dtype=pl.UInt64).to_numpy()
        return new

    def _add(self, transaction: Transaction, base: Words, delta: Longs) -> tuple[Sequence[str], Longs]:
        """Add what base groups have changed by to all their targets."""
        changed = delta.any(axis=1)
        base, delta = base[changed], delta[changed]
        if not len(base):
            return [], delta
        targets = [self._targets(text) for text in self._text(transaction, base.tolist())]
        rows = np.repeat(np.arange(len(base)), [len(texts) for texts in targets])
        numbers = self._number(transaction, [text for texts in targets for text in texts])
        touched, sums = _sum_by(np.array(numbers, np.uint64), delta[rows])
        keys = [_pack(number) for number in touched.tolist()]
        found = transaction.get(Space.GROUPS, keys)
        nothing = bytes(8 * len(self._measures))
        old = np.frombuffer(b"".join(found.get(key, nothing) for key in keys), "<i8").reshape(len(keys), -1)
        values = old + sums
        transaction.put(Space.GROUPS, [(key, row.tobytes()) for key, row in zip(keys, values, strict=True)])
        return [self._texts[number] for number in touched.tolist()], values

    def _number(self, transaction: Transaction, texts: Sequence[str]) -> list[int]:
        """Return the numbers of group texts; one that this process meets first is named in the store."""
        strange = {text: _digest(text) for text in texts if text not in self._numbers}
        if strange:
            keys = sorted({_pack(number) for number in strange.values()})
            names = dict(transaction.get(Space.NAMES, keys))
            for text, number in strange.items():
                if names.setdefault(_pack(number), text.encode()) != text.encode():
                    raise StoreBroken(
                        f"Dua kelompok berbagi nomor {number}; laporkan kepada pengembang.",
                        f"Two groups share the number {number}; report this to the developers.",
                    )
            transaction.put(Space.NAMES, sorted(names.items()))
            self._numbers.update(strange)
            self._texts.update({number: text for text, number in strange.items()})
        return [self._numbers[text] for text in texts]

    def _text(self, transaction: Transaction, numbers: Sequence[int]) -> list[str]:
        strange = [_pack(number) for number in numbers if number not in self._texts]
        if strange:
            for key, text in transaction.get(Space.NAMES, sorted(strange)).items():
                self._texts[int.from_bytes(key, "big")] = text.decode()
        try:
            return [self._texts[number] for number in numbers]
        except KeyError as error:
            raise StoreBroken(
                "Penyimpanan kehilangan nama kelompok; hapus dan biarkan dibangun ulang dari log.",
                "The store has lost the name of a group; delete it and let it be rebuilt from the log.",
            ) from error

    def forget(self) -> None:
        """Forget what was learned inside a transaction that did not commit."""
        self._numbers.clear()
        self._texts.clear()


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _pack(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _newer(new: npt.NDArray[np.void], old: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Compare (revision, id) pair by pair."""
    higher: npt.NDArray[np.bool_] = new["revision"] > old["revision"]
    equal = new["revision"] == old["revision"]
    for word in (0, 1):
        higher |= equal & (new["id"][:, word] > old["id"][:, word])
        equal &= new["id"][:, word] == old["id"][:, word]
    return higher


def _sum_by(groups: Words, values: Longs) -> tuple[Words, Longs]:
    """Add up rows of the same group, exactly; returns the groups in order and a row of sums for each."""
    if not len(groups):
        return groups, values
    order = np.argsort(groups, kind="stable")
    groups, values = groups[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    return groups[starts], np.add.reduceat(values, starts, axis=0)


def as_ids(event_ids: pl.Expr) -> pl.Expr:
    """Turn canonical UUIDs into the 16 bytes that `ID` holds; their order stays the same."""
    return event_ids.str.replace_all("-", "", literal=True).str.decode("hex")


#: An `ID` for records that have none.
NO_ID = bytes(16)

#: What `Fold` takes, for those who build batches.
HEAD: Mapping[str, pl.DataType] = {KEY: pl.String(), REVISION: pl.Int64(), ID: pl.Binary(), GROUP: pl.String()}

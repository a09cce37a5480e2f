"""Whole numbers of variable length, as Avro and Kafka write them, for many places of a buffer at once.

Seven bits a byte, the lowest first; the highest bit of a byte says that more follow. What is read here is at most eight
bytes long, which is a word: 56 bits are enough for every moment until the year 3111.
"""

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Widths = npt.NDArray[np.uint8]

#: Bytes of a word.
WORD = 8
#: The bit by which a first byte says that more follow, and its other bits.
LONGER, SEVEN_BITS = np.uint64(0x80), np.uint64(0x7F)
_MORE = np.uint64(0x8080808080808080)
_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
#: Masks and shift of each step that puts groups of 7, 14 and 28 bits together.
_STEPS = tuple(
    (np.uint64(low), np.uint64(high), np.uint64(shift))
    for low, high, shift in (
        (0x007F007F007F007F, 0x7F007F007F007F00, 1),
        (0x00003FFF00003FFF, 0x3FFF00003FFF0000, 2),
        (0x000000000FFFFFFF, 0x0FFFFFFF00000000, 4),
    )
)
_ONE = np.uint64(1)


def words_of(data: bytes) -> Words:
    """Return the eight bytes from every place of a buffer on; nothing is copied."""
    return np.ndarray((len(data) - WORD + 1,), "<u8", data, strides=(1,))


def widths_of(words: Words) -> Widths:
    """Return how many bytes the number takes that each word begins with; 9 where it does not end in it."""
    ends = ~words & _MORE
    ends &= ~ends + _ONE  # the lowest of them
    widths: Widths = (np.bitwise_count(ends - _ONE) + np.uint8(WORD)) >> 3
    return widths


def joined(words: Words, widths: Widths) -> Words:
    """Return the numbers of so many bytes that words begin with."""
    found = words & _IN_USE[widths]
    for low, high, shift in _STEPS:
        found = (found & low) | ((found & high) >> shift)
    return found


def zigzag(numbers: Words) -> Longs:
    """Return the numbers with their signs, which were in the lowest bits."""
    signs: Longs = -(numbers & _ONE).view(np.int64)
    signs ^= (numbers >> _ONE).view(np.int64)
    return signs


def read(words: Words, at: Longs) -> tuple[Longs, Longs]:
    """Return the signed numbers at some places, and where each ends; what is longer than a word is no number."""
    found = words[at]
    widths = widths_of(found)
    return zigzag(joined(found, widths)), at + widths


#: For every width, the bits of a word that belong to the number.
_IN_USE = np.array([int(_BITS) & ((1 << 8 * width) - 1) for width in range(WORD + 2)], np.uint64)

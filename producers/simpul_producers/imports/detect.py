"""What a text is written in: its encoding and its delimiter, found out from its bytes."""

import codecs
import csv
import re
from collections import Counter

#: In the order that they are preferred in where several fit as well.
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 50
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes that windows-1252 does not know; latin-1 knows every byte.
_NOT_1252 = b"\x81\x8d\x8f\x90\x9d"
#: Bytes that were no UTF-8, as decoding carries them over (PEP 383).
_ESCAPED = re.compile("[\udc80-\udcff]")


class EncodingGuess:
    """Told a text piece by piece; says in the end what it is written in."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._head = b""
        self._good = 0
        self._bad = 0
        self._strange = False
        self._even_nuls = 0
        self._odd_nuls = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if len(self._head) < 1024:
            self._head += data[:1024]
        if data.isascii():
            return
        self._count(self._decoder.decode(data))
        self._strange = self._strange or len(data.translate(None, _NOT_1252)) < len(data)

    def _count(self, text: str) -> None:
        if text.isascii():
            return
        bad = len(_ESCAPED.findall(text))
        self._bad += bad
        self._good += len(text) - len(text.encode("ascii", "ignore")) - bad

    def finish(self) -> str:
        """Return the name of the encoding.

        A byte order mark decides. Else it is UTF-16 where every other byte of the beginning is NUL; UTF-8 where all is,
        or where more letters are than are not (single damaged bytes do not make it another encoding); else
        windows-1252, or latin-1 where a byte is unknown there.
        """
        for mark, name in _MARKS:
            if self._head.startswith(mark):
                return name
        even, odd = self._head[0::2], self._head[1::2]
        if len(odd) > 4 and odd.count(0) > 0.8 * len(odd) and even.count(0) == 0:
            return "utf-16-le"
        if len(even) > 4 and even.count(0) > 0.8 * len(even) and odd.count(0) == 0:
            return "utf-16-be"
        self._count(self._decoder.decode(b"", final=True))
        if not self._bad or self._good > self._bad:
            return "utf-8"
        return "latin-1" if self._strange else "windows-1252"


def guess_delimiter(lines: list[str]) -> str:
    """Return the delimiter that cuts most of the lines into the same number of cells, above one; else a comma."""
    best, best_score = DELIMITERS[0], (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines[:_SAMPLE_ROWS], delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda found: (found[1], found[0]), default=(1, 0))
        score = (count / max(sum(widths.values()), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best

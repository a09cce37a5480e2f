"""A cursor as it is kept between two runs: the value of a column, written with its kind so that it comes back the same.

What it is compared with is a column of the same database, so a time without a zone stays without one.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from simpul_producers.errors import CursorNotKept
from simpul_producers.poller.source import Cursor

_KINDS: Mapping[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = MappingProxyType(
    {
        "datetime": (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
        "date": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
        "decimal": (Decimal, str, Decimal),
        "bytes": (bytes, bytes.hex, bytes.fromhex),
        "int": (int, str, int),
        "float": (float, repr, float),
        "text": (str, str, str),
    }
)


def write_cursor(cursor: Cursor) -> bytes:
    """Write a cursor down, or raise `CursorNotKept` for a kind of column that does not serve as one."""
    for name, (kind, write, _) in _KINDS.items():
        if isinstance(cursor, kind) and not isinstance(cursor, bool):
            return json.dumps([name, write(cursor)]).encode()
    raise CursorNotKept(type(cursor).__name__)


def read_cursor(written: bytes) -> Cursor:
    """Read a cursor that was written down."""
    name, text = json.loads(written)
    return _KINDS[name][2](text)

"""The limits of the carried types over Arrow columns: which rows hold a value that a single record may not hold.

pyruhvro and Arrow hold the shape of a record; this holds what is in it, as `simpul_schemas.rows` does for one record.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from simpul_schemas.avro_types import AvroType, Items, Optional, Real, Record, Whole
from simpul_schemas.wire import MAX_ITEMS

_LONG = (-(2**63), 2**63 - 1)

#: Returns the rows of a column, each perhaps several times, that break a limit.
Check = Callable[[pa.Array], pa.Array]


def compile_limits(kind: AvroType) -> Check | None:
    """Turn a type into a check of its columns; None where its every value is within limits."""
    match kind:
        case Whole(low, high):
            return None if (low, high) == _LONG else _outside(low, high)
        case Real():
            return _not_finite
        case Optional(inner, _):
            return compile_limits(inner)
        case Items(item):
            return _items(compile_limits(item))
        case Record(_, fields):
            checks = [compile_limits(field) for _, field in fields]
            found = [(number, check) for number, check in enumerate(checks) if check is not None]
            return _fields(found) if found else None
    return None


def _where(broken: pa.Array) -> pa.Array:
    return pc.indices_nonzero(pc.fill_null(broken, False))  # noqa: FBT003  # pyarrow's own signature


def _outside(low: int, high: int) -> Check:
    def check(column: pa.Array) -> pa.Array:
        ends = pc.min_max(column).as_py()
        if ends["min"] is None or (low <= ends["min"] and ends["max"] <= high):
            return _NONE
        return _where(pc.or_(pc.less(column, low), pc.greater(column, high)))

    return check


def _not_finite(column: pa.Array) -> pa.Array:
    return _where(pc.invert(pc.is_finite(column)))


def _items(inner: Check | None) -> Check:
    def check(column: pa.Array) -> pa.Array:
        too_long = _where(pc.greater(pc.list_value_length(column), MAX_ITEMS))
        if inner is None:
            return too_long
        rows = pc.take(pc.list_parent_indices(column), inner(pc.list_flatten(column)))
        return pa.concat_arrays([too_long, rows.cast(pa.uint64())])

    return check


def _fields(checks: list[tuple[int, Check]]) -> Check:
    def check(column: pa.Array) -> pa.Array:
        return pa.concat_arrays([found(pc.struct_field(column, [number])) for number, found in checks])

    return check


_NONE = pa.array([], pa.uint64())

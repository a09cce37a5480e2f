"""The envelope: the first fields of every event, flat, in this order, so that columns can be cut without the rest."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Action(StrEnum):
    """What an event does to its subject."""

    SUBMIT = "SUBMIT"
    WITHDRAW = "WITHDRAW"


class Mode(StrEnum):
    """Whether an event counts: EXERCISE and TEST never enter a figure."""

    ACTUAL = "ACTUAL"
    EXERCISE = "EXERCISE"
    TEST = "TEST"


def to_micros(moment: datetime) -> int:
    """Return microseconds since the epoch, exactly; a time without a zone would shift by the host's, so it raises."""
    if moment.tzinfo is None:
        message = "a time without a zone has no place on the bus"
        raise ValueError(message)
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment, in UTC, of microseconds since the epoch."""
    return _EPOCH + micros * _MICROSECOND


def _in_long(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        message = "outside the 64 bits of an Avro long"
        raise ValueError(message)
    return value


def _in_int(value: int) -> int:
    if not -(2**31) <= value < 2**31:
        message = "outside the 32 bits of an Avro int"
        raise ValueError(message)
    return value


#: An Avro long: 64 bits, never a float or a text.
Long = Annotated[int, AfterValidator(_in_long)]
#: An Avro int: 32 bits, never a float or a text.
Int = Annotated[int, AfterValidator(_in_int)]


#: How every model of the contract reads: types are strict, unknown fields are refused, NaN and infinity too.
PART = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Event(BaseModel):
    """What every event says; the payload fields of a type follow these.

    Types are strict and unknown fields are refused: no text becomes a number, no float an integer.
    """

    model_config = PART

    event_id: str
    subject: str
    revision: Long
    action: Action
    region: str
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    published_at: AwareDatetime
    source: str
    mode: Mode
    reason: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the event as an Avro record: times in microseconds, enums as their symbols."""
        return {name: _plain(value) for name, value in self}


def _plain(value: object) -> object:
    """Turn a model's value into what Avro's row encoder and the rules take."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, BaseModel):
        return {name: _plain(inner) for name, inner in value}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value

"""Moments as texts: RFC 3339 in UTC outside, microseconds since the epoch inside."""

from datetime import datetime

from simpul_schemas.events.envelope import from_micros, to_micros


def iso_utc(micros: int) -> str:
    """Write a moment as RFC 3339 in UTC; it must lie in the years 1 to 9999."""
    return from_micros(micros).isoformat().replace("+00:00", "Z")


def read_iso(text: str) -> int | None:
    """Read a moment with its zone; None for a text that is none, or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else to_micros(moment)

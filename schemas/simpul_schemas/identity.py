"""Event ids: UUIDv7 (RFC 9562), so that they sort by time; and their stable form for a row that has none of its own."""

import hashlib


def stable_event_id(revision_micros: int, *parts: str) -> str:
    """Return the id of a row that is imported from a file: the same row gives the same id, on every machine.

    It has the shape of a UUIDv7: the milliseconds are those of the revision, and what is random there is a digest of
    `parts` here (source, event type, subject, revision and content), so that importing a file again adds nothing.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    milliseconds = max(revision_micros // 1000, 0) & (2**48 - 1)
    number = milliseconds << 80 | int.from_bytes(digest[:10], "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_event_id(now_micros: int, randomness: bytes) -> str:
    """Return a fresh UUIDv7 from a clock (microseconds since the epoch) and ten random bytes."""
    return stable_event_id(now_micros, randomness.hex())

"""From a submission to a record of the contract: what the gateway adds, and what the strict model says about the rest.

The gateway may add `source` and `region` (from the key), `action`, `mode`, `recorded_at` and `revision`; `published_at`
is always its own. The id of an event that has none is made from what it says, see `made_id`. Pure.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.results import Fault
from simpul_producers.gateway.submissions import Submission
from simpul_producers.gateway.words import WORDS
from simpul_schemas.contract import EventType
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.identity import stable_event_id
from simpul_schemas.rules import Text

#: Stands for an id that is not known yet, in a record that is only looked at.
NO_ID = ""
#: Of one event; who has more wrong fields than this has the wrong table, and answers must stay bounded.
_MOST_FAULTS = 20
#: Fields that the gateway makes where they are left out, and that therefore differ from one request to the next.
_MADE = ("event_id", "revision", "recorded_at")
_CODES = {"missing": "event.field_missing", "extra_forbidden": "event.field_unknown"}
#: What a strict model wants, in the client's words; others are told in the model's.
_WANTED: Mapping[str, Text] = MappingProxyType(
    {
        "string_type": Text("harus teks", "must be a text"),
        "int_type": Text("harus bilangan bulat", "must be a whole number"),
        "int_from_float": Text("harus bilangan bulat", "must be a whole number"),
        "float_type": Text("harus bilangan", "must be a number"),
        "bool_type": Text("harus true atau false", "must be true or false"),
        "tuple_type": Text("harus daftar", "must be a list"),
        "model_type": Text("harus objek", "must be an object"),
        "datetime_type": Text(
            "harus waktu dengan zona, misalnya 2024-05-17T08:30:00+07:00",
            "must be a time with its zone, such as 2024-05-17T08:30:00+07:00",
        ),
        "timezone_aware": Text("waktu tanpa zona; tambahkan misalnya +07:00", "a time without a zone; add +07:00, say"),
    }
)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A submission that has the shape of its type: its record, and which fields of it the client left to us."""

    record: dict[str, Any]
    made: frozenset[str]

    def with_made(self, event_id: str, revision: int) -> dict[str, Any]:
        """Return the record with what the gateway makes, where the client said nothing."""
        record = dict(self.record)
        if "event_id" in self.made:
            record["event_id"] = event_id
        if "revision" in self.made:
            record["revision"] = revision
        return record

    def says(self, other: Mapping[str, Any]) -> bool:
        """Return whether a record says the same in all that the client said; a field it does not have is unknown."""
        skipped = self.made | {"published_at"}
        return all(value == other.get(name) for name, value in self.record.items() if name not in skipped)

    @property
    def digest(self) -> bytes:
        """A digest of all that the client said."""
        said = {name: value for name, value in self.record.items() if name not in self.made and name != "published_at"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


def shape(event_type: EventType, submission: Submission, key: Key, now_micros: int) -> Shaped | tuple[Fault, ...]:
    """Return the record of a submission, or every way in which the contract's model refuses it."""
    given = submission.values
    if "published_at" in given:
        return (Fault.own("event.field_reserved", submission.pointer(("published_at",))),)
    now = from_micros(now_micros).isoformat()
    filled = {
        "source": key.source,
        "region": key.region,
        "action": "SUBMIT",
        "mode": "ACTUAL",
        "recorded_at": now,
        "event_id": NO_ID,
        "revision": now_micros,
        **given,
        "published_at": now,
    }
    try:
        # JSON once more: only in JSON does the strict model take a time or a symbol from a text.
        event = event_type.model.model_validate_json(json.dumps(filled))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return tuple(_fault(detail, submission) for detail in details[:_MOST_FAULTS])
    return Shaped(event.to_record(), frozenset(name for name in _MADE if name not in given))


def made_id(shaped: Shaped, event_type: str, before: str) -> str:
    """Return the id of an event that came without one: the same for the same content said after the same event.

    `before` is the id of the subject's latest event: who says A, then B, then A again has said three things.
    """
    record = shaped.record
    return stable_event_id(
        record["occurred_at"], record["source"], event_type, record["subject"], shaped.digest.hex(), before
    )


def _fault(detail: ErrorDetails, submission: Submission) -> Fault:
    path = detail["loc"]
    code = _CODES.get(detail["type"], "event.field_invalid")
    place = submission.pointer(path)
    if code != "event.field_invalid":
        return Fault.own(code, place)
    wanted = _WANTED.get(detail["type"]) or Text(detail["msg"], detail["msg"])
    name = ".".join(str(part) for part in path)
    words = WORDS[code]
    return Fault(
        code,
        place,
        Text(f"{words.indonesian} {name}: {wanted.indonesian}.", f"{words.english} {name}: {wanted.english}."),
    )

"""One result per event: what a client reads, and what is kept to say it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simpul_producers.gateway.words import WORDS, Language, say
from simpul_schemas.rules import Text


class Status(StrEnum):
    """What became of an event: on disk now, refused, or on disk since an earlier request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


class Step(StrEnum):
    """How far an event came: the step that refused it, or `store` where it is on disk."""

    PARSE = "parse"
    AUTHORIZE = "authorize"
    VALIDATE = "validate"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong or doubtful: stable code, JSON pointer into the request's body, sentence."""

    code: str
    pointer: str
    message: Text

    @classmethod
    def own(cls, code: str, pointer: str) -> "Fault":
        """Make a fault that the gateway itself has words for."""
        return cls(code, pointer, WORDS[code])

    def document(self, language: Language) -> dict[str, str]:
        """Return it as a client reads it."""
        return {"code": self.code, "pointer": self.pointer, "message": say(self.message, language)}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the event at a place of the request; `faults` is empty unless it was refused."""

    event_id: str | None
    status: Status
    step: Step
    revision: int | None = None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @classmethod
    def refused(cls, event_id: str | None, step: Step, *faults: Fault) -> "Result":
        """Make the result of an event that was not taken."""
        return cls(event_id, Status.REFUSED, step, None, faults)

    def document(self, index: int, language: Language) -> dict[str, Any]:
        """Return it as a client reads it; code, pointer and message are those of the first fault."""
        first = self.faults[0].document(language) if self.faults else {"code": None, "pointer": None, "message": None}
        return {
            "index": index,
            "id": self.event_id,
            "status": self.status.value,
            "step": self.step.value,
            **first,
            "revision": self.revision,
            "errors": [fault.document(language) for fault in self.faults],
            "warnings": [warning.document(language) for warning in self.warnings],
        }


def http_status(results: Sequence[Result]) -> int:
    """Return the status of a request: 201 where every event is on disk, 422 where none is, 207 between."""
    refused = sum(result.status is Status.REFUSED for result in results)
    if not refused:
        return 201
    return 422 if refused == len(results) else 207


def document(results: Sequence[Result], language: Language) -> dict[str, Any]:
    """Return the whole answer, results in the order of the events."""
    return {
        **{status.value: sum(result.status is status for result in results) for status in Status},
        "results": [result.document(place, language) for place, result in enumerate(results)],
    }


def faults_to_json(faults: Sequence[Fault]) -> list[list[str]]:
    """Return faults as they are kept."""
    return [[fault.code, fault.pointer, fault.message.indonesian, fault.message.english] for fault in faults]


def faults_from_json(kept: Sequence[Sequence[str]]) -> tuple[Fault, ...]:
    """Return faults that were kept."""
    return tuple(Fault(code, place, Text(indonesian, english)) for code, place, indonesian, english in kept)

"""The SDK: hand in an event, get its id once it is safe on disk."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from simpul_producers.admission import ENVELOPE_FIELDS, Clock, judge, to_row
from simpul_producers.outbox import Outbox, OutboxRow
from simpul_schemas.contract import EventType, event_type
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.events.envelope import Action, Event, Mode, from_micros
from simpul_schemas.identity import new_event_id
from simpul_schemas.rules import Rule, Severity

_RANDOM_BYTES = 10
#: What pydantic calls it, and the code that a program can rely on.
_SHAPE_CODES = {"missing": "event.field_missing", "extra_forbidden": "event.field_unknown"}


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as an application hands it in; times carry a zone.

    `payload` holds the fields of the type; enums may be given by their symbols, lists for sequences. What is left out
    the publisher makes: `recorded_at` (now), `revision` (from the clock, never going back), `event_id`.
    """

    event_type: str
    subject: str
    region: str
    occurred_at: datetime
    payload: Mapping[str, object] = field(default_factory=dict)
    action: Action = Action.SUBMIT
    mode: Mode = Mode.ACTUAL
    reason: str | None = None
    recorded_at: datetime | None = None
    revision: int | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The answer: the event is on disk under this id."""

    event_id: str
    revision: int
    warnings: tuple[Rule, ...]


class Publisher:
    """Takes events into an outbox on behalf of one publishing system (`source`, for example `sitimdu.13`)."""

    def __init__(
        self, outbox: Outbox, source: str, clock: Clock, randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._outbox = outbox
        self._source = source
        self._clock = clock
        self._randomness = randomness

    def publish(self, draft: Draft) -> Published:
        """Take one event and return when it is on disk, or raise `InvalidEvent` with the codes of what is wrong.

        A correction has the subject of what it corrects; a revision given by hand is taken as it is, since a late
        original is lawful: the fold lets the higher one win.
        """
        return self.publish_many([draft])[0]

    def publish_many(self, drafts: Sequence[Draft]) -> list[Published]:
        """Take events in one transaction, all or none; raises like `publish` for the first that is refused."""
        now = self._clock()
        self._check_all(drafts, now)
        rows: list[OutboxRow] = []
        answers: list[Published] = []
        for draft, revision in zip(drafts, self._revisions(drafts, now), strict=True):
            kind = event_type(draft.event_type)
            record = self._record(kind, draft, revision, now)
            warnings = _pass_rules(kind, record, now)
            rows.append(to_row(kind, record))
            answers.append(Published(record["event_id"], revision, warnings))
        self._outbox.add(rows, now)
        return answers

    def _check_all(self, drafts: Sequence[Draft], now: int) -> None:
        """Refuse before revisions are reserved, so that what is refused leaves no trace."""
        for draft in drafts:
            kind = event_type(draft.event_type)
            revision = now if draft.revision is None else draft.revision
            _pass_rules(kind, self._record(kind, draft, revision, now), now)

    def _revisions(self, drafts: Sequence[Draft], now: int) -> list[int]:
        without = [draft.subject for draft in drafts if draft.revision is None]
        made = iter(self._outbox.reserve_revisions(without, now) if without else ())
        return [draft.revision if draft.revision is not None else next(made) for draft in drafts]

    def _record(self, kind: EventType, draft: Draft, revision: int, now: int) -> dict[str, Any]:
        moment = from_micros(now)
        reserved = sorted(draft.payload.keys() & set(ENVELOPE_FIELDS))
        if reserved:
            raise _shape_error("event.field_unknown", ", ".join(reserved), "belongs to the envelope")
        values = {
            **_lifted(kind.model, draft.payload),
            "event_id": draft.event_id or new_event_id(now, self._randomness(_RANDOM_BYTES)),
            "subject": draft.subject,
            "revision": revision,
            "action": draft.action,
            "region": draft.region,
            "occurred_at": draft.occurred_at,
            "recorded_at": draft.recorded_at or moment,
            "published_at": moment,
            "source": self._source,
            "mode": draft.mode,
            "reason": draft.reason,
        }
        try:
            record = kind.model.model_validate(values).to_record()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            code = _SHAPE_CODES.get(first["type"], "event.field_invalid")
            raise _shape_error(code, ".".join(str(part) for part in first["loc"]), first["msg"]) from error
        try:
            # Half a surrogate pair passes for a text in Python, and can be written down nowhere.
            json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise _shape_error("event.field_invalid", "*", "no Unicode text") from error
        return record


def _pass_rules(kind: EventType, record: dict[str, Any], now: int) -> tuple[Rule, ...]:
    """Return the warnings, or raise what the rules say."""
    verdict = judge(kind, record, now)
    broken = kind.rules.broken_rules(verdict)
    if kind.rules.refuses(verdict):
        refusing = [rule for rule in broken if rule.severity is Severity.REJECT]
        raise InvalidEvent(
            kind.rules.codes(verdict),
            " ".join(f"{rule.message.indonesian} {rule.remedy.indonesian}" for rule in refusing),
            " ".join(f"{rule.message.english} {rule.remedy.english}" for rule in refusing),
        )
    return tuple(broken)


def _shape_error(code: str, name: str, detail: str) -> InvalidEvent:
    return InvalidEvent(
        (code,),
        f"Isian '{name}' tidak sesuai kontrak ({detail}).",
        f"The field '{name}' breaks the contract ({detail}).",
    )


def _lifted(model: type[Event], payload: Mapping[str, object]) -> dict[str, object]:
    """Turn symbols into enums and lists into tuples, where nothing can be lost by it; the strict model judges."""
    enums, sequences = _liftable(model)
    values = dict(payload)
    for name, kind in enums.items():
        value = values.get(name)
        if isinstance(value, str) and value in {member.value for member in kind}:
            values[name] = kind(value)
    for name in sequences:
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])  # type: ignore[arg-type]  # a list, by the line above
    return values


@cache
def _liftable(model: type[Event]) -> tuple[dict[str, type[Enum]], tuple[str, ...]]:
    enums: dict[str, type[Enum]] = {}
    sequences = []
    for name, info in model.model_fields.items():
        for kind in (info.annotation, *get_args(info.annotation)):
            if isinstance(kind, type) and issubclass(kind, Enum):
                enums[name] = kind
        if get_origin(info.annotation) is tuple:
            sequences.append(name)
    return enums, tuple(sequences)

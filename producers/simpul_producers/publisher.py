"""The SDK: hand in an event, get its id once it is safe on disk."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simpul_producers.admission import ENVELOPE_FIELDS, Clock, judge, taken_back, to_row
from simpul_producers.background import BackgroundSender
from simpul_producers.outbox import Outbox, OutboxRow
from simpul_producers.receipts import EventReceipt, event_receipt
from simpul_schemas import door
from simpul_schemas.contract import EventType, event_type
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.events.envelope import Action, Mode, from_micros
from simpul_schemas.identity import new_event_id
from simpul_schemas.lifecycles import judge_transition
from simpul_schemas.rows import decode
from simpul_schemas.rules import Rule

_RANDOM_BYTES = 10


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
    """Takes events into an outbox on behalf of one publishing system (`source`, for example `sitimdu.13`).

    `sending` is who sends them in the background; `link.open_publisher` makes both as the settings say.
    """

    def __init__(
        self,
        outbox: Outbox,
        source: str,
        clock: Clock,
        randomness: Callable[[int], bytes] = os.urandom,
        sending: BackgroundSender | None = None,
    ) -> None:
        self._outbox = outbox
        self._source = source
        self._clock = clock
        self._randomness = randomness
        self._sending = sending

    def publish(self, draft: Draft) -> Published:
        """Take one event and return when it is on disk, or raise `InvalidEvent` with the codes of what is wrong.

        A correction has the subject of what it corrects; a revision given by hand is taken as it is, since a late
        original is lawful: the fold lets the higher one win.
        """
        return self.publish_many([draft])[0]

    def publish_many(self, drafts: Sequence[Draft]) -> list[Published]:
        """Take events in one transaction, all or none; raises like `publish` for the first that is refused."""
        now = self._clock()
        last = {subject: self._outbox.latest(subject) for subject in {draft.subject for draft in drafts}}
        self._check_all(drafts, last, now)
        rows: list[OutboxRow] = []
        answers: list[Published] = []
        for draft, revision in zip(drafts, self._revisions(drafts, now), strict=True):
            kind = event_type(draft.event_type)
            record = self._record(kind, draft, revision, now)
            warnings = _pass_rules(kind, record, now)
            row = to_row(kind, record)
            before = last[draft.subject]
            back = taken_back(before, row) if before is not None else None
            rows += [row] if back is None else [back, row]
            if before is None or row.revision > before.revision:
                last[draft.subject] = row
            answers.append(Published(record["event_id"], revision, warnings))
        self._outbox.add(rows, now)
        if self._sending is not None:
            self._sending.wake()
        return answers

    def receipt(self, event_id: str) -> EventReceipt:
        """Return what has become of an event: accepted, superseded, refused with codes, on its way, or unknown.

        Asked of the outbox alone, so it answers without a network; where nothing moves it says why.
        """
        trouble = self._sending.health.trouble if self._sending is not None else None
        return event_receipt(event_id, self._outbox.record(event_id), trouble)

    def wait(self, event_id: str, seconds: float) -> EventReceipt:
        """Wait until an event is accepted, superseded or refused, at most so long, and return where it stands."""
        if self._sending is not None:
            self._sending.wait_for(lambda: self.receipt(event_id).final, seconds)
        return self.receipt(event_id)

    def flush(self, seconds: float) -> bool:
        """Wait until the broker has all that this outbox holds, at most so long; returns whether it does."""
        if self._sending is not None:
            self._sending.wait_for(lambda: not self._outbox.counts().pending, seconds)
        return not self._outbox.counts().pending

    def _check_all(self, drafts: Sequence[Draft], latest: Mapping[str, OutboxRow | None], now: int) -> None:
        """Refuse before revisions are reserved, so that what is refused leaves no trace."""
        before: dict[str, dict[str, Any] | None] = {}
        for draft in drafts:
            kind = event_type(draft.event_type)
            if draft.subject not in before:
                before[draft.subject] = _said(kind, latest[draft.subject])
            last = before[draft.subject]
            # A revision that is made by us will be above the last one, whatever the clock says.
            above = max(now, last["revision"] + 1 if last else 0)
            record = self._record(kind, draft, above if draft.revision is None else draft.revision, now)
            _pass_rules(kind, record, now)
            if last is None or record["revision"] > last["revision"]:
                _pass_lifecycles(kind, last, record)
                before[draft.subject] = record

    def _revisions(self, drafts: Sequence[Draft], now: int) -> list[int]:
        without = [draft.subject for draft in drafts if draft.revision is None]
        made = iter(self._outbox.reserve_revisions(without, now) if without else ())
        return [draft.revision if draft.revision is not None else next(made) for draft in drafts]

    def _record(self, kind: EventType, draft: Draft, revision: int, now: int) -> dict[str, Any]:
        moment = from_micros(now)
        reserved = sorted(draft.payload.keys() & set(ENVELOPE_FIELDS))
        if reserved:
            raise door.shape_error("event.field_unknown", ", ".join(reserved), "belongs to the envelope")
        values = {
            **draft.payload,
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
        return door.to_record(kind, values)


def _said(kind: EventType, row: OutboxRow | None) -> dict[str, Any] | None:
    """Return what the outbox said last of a subject, if it was an event of the same type."""
    if row is None or row.event_type != kind.name:
        return None
    return decode(json.loads(row.schema), row.body)


def _pass_lifecycles(kind: EventType, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    """Raise `InvalidEvent` where a subject takes a step that its lifecycle does not know.

    The publisher's own outbox is where both states are known. An exercise is no step of the real thing.
    """
    if before is None or before["mode"] != after["mode"]:
        return
    broken = judge_transition(kind.name, before, after)
    if broken:
        raise InvalidEvent(
            tuple(lifecycle.code for lifecycle in broken),
            " ".join(f"{each.message.indonesian} ({each.field}) {each.remedy.indonesian}" for each in broken),
            " ".join(f"{each.message.english} ({each.field}) {each.remedy.english}" for each in broken),
        )


def _pass_rules(kind: EventType, record: dict[str, Any], now: int) -> tuple[Rule, ...]:
    """Return the warnings, or raise what the rules say."""
    return door.pass_rules(kind, judge(kind, record, now))

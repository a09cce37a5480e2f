"""The intake: submissions of one key go in, one result per event comes out, and what was accepted is on disk by then.

Each event goes through parse, authorize, validate and store; the first step that refuses it names the result. What is
accepted of a request goes into the outbox in one transaction. Repeats are recognised by source and event id: the
outbox itself remembers what was taken, so a kill at any moment leaves nothing half known.

One intake works on one request at a time (a lock), so that a request sees all that earlier ones stored.
"""

import json
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from simpul_producers.admission import Clock, to_row
from simpul_producers.gateway.answers import REPEAT_MICROS, AnswerMemory, Refusal
from simpul_producers.gateway.envelopes import NO_ID, Shaped, made_id, shape
from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.results import Fault, Result, Status, Step, faults_from_json, faults_to_json
from simpul_producers.gateway.submissions import Submission
from simpul_producers.outbox import Known, Outbox, State
from simpul_schemas import door
from simpul_schemas.avro_types import read_parsed
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.errors import OutsideError
from simpul_schemas.lifecycles import judge_transition
from simpul_schemas.rows import RowDecoder
from simpul_schemas.rules import Rule, Severity, Text

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An event that nothing refuses; it waits for its revision and for the disk."""

    kind: EventType
    submission: Submission
    shaped: Shaped
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Again:
    """An event that stands earlier in the same request."""

    event_id: str


@dataclass(slots=True)
class _Batch:
    """What one request has brought so far: candidates by id, and the latest of each subject, in outbox or batch."""

    key: Key
    now: int
    candidates: dict[str, _Candidate] = field(default_factory=dict)
    latest: dict[str, tuple[str, dict[str, Any]] | None] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


class Intake:
    """Takes events for an outbox; see the module."""

    def __init__(self, outbox: Outbox, memory: AnswerMemory, clock: Clock) -> None:
        self._outbox = outbox
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()

    def take(self, key: Key, submissions: Sequence[Submission]) -> list[Result]:
        """Return a result for each submission, in their order; raises a leaf of `OutsideError` where none was taken."""
        with self._lock:
            batch = _Batch(key, self._clock())
            found = [self._examine(submission, batch) for submission in submissions]
            stored = self._store(batch)
            # What is on disk is accepted, also where its neighbours' refusals could not be noted.
            with suppress(OutsideError):
                self._memory.remember(batch.refusals)
        return [_settled(one, stored) for one in found]

    def look_up(self, key: Key, event_id: str) -> Known | Refusal | None:
        """Return what is known of an event of this key's system and region: taken, refused here, or nothing."""
        known = self._outbox.find(event_id)
        if known is None:
            return self._memory.recall(key.source, event_id)
        return known if known.row.source == key.source and key.covers(_record_of(known)["region"]) else None

    def _examine(self, submission: Submission, batch: _Batch) -> Result | _Candidate | _Again:
        given = submission.values.get("event_id")
        event_id = given if isinstance(given, str) else None
        if submission.fault is not None:
            return Result.refused(event_id, Step.PARSE, submission.fault)
        kind = EVENT_TYPES[submission.event_type]
        denied = _deny(submission, batch.key)
        if denied is not None:
            return Result.refused(event_id, Step.AUTHORIZE, denied)
        shaped = shape(kind, submission, batch.key, batch.now)
        if not isinstance(shaped, Shaped):
            return Result.refused(event_id, Step.VALIDATE, *shaped)
        before = self._latest(shaped.record["subject"], batch)
        if before is not None and not batch.key.covers(before[1]["region"]):
            place = submission.pointer(("subject",))
            return Result.refused(event_id, Step.AUTHORIZE, Fault.own("key.subject_differs", place))
        repeated = self._repeat(kind, submission, shaped, before, batch)
        return repeated or self._judge(kind, submission, shaped, before, batch)

    def _repeat(
        self,
        kind: EventType,
        submission: Submission,
        shaped: Shaped,
        before: tuple[str, dict[str, Any]] | None,
        batch: _Batch,
    ) -> Result | _Again | None:
        """Return the first answer of an event that has come before; None for a new one."""
        if "event_id" in shaped.made:
            if before is None or before[1]["source"] != batch.key.source or not shaped.says(before[1]):
                return None
            event_id = before[0]
        else:
            event_id = shaped.record["event_id"]
        place = submission.pointer(("event_id",))
        earlier = batch.candidates.get(event_id)
        if earlier is not None:
            same = earlier.kind is kind and shaped.says(earlier.record)
            return _Again(event_id) if same else _conflict(event_id, place)
        known = self._outbox.find(event_id)
        if known is None:
            return self._first_refusal(event_id, shaped, batch)
        return _known_result(kind, submission, shaped, known, batch.key)

    def _first_refusal(self, event_id: str, shaped: Shaped, batch: _Batch) -> Result | None:
        kept = None
        with suppress(OutsideError):
            kept = self._memory.recall(batch.key.source, event_id)
        if kept is None or kept.digest != shaped.digest or batch.now - kept.at > REPEAT_MICROS:
            return None
        return Result.refused(event_id, Step.VALIDATE, *faults_from_json(json.loads(kept.faults)))

    def _judge(
        self,
        kind: EventType,
        submission: Submission,
        shaped: Shaped,
        before: tuple[str, dict[str, Any]] | None,
        batch: _Batch,
    ) -> Result | _Candidate:
        event_id = shaped.record["event_id"]
        if "event_id" in shaped.made:
            event_id = made_id(shaped, kind.name, before[0] if before else NO_ID)
        last = before[1]["revision"] if before else 0
        # A revision that is made by us will be above the last one, whatever the clock says.
        record = shaped.with_made(event_id, max(batch.now, last + 1))
        faults = _faults(kind, door.judge(kind, record, batch.now), submission, Severity.REJECT)
        counts = record["revision"] > last
        if not faults and before is not None and counts and record["mode"] == before[1]["mode"]:
            faults = _lifecycle_faults(kind, before[1], record, submission)
        if faults:
            self._note_refusal(event_id, shaped, faults, batch)
            return Result.refused(None if "event_id" in shaped.made else event_id, Step.VALIDATE, *faults)
        candidate = _Candidate(kind, submission, shaped, record)
        batch.candidates[event_id] = candidate
        if counts:
            batch.latest[record["subject"]] = (event_id, record)
        return candidate

    def _note_refusal(self, event_id: str, shaped: Shaped, faults: Sequence[Fault], batch: _Batch) -> None:
        if "event_id" not in shaped.made and _UUID.fullmatch(event_id):
            kept = json.dumps(faults_to_json(faults), ensure_ascii=False)
            batch.refusals.append(Refusal(batch.key.source, event_id, shaped.digest, batch.now, kept))

    def _latest(self, subject: str, batch: _Batch) -> tuple[str, dict[str, Any]] | None:
        if subject not in batch.latest:
            row = self._outbox.latest(subject)
            batch.latest[subject] = (row.event_id, _decoder(row.schema).decode(row.body)) if row else None
        return batch.latest[subject]

    def _store(self, batch: _Batch) -> dict[str, Result]:
        """Give out revisions, put all candidates on disk, and return their results by event id."""
        candidates = list(batch.candidates.values())
        if not candidates:
            return {}
        without = [one.record["subject"] for one in candidates if "revision" in one.shaped.made]
        made = iter(self._outbox.reserve_revisions(without, batch.now) if without else ())
        for one in candidates:
            if "revision" in one.shaped.made:
                one.record["revision"] = next(made)
        added = self._outbox.add([to_row(one.kind, one.record) for one in candidates], batch.now)
        # Another process on the same outbox may have been quicker with one of the ids.
        beaten = added < len(candidates)
        return {one.record["event_id"]: self._stored(one, batch, look=beaten) for one in candidates}

    def _stored(self, one: _Candidate, batch: _Batch, *, look: bool) -> Result:
        known = self._outbox.find(one.record["event_id"]) if look else None
        if known is not None and _record_of(known) != one.record:
            return _known_result(one.kind, one.submission, one.shaped, known, batch.key)
        warnings = _faults(one.kind, door.judge(one.kind, one.record, batch.now), one.submission, Severity.WARN)
        return Result(one.record["event_id"], Status.ACCEPTED, Step.STORE, one.record["revision"], (), warnings)


def _settled(one: Result | _Candidate | _Again, stored: dict[str, Result]) -> Result:
    if isinstance(one, Result):
        return one
    if isinstance(one, _Candidate):
        return stored[one.record["event_id"]]
    first = stored[one.event_id]
    return replace(first, status=Status.DUPLICATE) if first.status is Status.ACCEPTED else first


def _known_result(kind: EventType, submission: Submission, shaped: Shaped, known: Known, key: Key) -> Result:
    """Return the result of an event whose id the outbox holds already."""
    first, place = _record_of(known), submission.pointer(("event_id",))
    if known.row.event_type != kind.name or first["source"] != key.source or not shaped.says(first):
        return _conflict(known.row.event_id, place)
    if known.state is State.REFUSED:
        return Result.refused(known.row.event_id, Step.STORE, Fault.own("broker.refused", place))
    # Judged as of the moment when it was taken, so the warnings are those of then.
    warnings = _faults(kind, door.judge(kind, first, first["published_at"]), submission, Severity.WARN)
    return Result(known.row.event_id, Status.DUPLICATE, Step.STORE, first["revision"], (), warnings)


def _conflict(event_id: str, place: str) -> Result:
    return Result.refused(event_id, Step.STORE, Fault.own("event.conflict", place))


def _deny(submission: Submission, key: Key) -> Fault | None:
    """Return why a key does not open this event; what has not even the right type is left to the model."""
    values = submission.values
    region, source = values.get("region", key.region), values.get("source", key.source)
    if key.event_types and submission.event_type not in key.event_types:
        return Fault.own("key.type_differs", "")
    if isinstance(region, str) and not key.covers(region):
        return Fault.own("key.region_differs", submission.pointer(("region",)))
    if isinstance(source, str) and source != key.source:
        return Fault.own("key.source_differs", submission.pointer(("source",)))
    return None


def _faults(kind: EventType, verdict: int, submission: Submission, severity: Severity) -> tuple[Fault, ...]:
    broken: list[Rule] = [rule for rule in kind.rules.broken_rules(verdict) if rule.severity is severity]
    return tuple(Fault.of_rule(rule, submission.pointer(tuple(rule.fields[0].split(".")))) for rule in broken)


def _lifecycle_faults(
    kind: EventType, before: dict[str, Any], after: dict[str, Any], submission: Submission
) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            each.code,
            submission.pointer((each.field,)),
            Text(
                f"{each.message.indonesian} {each.remedy.indonesian}", f"{each.message.english} {each.remedy.english}"
            ),
        )
        for each in judge_transition(kind.name, before, after)
    )


def _record_of(known: Known) -> dict[str, Any]:
    """Return what the outbox holds of an event, as it was taken."""
    return _decoder(known.row.schema).decode(known.row.body)


@cache
def _decoder(schema: str) -> RowDecoder:
    return RowDecoder(read_parsed(json.loads(schema)))

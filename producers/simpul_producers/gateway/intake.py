"""The intake: submissions of one key go in, one result per event comes out, and what was accepted is on disk by then.

Each event goes through parse, authorize, validate and store; the first step that refuses it names the result. What is
accepted of a group of requests goes into the outbox in one transaction. Repeats are recognised by source and event id:
the outbox itself remembers what was taken, so a kill at any moment leaves nothing half known.

One intake works on one group of requests at a time (a lock), so that a request sees all that earlier ones stored.
"""

import json
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

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
from simpul_schemas.rules import Severity, Text

_HIGHEST_REVISION = 2**63 - 1
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class _Before(NamedTuple):
    """The latest event of a subject, in the outbox or in the requests under way."""

    event_id: str
    event_type: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Case:
    """An event that has the shape of its type, with all that the verdict needs to know."""

    kind: EventType
    key: Key
    submission: Submission
    shaped: Shaped
    before: _Before | None

    def pointer(self, name: str) -> str:
        """Return where a field stands in the body."""
        return self.submission.pointer((name,))

    @property
    def before_of_type(self) -> dict[str, Any] | None:
        """The record before, if it is of the same type."""
        return self.before.record if self.before and self.before.event_type == self.kind.name else None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An event that nothing refuses; it waits for its revision and for the disk."""

    case: _Case
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Again:
    """An event that stands earlier in the same request."""

    event_id: str


@dataclass(slots=True)
class _Batch:
    """What requests have brought so far: candidates by id, and the latest of each subject, in outbox or batch."""

    now: int
    candidates: dict[str, _Candidate] = field(default_factory=dict)
    latest: dict[str, _Before | None] = field(default_factory=dict)
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
        return self.take_together([(key, submissions)])[0]

    def take_together(self, requests: Sequence[tuple[Key, Sequence[Submission]]]) -> list[list[Result]]:
        """Take several requests in their order with one flush of the disk; each gets what it would get alone.

        Where the disk fails it raises, and nothing of any of them was taken.
        """
        with self._lock:
            batch = _Batch(self._clock())
            found = [[self._examine(one, key, batch) for one in submissions] for key, submissions in requests]
            stored = self._store(batch)
            # What is on disk is accepted, also where its neighbours' refusals could not be noted.
            with suppress(OutsideError):
                self._memory.remember(batch.refusals)
        return [[_settled(one, stored) for one in each] for each in found]

    def look_up(self, key: Key, event_id: str) -> Known | Refusal | None:
        """Return what is known of an event of this key's system and region: taken, refused here, or nothing."""
        known = self._outbox.find(event_id)
        if known is None:
            return self._memory.recall(key.source, event_id)
        return known if known.row.source == key.source and key.covers(_record_of(known)["region"]) else None

    def _examine(self, submission: Submission, key: Key, batch: _Batch) -> Result | _Candidate | _Again:
        given = submission.values.get("event_id")
        event_id = given if isinstance(given, str) else None
        if submission.fault is not None:
            return Result.refused(event_id, Step.PARSE, submission.fault)
        kind = EVENT_TYPES[submission.event_type]
        denied = _deny(submission, key)
        if denied is not None:
            return Result.refused(event_id, Step.AUTHORIZE, denied)
        shaped = shape(kind, submission, key, batch.now)
        if not isinstance(shaped, Shaped):
            return Result.refused(event_id, Step.VALIDATE, *shaped)
        case = _Case(kind, key, submission, shaped, self._latest(shaped.record["subject"], batch))
        if case.before is not None and not key.covers(case.before.record["region"]):
            fault = Fault.own("key.subject_differs", case.pointer("subject"))
            return Result.refused(event_id, Step.AUTHORIZE, fault)
        return self._repeat(case, batch) or self._judge(case, batch)

    def _repeat(self, case: _Case, batch: _Batch) -> Result | _Again | None:
        """Return the first answer of an event that has come before; None for a new one."""
        event_id = case.shaped.record["event_id"]
        if "event_id" in case.shaped.made:
            same = case.before_of_type
            if case.before is None or same is None or same["source"] != case.key.source or not case.shaped.says(same):
                return None
            event_id = case.before.event_id
        earlier = batch.candidates.get(event_id)
        if earlier is not None:
            says_so = earlier.case.kind is case.kind and case.shaped.says(earlier.record)
            return _Again(event_id) if says_so else _conflict(event_id, case)
        known = self._outbox.find(event_id)
        return _known_result(case, known) if known is not None else self._first_refusal(event_id, case, batch)

    def _first_refusal(self, event_id: str, case: _Case, batch: _Batch) -> Result | None:
        kept = None
        with suppress(OutsideError):
            kept = self._memory.recall(case.key.source, event_id)
        if kept is None or kept.digest != case.shaped.digest or batch.now - kept.at > REPEAT_MICROS:
            return None
        return Result.refused(event_id, Step.VALIDATE, *faults_from_json(json.loads(kept.faults)))

    def _judge(self, case: _Case, batch: _Batch) -> Result | _Candidate:
        shaped, before = case.shaped, case.before
        event_id = shaped.record["event_id"]
        if "event_id" in shaped.made:
            event_id = made_id(shaped, case.kind.name, before.event_id if before else NO_ID)
        last = before.record["revision"] if before else 0
        # A revision that is made by us will be above the last one, whatever the clock says.
        record = shaped.with_made(event_id, max(batch.now, last + 1))
        faults = self._faults_of(case, record, batch)
        if faults:
            if "event_id" in shaped.made:
                return Result.refused(None, Step.VALIDATE, *faults)
            if _UUID.fullmatch(event_id):
                kept = json.dumps(faults_to_json(faults), ensure_ascii=False)
                batch.refusals.append(Refusal(case.key.source, event_id, shaped.digest, batch.now, kept))
            return Result.refused(event_id, Step.VALIDATE, *faults)
        candidate = batch.candidates[event_id] = _Candidate(case, record)
        if record["revision"] > last:
            batch.latest[record["subject"]] = _Before(event_id, case.kind.name, record)
        return candidate

    def _faults_of(self, case: _Case, record: dict[str, Any], batch: _Batch) -> tuple[Fault, ...]:
        """Return what refuses a record: its rules, a subject whose revisions are used up, or its lifecycle."""
        last = case.before.record["revision"] if case.before else 0
        used_up = max(last, self._outbox.last_revision(record["subject"])) >= _HIGHEST_REVISION
        if used_up and "revision" in case.shaped.made:
            return (Fault.own("envelope.revision_exhausted", case.pointer("subject")),)
        faults = _faults(case, door.judge(case.kind, record, batch.now), Severity.REJECT)
        same = case.before_of_type
        if faults or same is None or record["revision"] <= last or record["mode"] != same["mode"]:
            return faults
        return tuple(
            Fault(each.code, case.pointer(each.field), _joined(each.message, each.remedy))
            for each in judge_transition(case.kind.name, same, record)
        )

    def _latest(self, subject: str, batch: _Batch) -> _Before | None:
        if subject not in batch.latest:
            row = self._outbox.latest(subject)
            found = _Before(row.event_id, row.event_type, _decoder(row.schema).decode(row.body)) if row else None
            batch.latest[subject] = found
        return batch.latest[subject]

    def _store(self, batch: _Batch) -> dict[str, Result]:
        """Give out revisions, put all candidates on disk, and return their results by event id."""
        candidates = list(batch.candidates.values())
        if not candidates:
            return {}
        without = [one for one in candidates if "revision" in one.case.shaped.made]
        subjects = [one.record["subject"] for one in without]
        revisions = self._outbox.reserve_revisions(subjects, batch.now) if subjects else []
        for one, revision in zip(without, revisions, strict=True):
            one.record["revision"] = revision
        added = self._outbox.add([to_row(one.case.kind, one.record) for one in candidates], batch.now)
        # Another process on the same outbox may have been quicker with one of the ids.
        beaten = added < len(candidates)
        return {one.record["event_id"]: self._stored(one, batch, look=beaten) for one in candidates}

    def _stored(self, one: _Candidate, batch: _Batch, *, look: bool) -> Result:
        event_id = one.record["event_id"]
        known = self._outbox.find(event_id) if look else None
        if known is not None and _record_of(known) != one.record:
            return _known_result(one.case, known)
        warnings = _faults(one.case, door.judge(one.case.kind, one.record, batch.now), Severity.WARN)
        return Result(event_id, Status.ACCEPTED, Step.STORE, one.record["revision"], (), warnings)


def _settled(one: Result | _Candidate | _Again, stored: dict[str, Result]) -> Result:
    if isinstance(one, Result):
        return one
    if isinstance(one, _Candidate):
        return stored[one.record["event_id"]]
    first = stored[one.event_id]
    return replace(first, status=Status.DUPLICATE) if first.status is Status.ACCEPTED else first


def _known_result(case: _Case, known: Known) -> Result:
    """Return the result of an event whose id the outbox holds already."""
    event_id, first = known.row.event_id, _record_of(known)
    if known.row.event_type != case.kind.name or first["source"] != case.key.source or not case.shaped.says(first):
        return _conflict(event_id, case)
    if known.state is State.REFUSED:
        return Result.refused(event_id, Step.STORE, Fault.own("broker.refused", case.pointer("event_id")))
    # Judged as of the moment when it was taken, so the warnings are those of then.
    warnings = _faults(case, door.judge(case.kind, first, first["published_at"]), Severity.WARN)
    return Result(event_id, Status.DUPLICATE, Step.STORE, first["revision"], (), warnings)


def _conflict(event_id: str, case: _Case) -> Result:
    return Result.refused(event_id, Step.STORE, Fault.own("event.conflict", case.pointer("event_id")))


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


def _faults(case: _Case, verdict: int, severity: Severity) -> tuple[Fault, ...]:
    broken = [rule for rule in case.kind.rules.broken_rules(verdict) if rule.severity is severity]
    return tuple(
        Fault(rule.code, case.submission.pointer(tuple(rule.fields[0].split("."))), _joined(rule.message, rule.remedy))
        for rule in broken
    )


def _joined(message: Text, remedy: Text) -> Text:
    return Text(f"{message.indonesian} {remedy.indonesian}", f"{message.english} {remedy.english}")


def _record_of(known: Known) -> dict[str, Any]:
    """Return what the outbox holds of an event, as it was taken."""
    return _decoder(known.row.schema).decode(known.row.body)


@cache
def _decoder(schema: str) -> RowDecoder:
    return RowDecoder(read_parsed(json.loads(schema)))

"""The intake: one result per event, first answers again, nothing taken for another region."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simpul_producers.errors import DiskFull, GatewayFileError
from simpul_producers.gateway.answers import REPEAT_MICROS, Refusal
from simpul_producers.gateway.openapi import plain_example
from simpul_producers.gateway.results import Result, Status, Step
from simpul_producers.gateway.submissions import Submission
from simpul_producers.outbox import OutboxRow, State
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.rows import decode

MakeEvent = Callable[..., dict[str, Any]]
OTHER_ID = "019d4cff-b640-7b6e-b1d7-28a95c3f4e71"


def told(result: Result) -> tuple[str, str, str, str]:
    first = result.faults[0]
    return result.status.value, result.step.value, first.code, first.pointer


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_example_of_every_type_is_accepted_and_on_disk_as_the_contract_has_it(bench: Any, name: str) -> None:
    event = plain_example(name)
    key = replace(bench.key, source=event["source"], region=event["region"][:2])
    result = bench.one(event, key, name)
    assert (result.status, result.step, result.faults) == (Status.ACCEPTED, Step.STORE, ())
    (waiting,) = bench.outbox.pending(10)
    record = decode(json.loads(waiting.row.schema), waiting.row.body)
    kind = event_type(name)
    assert (record["event_id"], record["revision"], record["published_at"]) == (event["event_id"], bench.now, bench.now)
    assert waiting.row.topic == f"simpul.{event['region'][:2]}.{name}.v1"
    assert set(record) == set(kind.model.model_fields)


def test_what_is_left_out_comes_from_key_and_clock(bench: Any, make_event: MakeEvent) -> None:
    event = make_event(event_id=None)
    for name in ("source", "region", "action", "mode", "recorded_at"):
        del event[name]
    result = bench.one(event)
    assert result.status is Status.ACCEPTED
    record = decode(event_type("incident").parsed_schema, bench.outbox.find(result.event_id).row.body)
    assert {name: record[name] for name in ("source", "region", "action", "mode", "recorded_at", "revision")} == {
        "source": "sitimdu.73",
        "region": "73.71",
        "action": "SUBMIT",
        "mode": "ACTUAL",
        "recorded_at": bench.now,
        "revision": bench.now,
    }


@pytest.mark.parametrize(
    ("change", "step", "code", "place"),
    [
        ({"region": "73.72"}, "authorize", "key.region_differs", "/0/region"),
        ({"region": "73"}, "authorize", "key.region_differs", "/0/region"),
        ({"region": "73.711"}, "authorize", "key.region_differs", "/0/region"),
        ({"source": "sitimdu.74"}, "authorize", "key.source_differs", "/0/source"),
        ({"region": 73}, "validate", "event.field_invalid", "/0/region"),
        ({"published_at": "2026-01-01T00:00:00Z"}, "validate", "event.field_reserved", "/0/published_at"),
        ({"nik": "3173"}, "validate", "event.field_unknown", "/0/nik"),
        ({"kind": "BANJIR"}, "validate", "event.field_invalid", "/0/kind"),
        ({"killed": "0"}, "validate", "event.field_invalid", "/0/killed"),
        ({"killed": 1.5}, "validate", "event.field_invalid", "/0/killed"),
        ({"killed": True}, "validate", "event.field_invalid", "/0/killed"),
        ({"killed": 2**31}, "validate", "event.field_invalid", "/0/killed"),
        ({"occurred_at": "2026-03-28T16:30:00"}, "validate", "event.field_invalid", "/0/occurred_at"),
        ({"occurred_at": 1774686600}, "validate", "event.field_invalid", "/0/occurred_at"),
        ({"occurred_at": "2030-03-28T16:30:00Z"}, "validate", "envelope.occurred_in_future", "/0/occurred_at"),
        ({"killed": -1}, "validate", "incident.count_negative", "/0/killed"),
        ({"parties": [{"name": 5}]}, "validate", "event.field_invalid", "/0/parties/0/name"),
        ({"event_id": "X"}, "validate", "envelope.event_id_malformed", "/0/event_id"),
        ({"revision": 0}, "validate", "envelope.revision_not_positive", "/0/revision"),
        ({"subject": "a\x00b"}, "validate", "envelope.subject_malformed", "/0/subject"),
    ],
)
def test_a_refusal_names_step_code_and_place_and_leaves_no_trace(
    bench: Any, make_event: MakeEvent, change: dict[str, Any], step: str, code: str, place: str
) -> None:
    result = bench.one(make_event(**change))
    if code == "incident.count_negative":
        place = result.faults[0].pointer  # the rule is about several fields; it points at the first of them
    assert told(result) == ("refused", step, code, place)
    assert bench.stored() == []
    assert bench.outbox.last_revision("kejadian:kesbangpol.73.71:2026-0014") == 0


def test_every_wrong_field_is_told_at_once(bench: Any, make_event: MakeEvent) -> None:
    event = make_event(killed="x", nik="1")
    del event["category"]
    assert {fault.code for fault in bench.one(event).faults} == {
        "event.field_invalid",
        "event.field_unknown",
        "event.field_missing",
    }


def test_an_event_with_everything_wrong_is_told_so_within_bounds(bench: Any, make_event: MakeEvent) -> None:
    assert len(bench.one(make_event(**{f"x{number}": 1 for number in range(1000)})).faults) == 20


def test_a_key_for_some_types_opens_no_other(bench: Any, make_event: MakeEvent) -> None:
    assert told(bench.one(make_event(), replace(bench.key, event_types=("report",))))[2] == "key.type_differs"
    assert bench.one(make_event(), replace(bench.key, event_types=("incident",))).status is Status.ACCEPTED


def test_a_subject_of_another_region_cannot_be_taken_over(bench: Any, make_event: MakeEvent) -> None:
    assert bench.one(make_event()).status is Status.ACCEPTED
    neighbour = replace(bench.key, region="73.72", source="sitimdu.73.72")
    result = bench.one(make_event(event_id=OTHER_ID, region="73.72", source="sitimdu.73.72"), neighbour)
    assert told(result) == ("refused", "authorize", "key.subject_differs", "/0/subject")


def test_a_repeat_gives_the_first_answer_and_adds_nothing(bench: Any, make_event: MakeEvent) -> None:
    doubtful = make_event(latitude=50.0)
    first = bench.one(doubtful)
    assert [warning.code for warning in first.warnings] == ["incident.position_outside_indonesia"]
    bench.now += 10**12
    assert bench.one(doubtful) == replace(first, status=Status.DUPLICATE)
    assert len(bench.stored()) == 1


def test_a_repeat_with_other_content_is_a_conflict(bench: Any, make_event: MakeEvent) -> None:
    bench.one(make_event())
    for change in ({"killed": 7}, {"revision": 5}, {"reason": "x"}, {"recorded_at": "2026-03-28T20:06:00+08:00"}):
        assert told(bench.one(make_event(**change))) == ("refused", "store", "event.conflict", "/0/event_id")
    assert len(bench.stored()) == 1


def test_an_id_of_another_system_or_type_is_a_conflict_and_shows_nothing(bench: Any, make_event: MakeEvent) -> None:
    bench.one(make_event())
    other = replace(bench.key, source="lain")
    result = bench.one(make_event(source="lain", subject="lain"), other)
    assert told(result)[2] == "event.conflict"
    assert bench.intake.look_up(other, result.event_id) is None
    budget = plain_example("budget") | {"event_id": make_event()["event_id"], "subject": "pagu:x"}
    key = replace(bench.key, source=budget["source"], region=budget["region"][:2])
    assert told(bench.one(budget, key, "budget"))[2] == "event.conflict"


def test_the_first_refusal_is_given_again_for_a_while_though_the_clock_would_judge_otherwise(
    bench: Any, make_event: MakeEvent
) -> None:
    later = dict.fromkeys(("resolved_at", "conflict_status", "conflict_status_from", "conflict_status_until"))
    early = make_event(occurred_at="2026-11-24T00:00:00Z", **later)
    first = bench.one(early)
    assert first.faults[0].code == "envelope.occurred_in_future"
    bench.now += REPEAT_MICROS
    assert bench.one(early).faults == first.faults
    bench.now += 3 * 86_400_000_000
    assert bench.one(early).status is Status.ACCEPTED


def test_a_refused_event_that_was_mended_is_judged_anew_under_the_same_id(bench: Any, make_event: MakeEvent) -> None:
    assert bench.one(make_event(killed=-1)).status is Status.REFUSED
    assert bench.one(make_event(killed=1)).status is Status.ACCEPTED


def test_without_an_id_the_same_content_again_is_a_duplicate(bench: Any, make_event: MakeEvent) -> None:
    first = bench.one(make_event(event_id=None))
    bench.now += 5
    again = bench.one(make_event(event_id=None))
    assert (again.status, again.event_id, again.revision) == (Status.DUPLICATE, first.event_id, first.revision)


def test_without_an_id_going_back_to_an_older_content_is_a_new_correction(bench: Any, make_event: MakeEvent) -> None:
    results = []
    for killed in (0, 1, 0, 0):
        bench.now += 1
        results.append(bench.one(make_event(event_id=None, killed=killed)))
    assert [result.status.value for result in results] == ["accepted", "accepted", "accepted", "duplicate"]
    assert len({result.event_id for result in results}) == 3
    revisions = [result.revision for result in results[:3]]
    assert revisions == sorted(set(revisions))


def test_within_one_request_events_see_each_other(bench: Any, make_event: MakeEvent) -> None:
    event, other = make_event(), make_event(event_id=OTHER_ID, killed=3)
    found = bench.take(event, event, make_event(killed=9), other)
    assert [result.status.value for result in found] == ["accepted", "duplicate", "refused", "accepted"]
    assert found[1].revision == found[0].revision
    assert told(found[2])[2:] == ("event.conflict", "/2/event_id")
    assert found[3].revision == found[0].revision + 1


def test_a_step_that_the_lifecycle_does_not_know_is_refused_within_a_request_as_well(
    bench: Any, make_event: MakeEvent
) -> None:
    found = bench.take(make_event(), make_event(event_id=OTHER_ID, verification="UNVERIFIED"))
    assert found[0].status is Status.ACCEPTED
    assert told(found[1])[1:] == ("validate", "incident.verification_taken_back", "/1/verification")


def test_a_late_original_with_its_own_lower_revision_is_taken(bench: Any, make_event: MakeEvent) -> None:
    bench.one(make_event())
    late = bench.one(make_event(event_id=OTHER_ID, revision=5, verification="UNVERIFIED"))
    assert (late.status, late.revision) == (Status.ACCEPTED, 5)
    assert bench.outbox.latest(make_event()["subject"]).revision == bench.now


def test_a_subject_whose_revisions_are_used_up_is_refused_and_spoils_nothing(bench: Any, make_event: MakeEvent) -> None:
    assert bench.one(make_event(revision=2**63 - 1)).status is Status.ACCEPTED
    found = bench.take(make_event(event_id=OTHER_ID, killed=3), make_event(event_id=None, subject="other"))
    assert told(found[0])[1:] == ("validate", "envelope.revision_exhausted", "/0/subject")
    assert found[1].status is Status.ACCEPTED


def test_a_subject_that_another_type_used_before_has_no_lifecycle_to_keep(bench: Any, make_event: MakeEvent) -> None:
    bench.one(make_event())
    budget = plain_example("budget") | {"subject": make_event()["subject"], "event_id": OTHER_ID}
    assert bench.one(budget, event_type="budget").status is Status.ACCEPTED


def test_a_clock_that_went_back_gives_no_lower_revision(bench: Any, make_event: MakeEvent) -> None:
    first = bench.one(make_event(event_id=None))
    bench.now -= 7_200_000_000
    second = bench.one(make_event(event_id=None, killed=4))
    assert second.revision == first.revision + 1


def test_a_repeat_of_what_the_broker_refused_says_so(bench: Any, make_event: MakeEvent) -> None:
    bench.one(make_event())
    bench.outbox.mark_refused(1, "MessageSizeTooLargeError", bench.now)
    assert told(bench.one(make_event()))[2] == "broker.refused"


def test_an_id_that_another_process_stored_in_the_same_moment_is_not_claimed(make_event: MakeEvent, bench: Any) -> None:
    class Beaten(InMemoryOutbox):
        """Somebody stores the same id with other content between the look and the add."""

        def add(self, rows: list[OutboxRow], taken_at: int) -> int:  # type: ignore[override]
            super().add(self.theirs, taken_at)
            return super().add(rows, taken_at)

    other = type(bench)()
    other.one(make_event(killed=8))
    beaten = Beaten()
    beaten.theirs = [other.outbox.pending(1)[0].row]
    mine = type(bench)(outbox=beaten)
    assert told(mine.one(make_event()))[2] == "event.conflict"
    # Had they said the same, it would be a duplicate.
    same = Beaten()
    same.theirs = beaten.theirs
    assert type(bench)(bench.now + 1, outbox=same).one(make_event(killed=8)).status is Status.DUPLICATE


def test_what_was_refused_or_taken_can_be_looked_up_by_its_own_system_only(bench: Any, make_event: MakeEvent) -> None:
    bench.take(make_event(), make_event(event_id=OTHER_ID, killed=-1))
    known = bench.intake.look_up(bench.key, make_event()["event_id"])
    assert known.state is State.PENDING
    assert isinstance(bench.intake.look_up(bench.key, OTHER_ID), Refusal)
    for stranger in (replace(bench.key, source="lain"), replace(bench.key, region="73.72")):
        assert bench.intake.look_up(stranger, make_event()["event_id"]) is None


def test_a_full_disk_takes_nothing_and_raises(bench: Any, make_event: MakeEvent) -> None:
    class Full(InMemoryOutbox):
        def add(self, rows: object, taken_at: int) -> int:
            raise DiskFull(Path("outbox.db"), "full")

    with pytest.raises(DiskFull):
        type(bench)(outbox=Full()).one(make_event())


def test_a_memory_of_refusals_that_fails_costs_no_accepted_event(bench: Any, make_event: MakeEvent) -> None:
    class Broken:
        def recall(self, source: str, event_id: str) -> None:
            raise GatewayFileError(Path("answers.db"), "torn")

        def remember(self, refusals: object) -> None:
            raise GatewayFileError(Path("answers.db"), "torn")

    found = type(bench)(memory=Broken()).take(make_event(), make_event(event_id=OTHER_ID, killed=-1))
    assert [result.status.value for result in found] == ["accepted", "refused"]


def test_a_faulty_submission_is_refused_at_parse(bench: Any) -> None:
    from simpul_producers.gateway.results import Fault

    fault = Fault.own("json.duplicate_key", "/0/a")
    (result,) = bench.intake.take(bench.key, [Submission("", {}, fault)])
    assert told(result) == ("refused", "parse", "json.duplicate_key", "/0/a")


_IDS = st.sampled_from(["019d4cff-b640-7b6e-b1d7-28a95c3f4e70", OTHER_ID, None])
_EVENT = st.fixed_dictionaries({"event_id": _IDS, "killed": st.integers(-1, 2), "subject": st.sampled_from(["a", "b"])})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_EVENT, min_size=1, max_size=4), max_size=5), st.integers(-5, 5))
def test_however_requests_come_each_accepted_event_is_stored_once_and_revisions_rise(
    bench: Any, make_event: MakeEvent, requests: list[list[dict[str, Any]]], step: int
) -> None:
    fresh = type(bench)()
    accepted: list[Result] = []
    for request in requests:
        fresh.now += step
        found = fresh.take(*(make_event(**event) for event in request))
        accepted += [result for result in found if result.status is Status.ACCEPTED]
        # The same request again changes nothing, and refuses what it refused.
        before = fresh.stored()
        again = fresh.take(*(make_event(**event) for event in request if event["event_id"]))
        first = [result for result, event in zip(found, request, strict=True) if event["event_id"]]
        assert [(one.event_id, one.status is Status.REFUSED) for one in again] == [
            (one.event_id, one.status is Status.REFUSED) for one in first
        ]
        assert fresh.stored() == before
    assert fresh.stored() == [result.event_id for result in accepted]
    for subject in ("a", "b"):
        revisions = [one.row.revision for one in fresh.outbox.pending(1000) if one.row.subject == subject]
        assert revisions == sorted(set(revisions))

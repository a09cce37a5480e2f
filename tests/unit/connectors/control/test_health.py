from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from simpul_connectors.control.health import ConnectState, Look, Verdict, judge, worst
from simpul_connectors.control.lag import Waiting, lag
from simpul_connectors.control.status import document, lines
from simpul_connectors.metrics import tell_sinks
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.sinks.target import Control, Heartbeat, Position, State
from simpul_schemas.log import Partition

SINK = "ministry_incident"
NOW = 1_700_000_000_000_000
BEAT = Heartbeat(
    generation=2,
    state=State.RUNNING,
    words="",
    worker="mesin:42",
    interval_seconds=2.0,
    beat_at=NOW - 1_000_000,
    since=NOW - 60_000_000,
    error="",
    error_at=0,
    restart=0,
    restarted=0,
    now=NOW,
)
P0 = Partition("simpul.view.incident.v1", 0)


def state_of(**changes: object) -> Verdict:
    return judge(SINK, Look(heartbeat=replace(BEAT, **changes)))  # type: ignore[arg-type]  # fields by their names


def test_a_fresh_sign_of_life_is_running_and_says_where() -> None:
    assert state_of() == Verdict(ConnectState.RUNNING, "mesin:42", "")


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING, State.PAUSED])
def test_whoever_should_speak_and_is_late_has_failed_and_the_trace_says_so(state: State) -> None:
    found = state_of(state=state, beat_at=NOW - 6_000_001, restart=1)
    assert found.state is ConnectState.FAILED
    assert "No sign of life" in found.trace
    assert "every 2 s" in found.trace
    assert "mesin:42" in found.trace
    assert state_of(state=state, beat_at=NOW - 6_000_000).state is not ConnectState.FAILED


def test_paused_and_waiting_are_not_dead() -> None:
    assert state_of(state=State.PAUSED).state is ConnectState.PAUSED
    waiting = state_of(state=State.WAITING, words="registry away")
    assert waiting.state is ConnectState.RUNNING
    assert waiting.trace == "Waiting since 2023-11-14 22:12:20 UTC: registry away"


def test_who_said_goodbye_is_unassigned_however_long_ago_and_who_failed_says_why() -> None:
    assert state_of(state=State.STOPPED, beat_at=1).state is ConnectState.UNASSIGNED
    failed = state_of(state=State.FAILED, words="table is gone.", beat_at=1)
    assert failed.state is ConnectState.FAILED
    assert "table is gone." in failed.trace


def test_a_sink_that_never_ran_and_one_that_cannot_be_seen_say_so() -> None:
    assert judge(SINK, Look()).state is ConnectState.UNASSIGNED
    assert "simpul sink run" in judge(SINK, Look()).trace
    unseen = judge(SINK, Look(heartbeat=BEAT, problem="cannot reach the database"))
    assert (unseen.state, unseen.trace) == (ConnectState.FAILED, "cannot reach the database")


def test_a_restart_that_was_asked_for_is_shown_until_it_is_obeyed() -> None:
    assert state_of(restart=3, restarted=2).state is ConnectState.RESTARTING
    assert state_of(restart=3, restarted=3).state is ConnectState.RUNNING


def test_a_connector_is_as_its_worst_task() -> None:
    states = [Verdict(state) for state in ConnectState]
    assert worst(states).state is ConnectState.FAILED
    assert worst(states[:-1]).state is ConnectState.UNASSIGNED
    assert worst(states[:1]).state is ConnectState.RUNNING


LOOK = Look(
    Control(generation=2, paused=True, cluster="k"),
    replace(BEAT, state=State.WAITING, words="away", error="disk full", error_at=NOW - 5_000_000),
    {P0: Position(10, 8, 3)},
)
LAG = lag({P0: Waiting(7, NOW - 90_000_000), Partition("b", 0): Waiting(0)}, NOW)


def test_the_document_holds_all_that_is_known() -> None:
    found = document(load_spec(SINK), LOOK, LAG, rows=4)
    assert found["waiting_since"] == "2023-11-14 22:12:20 UTC"
    assert found["last_error"] == {"at": "2023-11-14 22:13:15 UTC", "words": "disk full"}
    assert found["lag"] == {"records": 7, "seconds": 90.0, "partitions": {"simpul.view.incident.v1/0": 7}}
    assert (found["rows"], found["records"], found["refused"]) == (4, 8, 3)
    shown = dict(lines(found))
    assert shown["tertinggal / lag"] == "7 (90.0 s)"
    assert shown["galat terakhir / last error"] == "2023-11-14 22:13:15 UTC: disk full"
    assert dict(lines(document(load_spec(SINK), LOOK, None, rows=4)))["tertinggal / lag"] == "?"


def test_lag_of_records_that_could_not_be_read_has_no_age() -> None:
    assert lag({P0: Waiting(7)}, NOW).seconds is None
    assert lag({}, NOW).seconds == 0.0
    assert lag({P0: Waiting(1, NOW + 5)}, NOW).seconds == 0.0


def test_prometheus_is_told_of_the_living_and_the_dead() -> None:
    text = tell_sinks({"hidup": LOOK, "mati": Look(problem="away")}, {"hidup": LAG, "mati": None}).decode()
    found = {
        (sample.name.removeprefix("simpul_sink_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found == {
        ("up", "hidup"): 1,
        ("up", "mati"): 0,
        ("state", "hidup", "RUNNING"): 1,
        ("state", "mati", "FAILED"): 1,
        ("paused", "hidup"): 1,
        ("heartbeat_age_seconds", "hidup"): 1,
        ("last_error_timestamp_seconds", "hidup"): NOW / 1e6 - 5,
        ("stored_records", "hidup"): 8,
        ("refused_records", "hidup"): 3,
        ("lag_records", "hidup"): 7,
        ("lag_seconds", "hidup"): 90,
    }

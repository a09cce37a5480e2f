"""What a sink's state is in the words of Kafka Connect, judged from what stands in its database: pure.

`RUNNING` and `PAUSED` need a sign of life that is not late. Waiting for a registry or a database is `RUNNING`, as a
retrying task of Connect is, and says for what; `FAILED` and `UNASSIGNED` say in their trace why, and what to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simpul_connectors.sinks.target import LATE_INTERVALS, Control, Heartbeat, Position, State
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.log import Partition


class ConnectState(StrEnum):
    """The states of connectors and tasks, by Kafka Connect's own names."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTING = "RESTARTING"
    UNASSIGNED = "UNASSIGNED"
    FAILED = "FAILED"


#: From the best to the worst.
_ORDER = tuple(ConnectState)


@dataclass(frozen=True)
class Look:
    """What was found in a sink's database; `problem` says why nothing was."""

    control: Control = field(default_factory=Control)
    heartbeat: Heartbeat | None = None
    positions: Mapping[Partition, Position] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one task, the process that it runs in (empty where there never was one), and why it is so."""

    state: ConnectState
    worker: str = ""
    trace: str = ""


def judge(sink: str, look: Look, file: str = "") -> Verdict:
    """Say what the state of a sink's task is; `file` is what its process is started by, where it is not the name."""
    beat, start = look.heartbeat, f"'simpul sink run {file or sink}'"
    if look.problem:
        return Verdict(ConnectState.FAILED, "", look.problem)
    if beat is None or not beat.beat_at:
        return Verdict(ConnectState.UNASSIGNED, "", f"Sink '{sink}' has never run; start it by {start}.")
    state, trace = _of(sink, beat, start)
    return Verdict(state, beat.worker, trace)


def _of(sink: str, beat: Heartbeat, start: str) -> tuple[ConnectState, str]:
    if beat.state is State.STOPPED:
        return ConnectState.UNASSIGNED, (
            f"The process of sink '{sink}' ended in good order at {moment(beat.beat_at)} and none has begun since; "
            f"start it by {start} or its supervisor."
        )
    if beat.state is State.FAILED:
        return ConnectState.FAILED, (
            f"The process of sink '{sink}' ended at {moment(beat.beat_at)}: {beat.words} Its supervisor must start it "
            "again."
        )
    if beat.is_late:
        return ConnectState.FAILED, (
            f"No sign of life of sink '{sink}' since {moment(beat.beat_at)} ({beat.age_seconds:.1f} s; it promised one "
            f"every {beat.interval_seconds:g} s, and is taken for dead after {LATE_INTERVALS:g} of them). Look for the "
            f"process {beat.worker}; its supervisor must start it again."
        )
    return _of_living(beat)


def _of_living(beat: Heartbeat) -> tuple[ConnectState, str]:
    if beat.restart > beat.restarted:
        return ConnectState.RESTARTING, ""
    if beat.state is State.PAUSED:
        return ConnectState.PAUSED, ""
    waits = f"Waiting since {moment(beat.since)}: {beat.words}" if beat.state is State.WAITING else ""
    return ConnectState.RUNNING, waits


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some tasks: what a connector as a whole is."""
    return max(verdicts, key=lambda verdict: _ORDER.index(verdict.state))


def moment(micros: int) -> str:
    """Return a moment as text, in UTC."""
    return f"{from_micros(micros):%Y-%m-%d %H:%M:%S} UTC"

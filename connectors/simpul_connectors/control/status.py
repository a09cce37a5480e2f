"""What a sink says of itself and what is known of it, as one document and as lines for people."""

from collections.abc import Sequence
from typing import Any

from simpul_connectors.control.health import Look, judge, moment
from simpul_connectors.control.lag import Lag
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.target import State

#: States of a process that should be giving signs of life.
_ALIVE = frozenset({State.RUNNING, State.WAITING, State.PAUSED})


def document(spec: SinkSpec, look: Look, lag: Lag | None, rows: int | None = None) -> dict[str, Any]:
    """Return all that is known; `rows` only where they were counted, `lag` null where it could not be measured."""
    verdict, beat, control = judge(spec.name, look, spec.file), look.heartbeat, look.control
    words = beat.words if beat else control.words
    found: dict[str, Any] = {
        "sink": spec.name,
        "table": str(spec.table),
        "state": _state(look),
        "connect_state": verdict.state.value,
        "trace": verdict.trace,
        "message": words,
        "waiting_since": moment(beat.since) if beat and beat.state is State.WAITING else None,
        "last_error": {"at": moment(beat.error_at), "words": beat.error} if beat and beat.error_at else None,
        "paused": control.paused,
        "generation": control.generation,
        "cluster": control.cluster,
        "worker": verdict.worker,
        "heartbeat_age_seconds": round(beat.age_seconds, 1) if beat and beat.beat_at else None,
        "heartbeat_interval_seconds": beat.interval_seconds if beat and beat.beat_at else None,
        "records": sum(position.records for position in look.positions.values()),
        "refused": sum(position.refused for position in look.positions.values()),
        "offsets": {str(partition): position.next_offset for partition, position in sorted(look.positions.items())},
        "lag": _lag(lag),
    }
    return found if rows is None else found | {"rows": rows}


def _state(look: Look) -> str:
    """Return what the sink last said, "silent" where it should speak and does not."""
    beat = look.heartbeat
    said = beat.state if beat else look.control.state
    is_silent = beat is None or beat.is_late
    return "silent" if said in _ALIVE and is_silent else said.value


def _lag(lag: Lag | None) -> dict[str, Any] | None:
    if lag is None:
        return None
    return {
        "records": lag.records,
        "seconds": None if lag.seconds is None else round(lag.seconds, 1),
        "partitions": {str(partition): waiting.records for partition, waiting in sorted(lag.partitions.items())},
    }


def lines(found: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """Return a document with its rows as titles and values."""
    lag, beat, error = found["lag"], found["heartbeat_age_seconds"], found["last_error"]
    seconds = "?" if lag is None or lag["seconds"] is None else f"{lag['seconds']:,.1f} s"
    return (
        ("sink", found["sink"]),
        ("tabel / table", found["table"]),
        ("keadaan / state", f"{found['state']} ({found['connect_state']})"),
        ("sebab / reason", found["trace"] or found["message"] or "-"),
        ("menunggu sejak / waiting since", found["waiting_since"] or "-"),
        ("galat terakhir / last error", f"{error['at']}: {error['words']}" if error else "-"),
        ("tanda hidup / heartbeat", "-" if beat is None else f"{beat:,.1f} s, {found['worker']}"),
        ("tertinggal / lag", "?" if lag is None else f"{lag['records']:,} ({seconds})"),
        ("dijeda / paused", "ya / yes" if found["paused"] else "tidak / no"),
        ("baris / rows", f"{found['rows']:,}"),
        ("dibaca / records read", f"{found['records']:,}"),
        ("ditolak / refused", f"{found['refused']:,}"),
        ("digantikan / superseded", f"{found['records'] - found['refused'] - found['rows']:,}"),
        ("partisi / partitions", f"{len(found['offsets']):,}"),
        ("klaster / cluster", found["cluster"] or "-"),
        ("salinan / generation", f"{found['generation']:,}"),
    )

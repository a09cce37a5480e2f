"""What is told to Prometheus: by a sink how much it has stored and whether it waits, by the control server the rest.

A dead process tells nothing, so whether sinks are up and how far they are behind is told by the control server.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, start_http_server

from simpul_connectors.control.health import ConnectState, Look, judge
from simpul_connectors.control.lag import Lag

#: A sink in one of these states has a process that gives signs of life.
_UP = frozenset({ConnectState.RUNNING, ConnectState.PAUSED, ConnectState.RESTARTING})


class SinkMetrics:
    """The metrics of one sink, in a registry of their own."""

    def __init__(self, sink: str) -> None:
        self.registry = CollectorRegistry()
        self._records = Counter(
            "simpul_sink_records", "Records stored or refused", ["sink"], registry=self.registry
        ).labels(sink)
        self._waiting = Gauge(
            "simpul_sink_waiting", "1 while database, broker or registry is away", ["sink"], registry=self.registry
        ).labels(sink)
        self._stored_at = Gauge(
            "simpul_sink_last_batch_timestamp_seconds",
            "When the last batch was stored",
            ["sink"],
            registry=self.registry,
        ).labels(sink)
        self._errors = Counter(
            "simpul_sink_errors", "Times that database, broker or registry went away", ["sink"], registry=self.registry
        ).labels(sink)
        self._beat_at = Gauge(
            "simpul_sink_heartbeat_timestamp_seconds",
            "When the last sign of life was written to the database",
            ["sink"],
            registry=self.registry,
        ).labels(sink)

    def serve(self, port: int) -> None:
        """Answer on 127.0.0.1."""
        start_http_server(port, addr="127.0.0.1", registry=self.registry)

    def stored(self, count: int) -> None:
        """Count a batch."""
        self._records.inc(count)
        self._stored_at.set_to_current_time()

    def outage(self, *, is_away: bool) -> None:
        """Tell that something is away, or there again."""
        self._waiting.set(is_away)
        if is_away:
            self._errors.inc()

    def beat(self) -> None:
        """Tell that a sign of life was given."""
        self._beat_at.set_to_current_time()


def tell_sinks(looks: Mapping[str, Look], lags: Mapping[str, Lag | None]) -> bytes:
    """Return what is known of some sinks, in Prometheus's format; what is not known is left out."""
    registry = CollectorRegistry()

    def gauge(name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"simpul_sink_{name}", about, ["sink", *labels], registry=registry)

    up = gauge("up", "1 while its process gives signs of life")
    state = gauge("state", "1 for the state in the words of Kafka Connect", "state")
    paused = gauge("paused", "1 while it is paused")
    age = gauge("heartbeat_age_seconds", "Age of its last sign of life, by the database's clock")
    error_at = gauge("last_error_timestamp_seconds", "When something last went wrong, by the database's clock")
    stored = gauge("stored_records", "Records read and stored, those refused included")
    refused = gauge("refused_records", "Records that the rules or the database refused")
    lag_records = gauge("lag_records", "Records of the log that are not stored")
    lag_seconds = gauge("lag_seconds", "Age of the oldest record that is not stored; 0 where there is none")
    for sink, look in looks.items():
        verdict = judge(sink, look)
        up.labels(sink).set(verdict.state in _UP)
        state.labels(sink, verdict.state.value).set(1)
        beat, behind = look.heartbeat, lags.get(sink)
        if beat is not None and beat.beat_at:
            age.labels(sink).set(beat.age_seconds)
            if beat.error_at:
                error_at.labels(sink).set(beat.error_at / 1e6)
        if not look.problem:
            paused.labels(sink).set(look.control.paused)
            stored.labels(sink).set(sum(at.records for at in look.positions.values()))
            refused.labels(sink).set(sum(at.refused for at in look.positions.values()))
        if behind is not None:
            lag_records.labels(sink).set(behind.records)
            if behind.seconds is not None:
                lag_seconds.labels(sink).set(behind.seconds)
    return generate_latest(registry)

"""What a sink tells Prometheus: how much it has stored, when, and whether it waits."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server


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

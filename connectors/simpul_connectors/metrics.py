"""What a sink tells Prometheus: how much it has stored, when, and whether it waits."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server


class SinkMetrics:
    """The metrics of one sink, in a registry of their own."""

    def __init__(self, sink: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("sink",)
        records = Counter("simpul_sink_records", "Records stored or refused", labels, registry=self.registry)
        waiting = Gauge("simpul_sink_waiting", "1 while database, broker or registry is away", labels, registry=self.registry)
        at = Gauge("simpul_sink_last_batch_seconds", "When the last batch was stored", labels, registry=self.registry)
        self._records, self._waiting, self._at = (metric.labels(sink) for metric in (records, waiting, at))
        self._waiting.set(0)

    def serve(self, port: int) -> None:
        """Answer on 127.0.0.1."""
        start_http_server(port, addr="127.0.0.1", registry=self.registry)

    def stored(self, count: int) -> None:
        """Count a batch."""
        self._records.inc(count)
        self._at.set_to_current_time()

    def outage(self, *, is_away: bool) -> None:
        """Tell that something is away, or there again."""
        self._waiting.set(is_away)

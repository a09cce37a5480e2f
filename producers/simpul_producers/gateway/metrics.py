"""Metrics of a gateway in a registry of its own; labels are few and fixed: never an id, a key or a region."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from simpul_producers.gateway.results import Result

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What a gateway counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "simpul_gateway_requests",
            "Requests by route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "simpul_gateway_request_seconds",
            "Time from head to answer.",
            ["route"],
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
            registry=self._registry,
        )
        self.events = Counter(
            "simpul_gateway_events",
            "Events by type, result and step.",
            ["event_type", "status", "step"],
            registry=self._registry,
        )
        self.cut = Counter(
            "simpul_gateway_cut_requests",
            "Requests that never reached the application, by code.",
            ["code"],
            registry=self._registry,
        )

    def gauge(self, name: str, words: str, read: Callable[[], float]) -> None:
        """Show a number that is read when it is asked for."""
        Gauge(f"simpul_gateway_{name}", words, registry=self._registry).set_function(read)

    def count_results(self, event_types: Sequence[str], results: Sequence[Result]) -> None:
        """Count the events of a request; what could not be read has the type `unknown`."""
        for event_type, result in zip(event_types, results, strict=True):
            self.events.labels(event_type or "unknown", result.status.value, result.step.value).inc()

    def text(self) -> bytes:
        """Return all of it in the Prometheus text format."""
        return generate_latest(self._registry)

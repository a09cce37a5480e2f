"""What the portal tells Prometheus: its requests and streams, and how the bus is."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from simpul_connectors.portal.bus_status import BusStatus

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class _Stages(Collector):
    """Lag and members of each stage as they are when asked."""

    def __init__(self, status: BusStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client."""
        lag = GaugeMetricFamily("simpul_portal_stage_lag_seconds", "How far a stage is behind.", labels=["stage"])
        records = GaugeMetricFamily("simpul_portal_stage_lag_records", "Records that wait.", labels=["stage"])
        members = GaugeMetricFamily("simpul_portal_stage_workers", "Workers of a stage.", labels=["stage"])
        for stage in self._status.stages():
            lag.add_metric([stage.name], stage.seconds)
            records.add_metric([stage.name], stage.records)
            members.add_metric([stage.name], stage.members)
        yield from (lag, records, members)


class PortalMetrics:
    """The metrics of one portal, in a registry of their own."""

    def __init__(self, status: BusStatus) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "simpul_portal_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "simpul_portal_request_seconds",
            "Time to an answer.",
            ["route"],
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._registry.register(_Stages(status))

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Tell a number that is asked for when it is wanted."""
        Gauge(f"simpul_portal_{name}", about, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text form."""
        return generate_latest(self._registry)

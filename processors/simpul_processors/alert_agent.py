"""The Faust agent that judges the alert rules inside the worker.

It reads no topic by Faust's own consumer, which acknowledges what an agent failed on, commits past what is in flight,
and costs a hundred times a block per event. Blocks are read by `alert_feed` with positions of its own, and what rules
watch comes to the agent through a channel in memory, a message a second. So no commit can lose anything: whatever goes
wrong, the agent says so and begins anew from the topics, where everything stands.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from mode import Service

from simpul_processors.alert_engine import AlertEngine
from simpul_processors.alert_feed import COVERAGE_TOPIC, AlertFeed, Glance, Sieve
from simpul_processors.alert_rules import AlertRule
from simpul_processors.kafka_snapshots import KafkaSnapshots
from simpul_schemas.alerts import ALERT_SCHEMA, Alert
from simpul_schemas.errors import OutsideError, SimpulError
from simpul_schemas.kafka_log import AssignedReader, GroupReader, KafkaWriter
from simpul_schemas.log import LogReader, LogWriter, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import ALERT_TOPIC, value_subject, view_topic
from simpul_schemas.wire import frame

_log = logging.getLogger(__name__)

#: The consumer group whose member with a partition has the seat.
GROUP = "simpul.alerts"
#: How often is looked and judged.
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 5.0


class AlertDesk:
    """Judges what a feed saw, and sends what changed; begins anew after every failure."""

    def __init__(
        self, rules: Sequence[AlertRule], registry: Registry, writer: LogWriter, now_micros: Callable[[], int]
    ) -> None:
        self._rules = rules
        self._registry = registry
        self._writer = writer
        self._now_micros = now_micros
        self._engine = AlertEngine(rules)
        self._schema_id: int | None = None

    async def handle(self, glance: Glance) -> list[Alert]:
        """Take in a glance, send what changed, and return it when the broker has acknowledged it."""
        if glance.fresh:
            self._engine = AlertEngine(self._rules)
        for alert in glance.alerts:
            self._engine.take_alert(alert)
        for figure in glance.figures:
            self._engine.take_figure(figure)
        for row in glance.coverage:
            self._engine.take_coverage(row)
        if not glance.caught_up:
            return []
        positions = {rule.name: glance.positions.get(_topic(rule), 0) for rule in self._rules}
        changed = self._engine.judge(self._now_micros(), positions)
        if changed:
            await self._writer.send([self._record(alert) for alert in changed])
        return changed

    def _record(self, alert: Alert) -> Outgoing:
        if self._schema_id is None:
            self._schema_id = self._registry.lookup(value_subject(ALERT_TOPIC), ALERT_SCHEMA)
        return Outgoing(ALERT_TOPIC, alert.id.encode(), frame(self._schema_id, alert.body()))


def _topic(rule: AlertRule) -> str:
    return view_topic(rule.figures.view) if rule.figures else COVERAGE_TOPIC


def add_alerts(  # noqa: PLR0913, PLR0917  # what the app's settings hold
    app: Any,  # noqa: ANN401  # faust ships no types
    bootstrap_servers: str,
    registry: Registry,
    rules: Sequence[AlertRule],
    now_micros: Callable[[], int] = lambda: time.time_ns() // 1000,
    look_seconds: float = _LOOK_SECONDS,
    **options: Any,  # noqa: ANN401  # of `connection.client_options`
) -> None:
    """Add the agent and what feeds it to a Faust app, which needs no consumer of its own for it."""
    writer = KafkaWriter(bootstrap_servers, **options)
    desk = AlertDesk(rules, registry, writer, now_micros)
    # One message at most: who feeds waits while the agent is behind.
    channel = app.channel(value_type=Glance, maxsize=1)
    failed = asyncio.Event()

    @app.agent(channel, name="simpul.alerts")  # type: ignore[untyped-decorator, unused-ignore]  # faust ships no types
    async def judge(glances: Any) -> None:  # noqa: ANN401  # faust ships no types
        async for glance in glances:
            try:
                for alert in await desk.handle(glance):
                    _log.warning("%s %s: %s", alert.state.value, alert.id, alert.text_id)
            except SimpulError as error:
                _log.warning("peringatan / alerts: %s", error)
                failed.set()
            except Exception:  # noqa: BLE001  # whatever it is, it is said, and the agent begins anew
                # Faust would take the message for done, and nobody would hear of it.
                _log.exception("peringatan / alerts")
                failed.set()

    def seat() -> LogReader:
        return GroupReader(bootstrap_servers, GROUP, [ALERT_TOPIC], lambda _: 0, **options)

    def follow(topics: Sequence[str], start: Any) -> LogReader:  # noqa: ANN401  # a `StartOffset`
        return AssignedReader(bootstrap_servers, topics, start, **options)

    def make_feed() -> AlertFeed:
        existing = KafkaSnapshots(bootstrap_servers, **options).existing
        return AlertFeed(seat(), follow, existing, Sieve(rules, registry))

    app.service(_feeding(app, channel, failed, writer, make_feed, look_seconds))


def _feeding(  # noqa: PLR0913, PLR0917  # what `add_alerts` has made
    app: Any,  # noqa: ANN401  # faust ships no types
    channel: Any,  # noqa: ANN401  # the same
    failed: asyncio.Event,
    writer: LogWriter,
    make_feed: Callable[[], AlertFeed],
    look_seconds: float,
) -> type[Any]:
    """Make the class of the service that feeds the agent, as Faust wants classes."""

    class AlertService(Service):  # type: ignore[misc, unused-ignore]  # mode ships no types
        """Reads as long as it may, and begins anew when the outside was away or the agent failed."""

        async def on_start(self) -> None:
            # A producer-only app starts no agents by itself, and its channels wait for a consumer to open them.
            app.flow_control.resume()
            await app.agents.maybe_start()

        @Service.task
        async def feed(self) -> None:
            while not self.should_stop:
                reader = make_feed()
                failed.clear()
                try:
                    await reader.start()
                    while not self.should_stop and not failed.is_set():
                        glance = await reader.look(look_seconds)
                        if glance is not None:
                            await channel.put(glance)
                except OutsideError as error:
                    _log.warning("peringatan / alerts: %s (%.0f s)", error, _RETRY_SECONDS)
                except Exception:  # noqa: BLE001  # whatever it is, the fold beside it must not end with it
                    _log.exception("peringatan / alerts")
                finally:
                    await reader.stop()
                    await writer.stop()
                if not self.should_stop:
                    await self.sleep(_RETRY_SECONDS)

        async def on_stop(self) -> None:
            await app.agents.stop()

    return AlertService

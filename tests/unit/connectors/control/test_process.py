"""The process of a sink over a bus and a database in memory: it restarts in place, and leaves a word when it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simpul_connectors.control.process import Ended, Orders, run_process
from simpul_connectors.errors import SinkOfAnotherBus, SinkSpecError, TargetRefused
from simpul_connectors.metrics import SinkMetrics
from simpul_connectors.sinks import dialects
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.target import Heartbeat, State
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas import connection, kafka_log
from simpul_schemas.errors import BrokerUnavailable, OutsideError
from simpul_schemas.log import Outgoing, StartOffset
from simpul_schemas.settings import load_settings
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry

TOPIC = "simpul.view.participation.v1"
FILE = "name: kita\nfrom: {{view: participation}}\ntable: {}\n"


@dataclass
class Scene:
    """A sink's file, bus and database, and what its process told."""

    file: Path
    log: InMemoryLog = field(default_factory=InMemoryLog)
    database: InMemoryDatabase = field(default_factory=InMemoryDatabase)
    restarts: list[SinkSpec] = field(default_factory=list)
    outages: list[OutsideError | None] = field(default_factory=list)
    #: How often the broker is still to be away, from its second call on.
    broker_away: int = 0
    calls: int = 0

    @property
    def heartbeat(self) -> Heartbeat | None:
        return self.database.heartbeats.get("kita")

    def target(self, table: Any) -> InMemoryTarget:
        return InMemoryTarget(self.database, "kita", table)

    def run(self, should_stop: Callable[[], bool]) -> Ended:
        orders = Orders(
            once=False,
            heartbeat_seconds=0.01,
            should_stop=should_stop,
            on_start=lambda _spec: None,
            on_outage=self.outages.append,
            on_restart=self.restarts.append,
            metrics=SinkMetrics("kita"),
        )
        return run_process(str(self.file), orders)

    async def cluster_id(self, _servers: str) -> str:
        self.calls += 1
        if self.calls > 1 and self.broker_away:
            self.broker_away -= 1
            raise BrokerUnavailable("Jauh.", "Broker away.")
        return "klaster"


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    found = Scene(tmp_path / "kita.yaml")
    found.file.write_text(FILE.format("satu"))
    found.log.append(Outgoing(TOPIC, b"k", b"no figure"))
    settings = load_settings({"SIMPUL__DATABASE__URL": "memory://"})
    monkeypatch.setenv("SIMPUL__DATABASE__URL", "memory://")
    link = connection.Connection("nowhere:9092", InMemoryRegistry(), settings)

    def read(_servers: str, topics: Any, start_offset: StartOffset) -> InMemoryReader:
        return InMemoryReader(found.log, topics, start_offset)

    monkeypatch.setattr(connection, "connect_from_settings", lambda: link)
    monkeypatch.setattr(kafka_log, "AssignedReader", read)
    monkeypatch.setattr(kafka_log, "cluster_id", found.cluster_id)
    monkeypatch.setattr(dialects, "open_target", lambda _url, _sink, table: found.target(table))
    monkeypatch.setattr("random.uniform", lambda low, high: 0)
    return found


def restart_once(scene: Scene, before: Callable[[], None]) -> Callable[[], bool]:
    """Ask for a restart when the sink runs, and tell it to stop when it has obeyed."""
    asked = False

    def should_stop() -> bool:
        nonlocal asked
        beat = scene.heartbeat
        if beat is not None and not asked:
            before()
            scene.target(None).ask_restart()
            asked = True
        return beat is not None and beat.restarted == 1

    return should_stop


def test_a_restart_reads_the_file_again_and_takes_over_anew(scene: Scene) -> None:
    ended = scene.run(restart_once(scene, lambda: scene.file.write_text(FILE.format("dua")) and None))
    assert [str(spec.table) for spec in scene.restarts] == ["satu"]
    assert str(ended.spec.table) == "dua"
    assert set(scene.database.tables) == {"satu", "dua"}
    assert scene.database.controls["kita"].generation == 2
    assert scene.heartbeat is not None
    assert (scene.heartbeat.state, scene.heartbeat.generation) == (State.STOPPED, 2)


def test_a_broker_that_is_away_at_a_restart_ends_no_sink(scene: Scene) -> None:
    scene.broker_away = 2
    scene.run(restart_once(scene, lambda: None))
    assert scene.calls == 4
    assert [error and error.message_en for error in scene.outages] == ["Broker away.", None]
    assert len(scene.restarts) == 1


def test_a_broker_that_is_away_at_the_start_is_told_and_written_down(scene: Scene) -> None:
    scene.calls, scene.broker_away = 1, 1
    with pytest.raises(BrokerUnavailable):
        scene.run(lambda: False)
    assert scene.heartbeat is not None
    assert (scene.heartbeat.state, scene.heartbeat.words) == (State.FAILED, "Broker away.")


def test_another_cluster_and_a_table_that_does_not_fit_are_written_down(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.run(lambda: scene.heartbeat is not None)

    async def other(_servers: str) -> str:
        return "lain"

    monkeypatch.setattr(kafka_log, "cluster_id", other)
    with pytest.raises(SinkOfAnotherBus):
        scene.run(lambda: False)
    assert scene.heartbeat is not None
    assert scene.heartbeat.state is State.FAILED
    assert "'klaster'" in scene.heartbeat.words

    def refuse(_target: InMemoryTarget) -> None:
        raise TargetRefused("no", "Tidak muat.", "It does not fit.")

    monkeypatch.setattr(InMemoryTarget, "prepare", refuse)
    with pytest.raises(TargetRefused):
        scene.run(lambda: False)
    assert scene.heartbeat.error == "It does not fit."


def test_a_file_that_broke_before_a_restart_ends_the_process_with_what_is_wrong(scene: Scene) -> None:
    with pytest.raises(SinkSpecError):
        scene.run(restart_once(scene, lambda: scene.file.write_text("name: [") and None))
    assert scene.heartbeat is not None
    assert scene.heartbeat.state is State.FAILED
    assert "kita.yaml" in scene.heartbeat.words

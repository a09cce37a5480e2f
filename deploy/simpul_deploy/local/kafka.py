"""Apache Kafka as one local process: broker and KRaft controller together."""

from __future__ import annotations

import base64
import logging
import shutil
import signal
import subprocess
import tempfile
import uuid
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpul_deploy.errors import StartFailed
from simpul_deploy.local.files import last_line, named_errors, write_atomically
from simpul_deploy.local.ports import LOOPBACK
from simpul_deploy.local.processes import Command, clean_environ
from simpul_deploy.local.services import accepts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simpul_deploy.local.ports import Ports
    from simpul_deploy.local.report import ServiceName
    from simpul_deploy.local.services import Tools

PROBE_TOPIC = "simpul-probe"
HEAP = "-Xmx512m"
LOG_SETTINGS = Path(__file__).with_name("kafka-log4j2.properties")
_CLIENT = {"bootstrap_timeout_ms": 3000, "request_timeout_ms": 3000, "reconnect_backoff_max_ms": 200}
_FORMAT_SECONDS = 60

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A topic comes into being by a plan, never by a slip of the pen in a producer.
    "auto.create.topics.enable": "false",
    # The bus orders and closes periods by when an event arrived, which only the broker can tell.
    "log.message.timestamp.type": "LogAppendTime",
    # Nothing expires by itself: a topic that forgets says so in its own settings.
    "log.retention.ms": "-1",
    "offsets.retention.minutes": "525600",
    # One node: one replica. Few partitions of the internal topics, since each is opened at every start.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    # Groups of one or two members form at once, and a killed member is missed after a second.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a kill the broker may not register again before its last session has expired: 12 s by Kafka's defaults.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}


def server_properties(ports: Ports, data: Path) -> str:
    """The broker's settings file.

    The voter is given by its address in this file, not kept in the metadata log, so that the ports may change.
    """
    settings = _SETTINGS | {
        "listeners": f"BROKER://{LOOPBACK}:{ports.kafka},CONTROLLER://{LOOPBACK}:{ports.controller}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{ports.kafka}",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.controller}",
        "log.dirs": str(data).replace("\\", "\\\\"),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


class Kafka:
    """One broker with its data.

    Args:
        folder: Its own folder, for settings and data.
        log: Its log file.
        ports: The instance's ports.
        version: Of the jars it is run from.
    """

    name: ServiceName = "kafka"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, log: Path, ports: Ports, version: str) -> None:
        self._folder, self._log, self._ports = folder, log, ports
        self._data = folder / "data"
        self._settings = folder / "server.properties"
        self.version = version
        self.ports = (ports.kafka, ports.controller)
        self.endpoint = f"{LOOPBACK}:{ports.kafka}"
        self.mark = f"-Dsimpul.mark={folder}"

    def prepare(self, tools: Tools) -> None:
        """Write the settings; on the first start also format the storage, beside its place, then move it there."""
        with named_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob("format-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        write_atomically(self._settings, server_properties(self._ports, self._data))
        if not (self._data / "meta.properties").exists():
            self._format(tools)

    def command(self, tools: Tools) -> Command:
        """How the broker is started; the JVM's own choice of compiler and collector was as quick as any (measured)."""
        argv = [*_java(tools, HEAP, "-XX:+UseG1GC", self.mark), "kafka.Kafka", str(self._settings)]
        return Command(argv=argv, log=self._log, cwd=self._folder, environ=clean_environ())

    def is_ready(self) -> bool:
        """Whether a record was just now accepted and given back; anything less has misled people before."""
        return accepts(self.ports[0]) and _succeeds(self._round_trip)

    def answers(self) -> bool:
        """Whether the broker lists its topics."""
        return accepts(self.ports[0]) and _succeeds(self._list_topics)

    def purge(self) -> None:
        """Nothing is kept elsewhere."""

    def _format(self, tools: Tools) -> None:
        scratch = Path(tempfile.mkdtemp(dir=self._folder, prefix="format-"))
        settings = scratch / "server.properties"
        data = scratch / "data"
        write_atomically(settings, server_properties(self._ports, data))
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A short life: compiling well and starting collector threads is not worth it.
        short = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
        argv = [*_java(tools, *short), "kafka.tools.StorageTool", "format"]
        result = subprocess.run(  # noqa: S603  the arguments are ours
            [*argv, f"--cluster-id={cluster_id}", "--config", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environ(),
            timeout=_FORMAT_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            write_atomically(self._log, result.stdout.decode("utf-8", "replace"))
            raise StartFailed(self.name, self._log, last_line(self._log))
        shutil.rmtree(self._data, ignore_errors=True)  # without meta.properties no broker ever wrote there
        data.rename(self._data)
        shutil.rmtree(scratch, ignore_errors=True)

    def _round_trip(self) -> bool:
        from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: PLC0415  an optional extra
        from kafka.admin import KafkaAdminClient, NewTopic  # noqa: PLC0415  the same

        with closing(KafkaAdminClient(bootstrap_servers=self.endpoint, **_CLIENT)) as admin:
            if PROBE_TOPIC not in admin.list_topics():
                # Its records are of no use to anyone a minute later.
                admin.create_topics([NewTopic(PROBE_TOPIC, 1, 1, topic_configs={"retention.ms": "60000"})])
        sent = uuid.uuid4().bytes
        with closing(KafkaProducer(bootstrap_servers=self.endpoint, acks="all", max_block_ms=3000, **_CLIENT)) as out:
            offset: int = out.send(PROBE_TOPIC, sent, partition=0).get(timeout=5).offset
        with closing(KafkaConsumer(bootstrap_servers=self.endpoint, **_CLIENT)) as consumer:
            partition = TopicPartition(PROBE_TOPIC, 0)
            consumer.assign([partition])
            consumer.seek(partition, offset)
            batches: dict[Any, list[Any]] = consumer.poll(timeout_ms=5000, max_records=1)
        return any(record.value == sent for records in batches.values() for record in records)

    def _list_topics(self) -> bool:
        from kafka.admin import KafkaAdminClient  # noqa: PLC0415  an optional extra

        with closing(KafkaAdminClient(bootstrap_servers=self.endpoint, **_CLIENT)) as admin:
            admin.list_topics()
        return True


def _java(tools: Tools, *options: str) -> list[str]:
    return [
        str(tools.java.executable),
        *options,
        *tools.java.quiet_options,
        f"-Dlog4j2.configurationFile={LOG_SETTINGS}",
        "-Dlog4j2.disable.jmx=true",
        "-Djava.awt.headless=true",
        "-XX:+ExitOnOutOfMemoryError",
        "-cp",
        ":".join(str(jar) for jar in tools.kafka_jars),
    ]


def _succeeds(question: Callable[[], bool]) -> bool:
    """Ask; a broker that is not there yet, or not any more, is a no."""
    from kafka.errors import KafkaError  # noqa: PLC0415  an optional extra

    with _quiet_client():
        try:
            return question()
        except (KafkaError, OSError):
            return False


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Keep the client's own words about a broker that is still starting off the user's screen."""
    logger = logging.getLogger("kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)

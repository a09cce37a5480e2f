"""The bus as a reader of figures sees it: a registry, readers of topics, and the name of the cluster."""

from collections.abc import Sequence
from typing import Protocol

from simpul_schemas.connection import Connection
from simpul_schemas.kafka_log import AssignedReader, cluster_id, topics_there
from simpul_schemas.log import LogReader, StartOffset
from simpul_schemas.registry import Registry


class FigureSource(Protocol):
    """What figures are read from; `simpul_connectors.testing.FigureBus` is its twin in memory."""

    @property
    def registry(self) -> Registry:
        """Where schemas are found."""

    def reader(self, topics: Sequence[str], start: StartOffset) -> LogReader:
        """Make a reader of some topics that begins where it is told."""

    async def cluster_id(self) -> str:
        """Return the name of the cluster, by which a cursor knows whether its offsets are of this log."""

    async def topics(self) -> frozenset[str]:
        """Return the topics that are there."""


class KafkaSource:
    """The bus that settings name."""

    def __init__(self, connection: Connection) -> None:
        self.registry = connection.registry
        self._servers = connection.bootstrap_servers
        self._options = connection.kafka_options

    def reader(self, topics: Sequence[str], start: StartOffset) -> AssignedReader:
        """See `FigureSource`."""
        return AssignedReader(self._servers, topics, start, **self._options)

    async def cluster_id(self) -> str:
        """See `FigureSource`."""
        return await cluster_id(self._servers, **self._options)

    async def topics(self) -> frozenset[str]:
        """See `FigureSource`."""
        return await topics_there(self._servers, **self._options)

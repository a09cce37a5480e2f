"""How far the fold is behind, in records, by what its consumer groups told the broker."""

from collections.abc import Sequence

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, KafkaError, NotCoordinatorError

from simpul_schemas.errors import BrokerUnavailable


class LagMeter:
    """Asks one broker about lags; close it after use."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        try:
            self._admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        except KafkaError as error:
            raise self._unavailable() from error

    def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the end offset of every partition of the topics."""
        try:
            described = self._admin.describe_topics(list(topics))
            partitions = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in described
                for partition in topic["partitions"]
            ]
            found = self._admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        except KafkaError as error:
            raise self._unavailable() from error
        return {partition: entry.offset for partition, entry in found.items()}

    def done(self, group: str) -> dict[TopicPartition, int]:
        """Return for each partition the offset before which a group has done everything."""
        try:
            found = self._admin.list_group_offsets(group).get(group, {})
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
            return {}  # the topic that remembers offsets is still being made on a new broker, or loaded
        except KafkaError as error:
            raise self._unavailable() from error
        return {partition: entry.offset for partition, entry in found.items() if entry.offset >= 0}

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()

    def _unavailable(self) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"Broker Kafka di {self._bootstrap_servers} tidak menjawab; periksa dengan 'simpul status'.",
            f"The Kafka broker at {self._bootstrap_servers} does not answer; look with 'simpul status'.",
        )

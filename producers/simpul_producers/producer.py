"""What the sender asks of a Kafka client; `kafka_producer` is the real one, `testing` the fake.

A client may be poisoned: after one record that the broker refuses, kafka-python's idempotent producer fails every
later send on every topic. So a failed delivery says nothing certain about its own record, unless it was alone in a
new client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from simpul_schemas.log import Outgoing


class FailureKind(Enum):
    """What a failed delivery is about."""

    #: The record itself: too large, invalid. Sending it again changes nothing.
    RECORD = "record"
    #: The topic: it is not there, or one may not write to it. Other topics are not concerned.
    TOPIC = "topic"
    #: No answer in time; whether the broker has the record is not known.
    UNREACHABLE = "unreachable"
    #: Anything else, such as a client that refuses all work since another record failed.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not acknowledged; `reason` is the client's own word for it.

    `kept_back`: the client itself refused it before anything was sent, so that no other record was harmed.
    """

    kind: FailureKind
    reason: str
    kept_back: bool = False


class Place(NamedTuple):
    """Where in its topic the broker has put a record."""

    partition: int
    offset: int


class Producer(Protocol):
    """A connected Kafka client; none of its methods raises for what happens to a record."""

    def send_all(self, records: Sequence[Outgoing]) -> "Sending":
        """Begin to send records in their order, and return without waiting for answers."""

    def close(self) -> None:
        """Drop the connection at once; harmless when called twice."""


class Sending(Protocol):
    """Records on their way."""

    def answers(self, timeout_seconds: float) -> list[Place | Failure]:
        """Wait for the broker's answer on each record: its place, or why not.

        Ends early with failures where the way to the broker breaks meanwhile.
        """


#: Connects; raises `BrokerUnavailable` within about ten seconds where nobody answers.
ProducerFactory: TypeAlias = Callable[[], Producer]

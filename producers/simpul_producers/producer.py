"""What the sender asks of a Kafka client; `kafka_producer` is the real one, `testing` the fake.

A client may be poisoned: after one record that the broker refuses, kafka-python's idempotent producer fails every
later send on every topic. So a failed delivery says nothing certain about its own record, unless it was alone in a
new client.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

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
    """Why a record was not acknowledged; `reason` is the client's own word for it."""

    kind: FailureKind
    reason: str


class Delivery(Protocol):
    """One record on its way."""

    def failure(self, timeout_seconds: float) -> Failure | None:
        """Wait for the broker's answer on this very record: None when it was acknowledged."""


class Producer(Protocol):
    """A connected Kafka client; none of its methods raises for what happens to a record."""

    def send(self, record: Outgoing) -> Delivery | Failure:
        """Hand a record over; a `Failure` where the client refused it before anything was sent."""

    def flush(self, timeout_seconds: float) -> None:
        """Push out what is under way and wait for it, roughly: only a `Delivery` knows what became of its record."""

    def close(self) -> None:
        """Drop the connection at once; harmless when called twice."""


#: Connects; raises `BrokerUnavailable` within about ten seconds where nobody answers.
ProducerFactory: TypeAlias = Callable[[], Producer]

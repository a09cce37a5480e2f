"""One plain conversation with one broker, step by step, so that whatever breaks can be named.

Clients of Kafka retry and swallow; this asks once. Messages are encoded by kafka-python, the line is ours: blocking,
with one deadline over all steps.
"""

import socket
import ssl
import struct
import time
from types import TracebackType
from typing import Any, Self

from kafka import errors as kafka_errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

#: Metadata since Kafka 2.3 tells what one may do with a topic.
METADATA_VERSION = 8
_METADATA_KEY = 3
_CHUNK_BYTES = 65_536
#: As the length of an answer of Kafka this would be 350 MB.
_TLS_ALERT = b"\x15\x03"


class LineClosed(Exception):
    """The other side closed the line, or reset it."""


class LineSilent(Exception):
    """No answer in time."""


class NotKafka(Exception):
    """What came back is no answer of a Kafka broker."""


class WantsTls(Exception):
    """What came back is an alert of TLS: the other side expects it."""


class LoginRefused(Exception):
    """The broker does not let this credential in; the text is the broker's."""


class MechanismUnknown(Exception):
    """The broker does not know the mechanism; `known` are those that it knows."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(", ".join(known))
        self.known = known


class Line:
    """A connection to one broker; a context manager."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self._parser = KafkaProtocol(client_id="simpul-probe")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def start_tls(self, context: ssl.SSLContext, host: str) -> dict[str, Any]:
        """Go over to TLS and return the broker's certificate; raises `ssl.SSLError`, `LineClosed`, `LineSilent`."""
        self._socket.settimeout(self._left())
        try:
            secured = context.wrap_socket(self._socket, server_hostname=host)
        except TimeoutError as error:
            raise LineSilent from error
        except ssl.SSLError:
            raise
        except OSError as error:
            raise LineClosed from error
        self._socket = secured
        return dict(secured.getpeercert() or {})

    def greet(self) -> int:
        """Ask what the broker speaks; returns the highest version of Metadata, or raises `NotKafka`."""
        answer = self._ask(ApiVersionsRequest(version=0))
        if answer.error_code:
            raise NotKafka(str(answer.error_code))
        return max((each.max_version for each in answer.api_keys if each.api_key == _METADATA_KEY), default=-1)

    def log_in(self, options: dict[str, Any], host: str) -> None:
        """Log in as the options of a Kafka client say, or raise `LoginRefused` or `MechanismUnknown`."""
        name = options["sasl_mechanism"]
        shake = self._ask(SaslHandshakeRequest(mechanism=name, version=1))
        if shake.error_code:
            raise MechanismUnknown(list(shake.mechanisms))
        mechanism = get_sasl_mechanism(name)(host=host, **options)
        while not mechanism.is_done():
            answer = self._ask(SaslAuthenticateRequest(mechanism.auth_bytes(), version=1))
            if answer.error_code:
                raise LoginRefused(str(answer.error_message or answer.error_code))
            try:
                mechanism.receive(answer.auth_bytes)
            except (ValueError, KeyError, kafka_errors.KafkaError) as error:
                # The server does not know our password either: it is not who it says it is.
                raise LoginRefused(str(error)) from error
        if not mechanism.is_authenticated():
            raise LoginRefused(name)

    def metadata(self, topics: list[str]) -> Any:  # noqa: ANN401  # kafka-python's own answer
        """Return brokers and topics, with what one may do with them."""
        names = [MetadataRequest.MetadataRequestTopic(name=name, version=METADATA_VERSION) for name in topics]
        return self._ask(
            MetadataRequest(
                topics=names,
                allow_auto_topic_creation=False,
                include_topic_authorized_operations=True,
                version=METADATA_VERSION,
            )
        )

    def _ask(self, request: Any) -> Any:  # noqa: ANN401  # kafka-python's messages
        self._parser.send_request(request)
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(self._parser.send_bytes())
            while True:
                self._socket.settimeout(self._left())
                chunk = self._socket.recv(_CHUNK_BYTES)
                if not chunk:
                    raise LineClosed
                if chunk.startswith(_TLS_ALERT):
                    raise WantsTls
                for _, answer in self._parser.receive_bytes(chunk):
                    return answer
        except TimeoutError as error:
            raise LineSilent from error
        except ssl.SSLError:
            raise
        except OSError as error:
            raise LineClosed from error
        except (kafka_errors.KafkaError, ValueError, struct.error, IndexError, KeyError) as error:
            raise NotKafka(str(error)) from error

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise LineSilent
        return left

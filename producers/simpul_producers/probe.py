"""The probe of the link: step by step from the name of the broker to the right to write, each cause by its name.

A client says "no brokers" for a wrong password, an expired certificate and a cable that is out alike; this says which.
Nothing is written anywhere. All of it takes at most `PROBE_SECONDS`.
"""

import errno
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from kafka import errors as kafka_errors

from simpul_producers.findings import Finding, Grade, Step, fine, found
from simpul_producers.kafka_wire import (
    METADATA_VERSION,
    Line,
    LineClosed,
    LineSilent,
    LoginRefused,
    MechanismUnknown,
    NotKafka,
    WantsTls,
)
from simpul_schemas.connection import client_options, registry_client, server_list
from simpul_schemas.link_settings import KafkaSettings, RegistrySettings
from simpul_schemas.topics import value_subject

PROBE_SECONDS = 9.0
_CONNECT_SECONDS = 3.0
_DNS_SECONDS = 4.0
#: A certificate that ends within so many days is told.
WARN_DAYS = (30, 14, 3)
_READ, _WRITE = 3, 4
_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class _Broken(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def probe_broker(
    bootstrap_servers: str,
    options: Mapping[str, Any],
    write_topics: Sequence[str] = (),
    read_topics: Sequence[str] = (),
    seconds: float = PROBE_SECONDS,
) -> list[Finding]:
    """Try the way to the broker, and what one may do there; `options` are those of `client_options`.

    Of several servers one that works is enough. The list ends with the first step that failed.
    """
    deadline = time.monotonic() + seconds
    servers = server_list(bootstrap_servers)
    findings: list[Finding] = []
    wish = _Wish(options, list(write_topics), list(read_topics))
    for left, (host, port) in zip(range(len(servers), 0, -1), servers, strict=True):
        findings = []
        # A silent server must not take the time of those behind it.
        mine = time.monotonic() + max((deadline - time.monotonic()) / left, 0.1)
        try:
            _talk((host, port), wish, mine, findings)
        except _Broken as broken:
            findings.append(broken.finding)
            if broken.finding.step in {Step.DNS, Step.TCP, Step.TLS, Step.KAFKA}:
                continue
        break
    return findings


def first_failure(findings: Sequence[Finding]) -> Finding | None:
    """Return what broke the way, if anything did."""
    return next((finding for finding in findings if finding.grade is Grade.FAILED), None)


def probe_link(
    kafka: KafkaSettings,
    registry: RegistrySettings,
    write_topics: Sequence[str],
    schemas: Mapping[str, str],
    read_topics: Sequence[str] = (),
) -> list[Finding]:
    """Probe broker and registry as the settings name them; `schemas` are those that some topics' values must have.

    Raises `SettingsError` where the settings themselves are wrong.
    """
    options = client_options(kafka)
    found_there = probe_broker(kafka.bootstrap_servers, options, write_topics, read_topics)
    own = [_own_certificate(kafka.certificate_file)] if kafka.certificate_file else []
    return [*(each for each in own if each), *found_there, *probe_registry(registry, schemas)]


def probe_registry(registry: RegistrySettings, schemas: Mapping[str, str]) -> list[Finding]:
    """Ask the registry for the schemas of some topics' values."""
    findings: list[Finding] = []
    with registry_client(registry, _DNS_SECONDS) as client:
        for topic, schema in schemas.items():
            try:
                answer = client.post(
                    f"{registry.url.rstrip('/')}/subjects/{value_subject(topic)}", json={"schema": schema}
                )
            except httpx.HTTPError as error:
                tls = "certificate" in str(error).lower() or "ssl" in str(error).lower()
                return [found("registry.tls" if tls else "registry.unreachable", registry.url, str(error))]
            said = answer.text[:200]
            if answer.status_code in {401, 403}:
                return [found("registry.login", registry.url, said)]
            code = _error_code(answer)
            if answer.status_code == httpx.codes.NOT_FOUND and code in {40401, 40403}:
                findings.append(found("contract.not_registered", topic, said))
            elif not answer.is_success:
                return [found("registry.not_registry", registry.url, f"{answer.status_code} {said}")]
    reached = fine(Step.REGISTRY, registry.url, "Registri skema menjawab", "The schema registry answers")
    if not findings:
        findings = [fine(Step.CONTRACT, registry.url, "Skema kontrak terdaftar", "The contract's schemas are there")]
    return [reached, *findings]


def _error_code(answer: httpx.Response) -> int:
    try:
        return int(answer.json()["error_code"])
    except (ValueError, KeyError, TypeError):
        return 0


@dataclass(frozen=True, slots=True)
class _Wish:
    """How one logs in, and what one wants to do there."""

    options: Mapping[str, Any]
    write: list[str]
    read: list[str]

    @property
    def user(self) -> str:
        return str(self.options.get("sasl_plain_username") or "(mTLS/token)")


def _talk(address: tuple[str, int], wish: _Wish, deadline: float, findings: list[Finding]) -> None:
    host, port = address
    where, user, options = f"{host}:{port}", wish.user, wish.options
    with _open(host, port, deadline, findings) as line:
        _secure(line, host, where, options, findings)
        with _named(where, user, options):
            highest = line.greet()
        if highest < METADATA_VERSION:
            raise _Broken(found("kafka.too_old", where, f"Metadata v{highest}"))
        findings.append(fine(Step.KAFKA, where, "Broker Kafka menjawab", "A Kafka broker answers"))
        if "sasl_mechanism" in options:
            with _named(where, user, options):
                line.log_in(dict(options), host)
            findings.append(fine(Step.LOGIN, where, f"Masuk sebagai '{user}'", f"Logged in as '{user}'"))
        with _named(where, user, options, after_login=True):
            answer = line.metadata([*wish.write, *wish.read])
    _check_listeners(answer, where, deadline, findings)
    _check_topics(answer, wish, findings)


def _open(host: str, port: int, deadline: float, findings: list[Finding]) -> Line:
    where = f"{host}:{port}"
    addresses = _addresses(host, port, min(_DNS_SECONDS, max(deadline - time.monotonic(), 0.1)))
    findings.append(fine(Step.DNS, where, f"Nama {host} dikenal", f"The name {host} is known"))
    failure = found("tcp.timeout", where)
    for number, (family, address) in enumerate(addresses):
        share = max(deadline - time.monotonic(), 0.1) / (len(addresses) - number)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(min(_CONNECT_SECONDS, share))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = _tcp_failure(where, error)
            continue
        findings.append(fine(Step.TCP, where, "Port terbuka", "The port is open"))
        return Line(sock, deadline)
    raise _Broken(failure)


def _tcp_failure(where: str, error: OSError) -> Finding:
    if isinstance(error, TimeoutError):
        return found("tcp.timeout", where, str(error))
    if isinstance(error, ConnectionRefusedError):
        return found("tcp.refused", where, str(error))
    return found("tcp.no_route" if error.errno in _NO_ROUTE else "tcp.timeout", where, str(error))


def _addresses(host: str, port: int, seconds: float) -> list[tuple[socket.AddressFamily, Any]]:
    """Look a name up, but wait only so long: the system's resolver knows no deadline."""
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    where = f"{host}:{port}"
    if not answer:
        raise _Broken(found("dns.silent", where))
    if isinstance(answer[0], Exception):
        again = isinstance(answer[0], socket.gaierror) and answer[0].errno == socket.EAI_AGAIN
        raise _Broken(found("dns.silent" if again else "dns.unknown", where, str(answer[0])))
    return [(family, address) for family, _, _, _, address in answer[0]]


def _secure(line: Line, host: str, where: str, options: Mapping[str, Any], findings: list[Finding]) -> None:
    context = options.get("ssl_context")
    if context is None:
        return
    try:
        certificate = line.start_tls(context, host)
    except ssl.SSLError as error:
        raise _Broken(_tls_failure(where, error)) from error
    except LineSilent as error:
        # Who does not speak TLS hangs up or answers nonsense; silence is a broker that hangs.
        raise _Broken(found("kafka.silent", where, "TLS")) from error
    except LineClosed as error:
        raise _Broken(found("tls.not_tls", where, str(error.__cause__ or ""))) from error
    findings.append(fine(Step.TLS, where, "Sertifikat broker sah", "The broker's certificate is good"))
    if "notAfter" in certificate:
        days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86_400)
        findings.extend(_expires("tls.expires_soon", where, days))


def _expires(code: str, where: str, days: int) -> list[Finding]:
    """Warn in the last month of a certificate; the nearest mark it has passed stands in the detail."""
    passed = [mark for mark in WARN_DAYS if days <= mark]
    return [found(code, where, f"<= {min(passed)}", Grade.WARN, days=max(days, 0))] if passed else []


def _own_certificate(file: Path) -> Finding | None:
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return next(iter(_expires("tls.own_expires_soon", str(file), (ends - datetime.now(UTC)).days)), None)


def _tls_failure(where: str, error: ssl.SSLError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = {
            _EXPIRED: "tls.certificate_expired",
            _NOT_YET_VALID: "tls.certificate_not_yet_valid",
            _OTHER_HOST: "tls.other_host",
            _OTHER_ADDRESS: "tls.other_host",
        }.get(error.verify_code, "tls.unknown_ca")
        return found(code, where, error.verify_message)
    return _tls_alert(where, error)


def _tls_alert(where: str, error: ssl.SSLError) -> Finding:
    reason = (error.reason or str(error)).upper()
    if "CERTIFICATE_REQUIRED" in reason:
        return found("tls.certificate_wanted", where, reason)
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        # An old broker without our certificate says "bad certificate", too.
        return found("tls.client_certificate_refused", where, reason)
    if any(word in reason for word in ("WRONG_VERSION", "RECORD_LAYER", "UNEXPECTED_EOF", "HTTP_REQUEST")):
        return found("tls.not_tls", where, reason)
    return found("tls.failed", where, reason)


@contextmanager
def _named(where: str, user: str, options: Mapping[str, Any], *, after_login: bool = False) -> Iterator[None]:
    try:
        yield
    except WantsTls as error:
        raise _Broken(found("kafka.wants_tls", where)) from error
    except NotKafka as error:
        raise _Broken(found("kafka.not_kafka", where, str(error))) from error
    except LoginRefused as error:
        raise _Broken(found("login.refused", where, str(error), user=user)) from error
    except MechanismUnknown as error:
        known = ", ".join(error.known) or "-"
        mechanism = options["sasl_mechanism"]
        raise _Broken(found("login.mechanism_unknown", where, mechanism=mechanism, known=known)) from error
    except LineSilent as error:
        raise _Broken(found("kafka.silent", where)) from error
    except ssl.SSLError as error:
        # With TLS 1.3 a refused client certificate is told only after the handshake.
        raise _Broken(_tls_alert(where, error)) from error
    except LineClosed as error:
        code = "login.needed" if after_login and "sasl_mechanism" not in options else "kafka.closed"
        raise _Broken(found(code, where, str(error.__cause__ or ""))) from error


def _check_listeners(answer: Any, where: str, deadline: float, findings: list[Finding]) -> None:  # noqa: ANN401  # kafka-python's own
    brokers = [(broker.host, broker.port) for broker in answer.brokers]
    if not brokers:
        raise _Broken(found("listener.none", where))
    for host, port in brokers:
        there = f"{host}:{port}"
        if there == where:
            continue
        try:
            with _open(host, port, deadline, []):
                pass
        except _Broken as broken:
            raise _Broken(found("listener.unreachable", there, broken.finding.message_en)) from broken
    named = ", ".join(f"{host}:{port}" for host, port in brokers)
    findings.append(fine(Step.LISTENER, named, "Alamat broker terjangkau", "The brokers' addresses can be reached"))


def _check_topics(answer: Any, wish: _Wish, findings: list[Finding]) -> None:  # noqa: ANN401  # as above
    by_name = {topic.name: topic for topic in answer.topics}
    for name in wish.write:
        problem = _topic_problem(by_name[name], _WRITE)
        if problem is not None:
            findings.append(found(problem, name, user=wish.user))
        else:
            findings.append(fine(Step.TOPIC, name, f"Boleh menulis ke {name}", f"May write to {name}"))
    for name in wish.read:
        if _topic_problem(by_name[name], _READ) is not None:
            findings.append(found("receipts.not_readable", name, grade=Grade.WARN, user=wish.user))
        else:
            findings.append(fine(Step.RECEIPTS, name, "Tanda terima terbaca", "Receipts can be read"))


def _topic_problem(topic: Any, operation: int) -> str | None:  # noqa: ANN401  # as above
    error = kafka_errors.for_code(topic.error_code)
    if error is kafka_errors.TopicAuthorizationFailedError:
        return "topic.not_allowed"
    if error is kafka_errors.UnknownTopicOrPartitionError:
        return "topic.unknown"
    allowed = topic.authorized_operations
    if isinstance(allowed, set) and allowed and operation not in allowed:
        return "topic.not_allowed"
    if topic.error_code or any(partition.leader_id < 0 for partition in topic.partitions):
        return "topic.no_leader"
    return None

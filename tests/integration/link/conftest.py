"""A small Kafka of its own with TLS, SCRAM logins and ACLs: what a region's link meets in earnest.

One broker with a listener for each case: a good one, one with an expired certificate, one with another host's, one that
advertises an address nobody has, one that wants client certificates, and an open one on loopback for the tests' own
administration.
"""

import base64
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    NewTopic,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from simpul_schemas.link_settings import KafkaSettings, Security
from simpul_schemas.topics import event_topic, receipt_topic

PATIENCE_SECONDS = 60.0
#: A revoked credential bites after so long.
REAUTH_MS = 3_000
LISTENERS = ("CLIENT", "OLD", "OTHER", "FAR", "MTLS", "ADMIN", "CONTROLLER")
_NOW = datetime.now(UTC)


class Authority:
    """A certificate authority for tests."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(self._name, self._key.public_key(), _NOW - timedelta(days=400), _NOW + timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def write(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def issue(self, path: Path, *, names: list[x509.GeneralName], days: int = 200, common: str = "bus") -> Path:
        """Write a key and its certificate, which ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        builder = self._builder(
            subject, key.public_key(), _NOW - timedelta(days=300), _NOW + timedelta(days=days, hours=1)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        path.chmod(0o600)
        return path

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )


@dataclass
class SecureBroker:
    """The broker, and what a test does to it."""

    folder: Path
    ports: dict[str, int]
    ca_file: Path
    other_ca_file: Path
    authority: Authority
    admin: Any
    process: subprocess.Popen[bytes]

    def address(self, listener: str = "CLIENT", host: str = "127.0.0.1") -> str:
        return f"{host}:{self.ports[listener]}"

    def settings(self, user: str, password: str = "", listener: str = "CLIENT", **changes: Any) -> KafkaSettings:
        values = {
            "bootstrap_servers": self.address(listener),
            "security": Security.SASL_SSL,
            "ca_file": self.ca_file,
            "user": user,
            "password": password or f"sandi-{user}",
        }
        return KafkaSettings(**{**values, **changes})

    def add_user(self, user: str) -> None:
        self.admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, f"sandi-{user}", iterations=4096)]
        )

    def revoke(self, user: str) -> None:
        self.admin.alter_user_scram_credentials([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)])

    def allow(self, user: str, operation: ACLOperation, topic: str) -> None:
        resource = ResourcePattern(ResourceType.TOPIC, topic)
        self.admin.create_acls([ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, resource)])

    def end_offset(self, topic: str) -> int:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.address("ADMIN"))
        try:
            return int(consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)])
        finally:
            consumer.close()


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def server_properties(folder: Path, ports: dict[str, int], stores: dict[str, Path], ca: Path) -> str:
    sasl = {"CLIENT", "OLD", "OTHER", "FAR"}
    protocols = dict.fromkeys(sasl, "SASL_SSL") | {"MTLS": "SSL", "ADMIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    here = {name: f"{name}://127.0.0.1:{port}" for name, port in ports.items()}
    advertised = {name: url for name, url in here.items() if name != "CONTROLLER"} | {"FAR": "FAR://127.0.0.1:1"}
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": ",".join(here.values()),
        "advertised.listeners": ",".join(advertised.values()),
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
        "inter.broker.listener.name": "ADMIN",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "log.dirs": str(folder / "data"),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "connections.max.reauth.ms": str(REAUTH_MS),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Whoever is on this machine's open listener is the test itself.
        "super.users": "User:ANONYMOUS",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
    }
    jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    for name in (*sasl, "MTLS"):
        prefix = f"listener.name.{name.lower()}."
        lines |= {
            f"{prefix}ssl.keystore.type": "PEM",
            f"{prefix}ssl.keystore.location": str(stores[name]),
            f"{prefix}ssl.truststore.type": "PEM",
            f"{prefix}ssl.truststore.location": str(ca),
        }
        if name in sasl:
            lines[f"{prefix}scram-sha-512.sasl.jaas.config"] = jaas
    lines["listener.name.mtls.ssl.client.auth"] = "required"
    return "".join(f"{name}={value}\n" for name, value in lines.items())


@pytest.fixture(scope="session")
def secure_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    from simpul_deploy.local.fetch import fetch
    from simpul_deploy.local.jars import load_lock
    from simpul_deploy.local.java import find_java
    from simpul_deploy.local.kafka import _java
    from simpul_deploy.local.services import Tools

    folder = tmp_path_factory.mktemp("secure")
    authority, other = Authority("CA uji"), Authority("CA lain")
    loopback: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    good = authority.issue(folder / "good.pem", names=loopback)
    stores = {
        "CLIENT": good,
        "FAR": good,
        "MTLS": good,
        "OLD": authority.issue(folder / "old.pem", names=loopback, days=-2),
        "OTHER": authority.issue(folder / "other.pem", names=[x509.DNSName("bus.contoh.go.id")]),
    }
    ca_file = authority.write(folder / "ca.pem")
    ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
    properties = folder / "server.properties"
    properties.write_text(server_properties(folder, ports, stores, ca_file))
    pins, cache = load_lock().kafka, platformdirs.user_cache_path("simpul") / "maven"
    fetch(pins, cache)
    java = _java(Tools(find_java(), tuple(cache / pin.path for pin in pins), folder), "-Xmx256m", "-XX:+UseSerialGC")
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(properties)]
    subprocess.run(tool, check=True, capture_output=True, timeout=60)
    log = (folder / "kafka.log").open("wb")
    process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=log, stderr=log)
    try:
        admin = _admin(f"127.0.0.1:{ports['ADMIN']}", process, folder / "kafka.log")
        broker = SecureBroker(folder, ports, ca_file, other.write(folder / "lain.pem"), authority, admin, process)
        topics = [event_topic("53", "incident"), event_topic("31", "incident"), receipt_topic("53")]
        admin.create_topics([NewTopic(name, 1, 1) for name in topics])
        broker.add_user("w.53.kesbangpol")
        broker.allow("w.53.kesbangpol", ACLOperation.WRITE, topics[0])
        broker.allow("w.53.kesbangpol", ACLOperation.READ, topics[2])
        yield broker
        admin.close()
    finally:
        process.kill()
        process.wait()
        log.close()


def _admin(address: str, process: subprocess.Popen[bytes], log: Path) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=2000)
            admin.list_topics()
            return admin  # noqa: TRY300  # the client is what is made
        except (KafkaError, OSError):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)

"""Broker and registry as the settings name them; the same for every command that connects."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from simpul_schemas.errors import SettingsError
from simpul_schemas.link_settings import KafkaSettings, Mechanism, RegistrySettings, Security, read_secret
from simpul_schemas.registry import TIMEOUT_SECONDS, CachedRegistry, HttpRegistry, Registry
from simpul_schemas.settings import Settings, load_settings

DEFAULT_PORT = 9092
_NO_SECRET = SecretStr("")


@dataclass(frozen=True)
class Connection:
    """Where the broker is, the registry with its answers kept on disk, and the settings behind both."""

    bootstrap_servers: str
    registry: Registry
    settings: Settings

    @property
    def kafka_options(self) -> dict[str, Any]:
        """What a Kafka client needs besides the addresses; see `client_options`."""
        return client_options(self.settings.kafka)


def connect_from_settings() -> Connection:
    """Read the settings of this process and connect; raises `SettingsError` that says which one is missing."""
    return connect(load_settings())


def connect(settings: Settings) -> Connection:
    """Name the outside things of some settings; raises `SettingsError` that says which one is missing."""
    if not settings.kafka.bootstrap_servers:
        raise _missing("kafka.bootstrap_servers", "SIMPUL__KAFKA__BOOTSTRAP_SERVERS")
    if not settings.registry.url:
        raise _missing("registry.url", "SIMPUL__REGISTRY__URL")
    client_options(settings.kafka)
    registry = CachedRegistry(open_registry(settings.registry), settings.cache_dir, settings.registry.url)
    return Connection(settings.kafka.bootstrap_servers, registry, settings)


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what a Kafka client needs besides the addresses: the same for kafka-python and for aiokafka.

    Raises `SettingsError` for a line without TLS off this machine, and for a file or secret that is missing.
    """
    if kafka.security is Security.PLAINTEXT:
        _refuse_open_line(kafka)
        return {}
    options: dict[str, Any] = {
        "security_protocol": kafka.security.value,
        "ssl_context": tls_context(kafka.ca_file, kafka.certificate_file, kafka.key_file),
    }
    if kafka.security is Security.SASL_SSL:
        options["sasl_mechanism"] = kafka.mechanism.value
        options |= _login(kafka)
    return options


def server_list(bootstrap_servers: str) -> list[tuple[str, int]]:
    """Return hosts and ports of a comma list of addresses, `[::1]:9092` among them; raises `SettingsError`."""
    found = []
    for server in filter(None, (part.strip() for part in bootstrap_servers.split(","))):
        host, colon, port = server.rpartition(":")
        if server.endswith("]") or not colon:
            host, port = server, str(DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) < 65536 or not host.strip("[]"):
            raise SettingsError(
                f"Alamat broker '{server}' (kafka.bootstrap_servers) tidak sah; tulis nama:port, misalnya bus:9093.",
                f"The broker address '{server}' (kafka.bootstrap_servers) is none; write host:port, like bus:9093.",
            )
        found.append((host.strip("[]"), int(port)))
    return found


def open_registry(registry: RegistrySettings) -> HttpRegistry:
    """Return the client of the schema registry, with its login and authority where the settings name them."""
    return HttpRegistry(registry.url, registry_client(registry))


def registry_client(registry: RegistrySettings, timeout_seconds: float = TIMEOUT_SECONDS) -> httpx.Client:
    """Return an HTTP client with the registry's login and authority; a login over plain HTTP stays on this machine."""
    auth = None
    if registry.user:
        password = read_secret(registry.password, registry.password_file, "registry.password_file")
        address = httpx.URL(registry.url)
        if address.scheme != "https" and not is_loopback(address.host):
            raise SettingsError(
                "registry.user dikirim terbuka lewat http; pakai alamat https untuk registry.url.",
                "registry.user would be sent openly over http; use an https address for registry.url.",
            )
        auth = httpx.BasicAuth(registry.user, password.get_secret_value())
    verify: ssl.SSLContext | bool = tls_context(registry.ca_file) if registry.ca_file else True
    return httpx.Client(timeout=timeout_seconds, auth=auth, verify=verify)


def tls_context(ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None) -> Any:  # noqa: ANN401  # an ssl.SSLContext; mypy would want a cast at every client that ships no types
    """Return a context that checks certificate and host name, and shows our certificate where we have one."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    except (OSError, ssl.SSLError) as error:
        raise _unreadable("ca_file", ca_file) from error
    if certificate_file is not None:
        try:
            context.load_cert_chain(certificate_file, key_file)
        except (OSError, ssl.SSLError) as error:
            raise _unreadable("certificate_file, key_file", certificate_file) from error
    return context


def is_loopback(host: str) -> bool:
    """Return whether a host is this very machine, by its name or number; nothing is asked."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class TokenFile:
    """Gives the token that stands in a file, read anew at every login (kafka-python's and aiokafka's provider)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def token(self) -> str:
        """Return the token."""
        return read_secret(_NO_SECRET, self._path, "kafka.token_file").get_secret_value()

    def extensions(self) -> Mapping[str, str]:
        """Return no SASL extensions."""
        return {}


def _login(kafka: KafkaSettings) -> dict[str, Any]:
    if kafka.mechanism is Mechanism.OAUTHBEARER:
        if kafka.token_file is None:
            raise _missing("kafka.token_file", "SIMPUL__KAFKA__TOKEN_FILE")
        return {"sasl_oauth_token_provider": TokenFile(kafka.token_file)}
    if not kafka.user:
        raise _missing("kafka.user", "SIMPUL__KAFKA__USER")
    password = read_secret(kafka.password, kafka.password_file, "kafka.password_file").get_secret_value()
    if not password:
        raise _missing("kafka.password_file", "SIMPUL__KAFKA__PASSWORD_FILE")
    return {"sasl_plain_username": kafka.user, "sasl_plain_password": password}


def _refuse_open_line(kafka: KafkaSettings) -> None:
    if kafka.allow_plaintext:
        return
    away = [host for host, _ in server_list(kafka.bootstrap_servers) if not is_loopback(host)]
    if away:
        raise SettingsError(
            f"Sambungan ke {away[0]} tanpa TLS ditolak; isi kafka.security (SASL_SSL atau SSL), atau "
            "kafka.allow_plaintext: true bila jaringannya memang tertutup.",
            f"A line to {away[0]} without TLS is refused; set kafka.security (SASL_SSL or SSL), or "
            "kafka.allow_plaintext: true if the network is a closed one.",
        )


def _unreadable(key: str, file: Path | None) -> SettingsError:
    return SettingsError(
        f"Berkas '{file}' ({key}) tidak dapat dibaca atau bukan PEM; minta berkas yang benar dari operator.",
        f"The file '{file}' ({key}) cannot be read or is no PEM; ask the operator for the right one.",
    )


def _missing(key: str, variable: str) -> SettingsError:
    return SettingsError(
        f"Pengaturan '{key}' kosong; jalankan 'simpul up', atau isi {variable}.",
        f"The setting '{key}' is empty; run 'simpul up', or set {variable}.",
    )

"""A server's socket, taken before anything is said of it, and uvicorn without anything that it tells by itself."""

import logging
import os
import socket
from typing import Literal, Protocol

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from simpul_schemas.errors import SettingsError

_BACKLOG = 2048


class HeldLimits(Protocol):
    """What uvicorn itself is told of a server's limits."""

    @property
    def idle_seconds(self) -> int:
        """How long a connection may rest between requests."""

    @property
    def head_bytes(self) -> int:
        """Bytes of a request's head at most."""


def listen(host: str, port: int, setting: str = "--host") -> socket.socket:
    """Return a socket that listens; raises `SettingsError` that names `setting` where none can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SettingsError(
            f"Tidak dapat mendengarkan di {host} port {port} ({why}); pilih {setting} atau port lain.",
            f"Cannot listen at {host} port {port} ({why}); choose another {setting} or port.",
        ) from error


def url_of(listener: socket.socket) -> str:
    """Return the address that a socket listens at, as one types it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def quiet_server(  # noqa: PLR0913  # what differs between servers
    app: ASGIApp,
    protocol: type[H11Protocol],
    limits: HeldLimits,
    *,
    trusted: str = "",
    grace_seconds: int,
    lifespan: Literal["on", "off"] = "off",
) -> Server:
    """Return uvicorn: h11 behind a guard of ours; requests under way may take `grace_seconds` to end after a signal.

    `trusted` are addresses of proxies, by commas, whose word on a client's address is taken.
    """
    return Server(
        Config(
            app,
            http=protocol,
            ws="none",
            loop="asyncio",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted),
            forwarded_allow_ips=trusted or None,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=grace_seconds,
            h11_max_incomplete_event_size=limits.head_bytes,
            lifespan=lifespan,
        )
    )

"""Runs the control server: uvicorn with few connections and short waits, for consoles of an office."""

import asyncio
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from simpul_connectors.control.app import make_app
from simpul_connectors.control.credentials import credentials_for
from simpul_connectors.control.desk import open_desks
from simpul_connectors.control.kafka_lag import KafkaLagMeter
from simpul_connectors.control.watch import Watch
from simpul_connectors.sinks import dialects
from simpul_schemas import connection, kafka_log
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.settings import Settings

#: A console holds a few connections; more are answered 503.
_CONNECTIONS = 100
_HEAD_BYTES = 16 << 10
_IDLE_SECONDS = 15


def open_meter(settings: Settings) -> KafkaLagMeter | None:
    """Return what asks the broker how far sinks are behind; None where no broker is named."""
    servers = settings.kafka.bootstrap_servers
    return KafkaLagMeter(servers, **connection.client_options(settings.kafka)) if servers else None


def open_app(names: Sequence[str], host: str, port: int, settings: Settings) -> FastAPI:
    """Return the application over the sinks of these names and files.

    Raises `SinkSpecError` for a file that is wrong, and `SettingsError` where everybody could reach it without a
    password.
    """
    credentials = credentials_for(host, settings)
    desks = open_desks(names, lambda spec: dialects.open_target(spec.url(settings), spec.name, spec.table))
    return make_app(Watch(desks, open_meter(settings)), f"{host}:{port}", _cluster(settings), credentials)


def _cluster(settings: Settings) -> str:
    """Return the id of the cluster; empty where no broker is named or answers, as sinks can be seen without one."""
    servers = settings.kafka.bootstrap_servers
    try:
        options = connection.client_options(settings.kafka)
        return asyncio.run(kafka_log.cluster_id(servers, **options)) if servers else ""
    except BrokerUnavailable:
        return ""


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer until SIGTERM or Ctrl+C."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="h11",
        ws="none",
        lifespan="off",
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listener])

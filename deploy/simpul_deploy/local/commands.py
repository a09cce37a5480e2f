"""The commands `up`, `down` and `status`, to be registered on the program's one Typer app.

Data goes to stdout, words to stderr; `--json` prints one document. Failures are raised for `guarded` to tell.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simpul_deploy.errors import EXIT_CANNOT_START, UnsupportedPlatform, WrongUsage
from simpul_deploy.local.screen import TITLES, Screen, say
from simpul_schemas.stdout import print_json

if TYPE_CHECKING:
    from simpul_deploy.local.report import Endpoints, ServiceStatus
    from simpul_deploy.local.stack import Stack

Instance = Annotated[
    str, typer.Option("--instance", metavar="NAMA", help="Nama tumpukan lokal. / Name of the local stack.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Satu dokumen JSON ke stdout. / One JSON document to stdout.")
]  # fmt: skip
KafkaPort = Annotated[int | None, typer.Option("--kafka-port", help="Port Kafka. / Kafka's port.")]
ControllerPort = Annotated[
    int | None, typer.Option("--controller-port", help="Port pengendali KRaft. / The KRaft controller's port.")
]
RegistryPort = Annotated[int | None, typer.Option("--registry-port", help="Port registry. / The registry's port.")]
PostgresqlPort = Annotated[int | None, typer.Option("--postgresql-port", help="Port PostgreSQL. / PostgreSQL's port.")]
Purge = Annotated[
    bool, typer.Option("--purge", help="Hapus juga seluruh datanya. / Also delete all of its data.")
]  # fmt: skip
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Jangan bertanya. / Do not ask.")]

STATES = {
    "running": "berjalan / running",
    "starting": "sedang dijalankan / starting",
    "stopped": "berhenti / stopped",
    "failed": "gagal / failed",
}


def up(  # noqa: PLR0913, PLR0917  one parameter per option of the command
    instance: Instance = "default",
    as_json: AsJson = False,  # noqa: FBT002  a flag of the command line
    kafka_port: KafkaPort = None,
    controller_port: ControllerPort = None,
    registry_port: RegistryPort = None,
    postgresql_port: PostgresqlPort = None,
) -> None:
    """Jalankan Kafka, registri dan PostgreSQL di komputer ini. / Run Kafka, registry and PostgreSQL on this machine.

    Pada pemakaian pertama mengunduh sekitar 200 MB; sesudah itu tidak perlu jaringan.
    The first use downloads about 200 MB; after that no network is needed. Other commands find this stack by themselves.

    Examples: simpul up | simpul up --kafka-port 9092 --json
    """
    stack = make_stack(instance)
    from simpul_deploy.local.ports import PortWishes  # noqa: PLC0415  after the platform has been checked

    wishes = PortWishes(kafka_port, controller_port, registry_port, postgresql_port)
    with Screen() as screen:
        result = stack.up(screen.show, wishes)
    _prepare(result.endpoints)
    if result.already_running:
        say("Semua sudah berjalan. / Everything is running already.")
    if as_json:
        document = asdict(result.endpoints) | {
            "instance": instance,
            "already_running": result.already_running,
            "started": result.started,
        }
        print_json(document)
    else:
        _print_endpoints(result.endpoints)
        flag = "" if instance == "default" else f" --instance {instance}"
        say(f"Hentikan dengan / Stop with: simpul down{flag}")


def down(
    instance: Instance = "default",
    purge: Purge = False,  # noqa: FBT002  a flag of the command line
    yes: Yes = False,  # noqa: FBT002  the same
    as_json: AsJson = False,  # noqa: FBT002  the same
) -> None:
    """Hentikan tumpukan lokal; datanya tetap ada. / Stop the local stack; its data stays."""
    stack = make_stack(instance)
    if purge and not yes:
        _ask(instance)
    with Screen() as screen:
        result = stack.down(screen.show, purge=purge)
    if not result.stopped:
        say("Tidak ada yang sedang berjalan. / Nothing was running.")
    if result.purged:
        say("Data sudah dihapus. / The data was deleted.")
    if as_json:
        print_json(asdict(result) | {"instance": instance})


def status(
    instance: Instance = "default",
    as_json: AsJson = False,  # noqa: FBT002  a flag of the command line
) -> None:
    """Keadaan tumpukan lokal; kode keluar 0 bila semua berjalan. / The local stack's state; exit code 0 if all runs."""
    services = make_stack(instance).status()
    if as_json:
        print_json({"instance": instance, "services": [_service_document(service) for service in services]})
    else:
        for service in services:
            sys.stdout.write(_service_line(service) + "\n")
    if any(service.state != "running" for service in services):
        raise typer.Exit(EXIT_CANNOT_START)


def make_stack(instance: str) -> Stack:
    """The stack, imported late: elsewhere than on POSIX it cannot even be imported."""
    if sys.platform == "win32":
        raise UnsupportedPlatform
    from simpul_deploy.local.stack import Stack  # noqa: PLC0415  see above; also it needs the `deploy` extra

    return Stack(instance)


def _prepare(endpoints: Endpoints) -> None:
    """Make the bus's topics and put its schemas into the registry; what is there already is left alone."""
    from simpul_deploy.bus import prepare  # noqa: PLC0415  needs the `deploy` extra
    from simpul_schemas.registry import HttpRegistry  # noqa: PLC0415  the same

    with closing(HttpRegistry(endpoints.registry_url)) as registry:
        prepare(endpoints.bootstrap_servers, registry)


def _ask(instance: str) -> None:
    if not sys.stdin.isatty():
        raise WrongUsage(
            "`--purge` menghapus semua data; tambahkan --yes bila memang dikehendaki.",
            "`--purge` deletes all data; add --yes if that is meant.",
        )
    question = f"Hapus semua data {instance!r}? / Delete all data of {instance!r}?"
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _print_endpoints(endpoints: Endpoints) -> None:
    for title, value in zip(TITLES.values(), asdict(endpoints).values(), strict=True):
        sys.stdout.write(f"{title:<11} {value}\n")


def _service_document(service: ServiceStatus) -> dict[str, Any]:
    return asdict(service) | {"log": str(service.log)}


def _service_line(service: ServiceStatus) -> str:
    line = f"{TITLES[service.name]:<11} {service.version:<7} {STATES[service.state]}"
    if service.pid is not None and service.uptime_seconds is not None:
        line += f"  pid {service.pid}, {service.uptime_seconds:.0f} s"
    if service.state == "running":
        return f"{line}  {service.endpoint}"
    return f"{line}  {service.log}" if service.state == "failed" else line

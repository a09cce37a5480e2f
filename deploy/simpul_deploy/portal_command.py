"""The command `simpul portal`: the portal of the connectors, with the redrive of the processors."""

import os
from typing import Annotated

import typer

from simpul_schemas.connection import connect_from_settings


def portal(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Alamat; bawaan portal.host. / Address.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; bawaan portal.port. / Port.")] = None,
) -> None:
    """Jalankan portal angka: halaman, unduhan, API. / Run the portal: figures as pages, files and API.

    Contoh / examples: simpul portal | simpul portal --port 8443 | simpul portal operator create --help

    Log lines are JSON on stderr. Ends on SIGTERM or Ctrl+C.
    """
    if context.invoked_subcommand is not None:
        return
    # Figures are decoded beside requests, and shall not take every core from them; polars reads this when imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from simpul_connectors.portal.server import serve  # noqa: PLC0415  # a web server, only for this
    from simpul_deploy.redriver import redriver_of  # noqa: PLC0415  # heavy; the same

    connection = connect_from_settings()
    settings = connection.settings.portal
    chosen = settings.port if port is None else port
    serve(connection, host or settings.host, chosen, redriver_of(connection), _say)


def _say(address: str) -> None:
    typer.echo(f"Portal: {address}", err=True)

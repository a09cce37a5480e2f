"""The commands `simpul sink serve` and `simpul sink dashboards`."""

import sys
from typing import Annotated

import typer


def serve(
    sinks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SINK]...",
            help="Sink siap pakai, berkas YAML atau foldernya; bawaan semua yang siap. / Ready sinks, files, folders.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Alamat; selain mesin ini butuh sandi. / Address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Porta. / Port.")] = 8083,
) -> None:
    """Tunjukkan sink kepada konsol Kafka Connect. / Show sinks to consoles made for Kafka Connect.

    Examples: simpul sink serve | simpul sink serve /etc/simpul/sinks --port 8084
    """
    from simpul_connectors.control.server import open_app  # noqa: PLC0415  # a web server, only for this
    from simpul_connectors.control.server import serve as answer  # noqa: PLC0415  # the same
    from simpul_schemas.settings import load_settings  # noqa: PLC0415  # the same

    app = open_app(sinks or (), host, port, load_settings())
    sys.stderr.write(
        f"Antarmuka Kafka Connect di http://{host}:{port}; Ctrl-C untuk berhenti. / "
        f"Kafka Connect's interface at http://{host}:{port}; Ctrl-C stops it.\n"
    )
    answer(app, host, port)

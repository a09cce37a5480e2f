"""The commands `simpul sink serve` and `simpul sink dashboards`."""

import sys
from pathlib import Path
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
    from simpul_connectors.control import server  # noqa: PLC0415  # a web server, only for this
    from simpul_schemas.settings import load_settings  # noqa: PLC0415  # the same
    from simpul_schemas.web.listening import listen, url_of  # noqa: PLC0415  # the same

    app = server.open_app(sinks or (), host, port, load_settings())
    listener = listen(host, port)
    url = url_of(listener)
    sys.stderr.write(
        f"Antarmuka Kafka Connect di {url}; Ctrl-C untuk berhenti. / "
        f"Kafka Connect's interface at {url}; Ctrl-C stops it.\n"
    )
    server.serve(app, listener)


def dashboards(
    out: Annotated[Path, typer.Option("--out", help="Folder tujuan. / Folder to write to.")],
    sinks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SINK]...", help="Sink angka; bawaan semua yang siap. / Sinks of figures."),
    ] = None,
    database: Annotated[
        str, typer.Option(help="postgresql atau / or mariadb.", metavar="postgresql|mariadb")
    ] = "postgresql",
) -> None:
    """Tulis papan Grafana dan SQL-nya. / Write Grafana's dashboards and the SQL that they stand on.

    Examples: simpul sink dashboards --out papan | simpul sink dashboards kejadian.yaml --out papan --database mariadb
    """
    from simpul_connectors.grafana.files import files_of, ready_of_figures  # noqa: PLC0415  # heavy; only for this
    from simpul_connectors.grafana.sql import DATABASES  # noqa: PLC0415  # the same
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # the same

    if database not in DATABASES:
        raise typer.BadParameter(", ".join(DATABASES), param_hint="--database")
    specs = [load_spec(name) for name in sinks] if sinks else ready_of_figures()
    files = files_of(specs, database)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"{out / name}\n")
    except OSError as error:
        raise typer.BadParameter(f"{out}: {error.strerror}", param_hint="--out") from error
    sys.stderr.write(
        "Jalankan views.sql di basis data, lalu impor berkas JSON di Grafana. / "
        "Run views.sql in the database, then import the JSON files in Grafana.\n"
    )

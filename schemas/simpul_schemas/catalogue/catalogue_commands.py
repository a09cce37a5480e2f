"""The command `simpul schemas docs`, for the `simpul` command to register.

Data goes to stdout, words to stderr; Indonesian first. What goes wrong is raised as a `SimpulError`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from simpul_schemas.errors import SettingsError

_DEFAULT_FOLDER = Path("build/catalogue")


def docs(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder hasil. / The folder to write to.")
    ] = _DEFAULT_FOLDER,
    json_: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")
    ] = False,
) -> None:
    """Tulis AsyncAPI dan katalog HTML dari kontrak. / Write AsyncAPI and an HTML catalogue out of the contract."""
    from simpul_schemas.catalogue.site import catalogue_files  # noqa: PLC0415  # the templates load only when asked for

    files = catalogue_files()
    _write(out, files)
    if json_:
        typer.echo(json.dumps({"folder": str(out), "files": sorted(files)}, ensure_ascii=False))
        return
    typer.echo(str(out / "index.html"))
    typer.echo(
        f"{len(files)} berkas ditulis; buka index.html dengan peramban. / "
        f"{len(files)} files written; open index.html with a browser.",
        err=True,
    )


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write every file under a folder; what else lies there stays."""
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingsError(
            f"Folder '{folder}' tidak dapat ditulisi ({error.strerror}); pilih yang lain dengan --out.",
            f"The folder '{folder}' cannot be written to ({error.strerror}); choose another with --out.",
        ) from error

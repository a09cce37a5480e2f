"""The command `simpul import template`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from simpul_producers.imports.template import write_template
from simpul_schemas.stdout import print_json


def import_template(
    event_type: Annotated[str, typer.Argument(help="Jenis peristiwa, misalnya aid_handover. / Event type.")],
    region: Annotated[
        str, typer.Option(help="Provinsi atau kabupaten/kota untuk daftar wilayah. / Area of the region list.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Berkas yang ditulis; asalnya JENIS.xlsx. / File to write.", show_default=False)
    ] = None,
    json_output: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")
    ] = False,
) -> None:
    """Tulis templat Excel untuk diisi. / Write an Excel template to fill in.

    Contoh / example: simpul import template aid_handover --region 53.13 --out bast.xlsx
    """
    path = out or Path(f"{event_type}-{region}.xlsx" if region else f"{event_type}.xlsx")
    form = write_template(path, event_type, region)
    if json_output:
        document = {"template": str(path), "event_type": event_type, "region": region, "columns": len(form.columns)}
        print_json(document)
        return
    Console().print(escape(str(path)), highlight=False, soft_wrap=True)
    Console(stderr=True, soft_wrap=True).print(
        f"Isi lembar Data, simpan, lalu: simpul import {escape(str(path))} / Fill in the sheet Data, save, then that.",
        highlight=False,
    )

"""The group of commands `simpul import`: the import itself, and what helps to write a mapping.

`simpul import MAPPING FILE...` imports; where the first word is the name of a command of the group, that is meant. A
mapping file that has such a name is told by its path: `./lint`.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from simpul_producers.commands import import_
from simpul_producers.imports.check import check_mapping
from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.reference import reference_markdown, reference_rows
from simpul_producers.template_command import import_template
from simpul_schemas.contract import event_type
from simpul_schemas.stdout import print_json

_IMPORT = "run"

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


class ImportGroup(TyperGroup):
    """A group whose first word may be left out: then a table is imported."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer's own copy of click
        """See typer."""
        if args and args[0] not in self.commands and args[0] not in {"--help", "-h"}:
            args = [_IMPORT, *args]
        return super().parse_args(ctx, args)


def import_lint(
    mapping: Annotated[str, typer.Argument(help="Nama pemetaan atau berkas YAML. / Name of a mapping, or YAML file.")],
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Periksa pemetaan tanpa berkas data. / Check a mapping without any data.

    Exits with 0 where it fits its event type, 2 where not: key, reason and remedy are told.
    """
    spec = load_mapping(mapping)
    check_mapping(spec, event_type(spec.event_type), mapping)
    # What the contract would hold, and the mapping leaves unknown: often forgotten, seldom an error.
    unmapped = [name for name in event_type(spec.event_type).model.model_fields if name not in spec.fields]
    left_out = [name for name in unmapped if name not in {"event_id", "published_at", "action", "mode"}]
    if json_output:
        print_json({"mapping": mapping, "event_type": spec.event_type, "unmapped": left_out})
        return
    typer.echo(f"{mapping}: cocok / fits {spec.event_type}")
    if left_out:
        typer.echo(f"Tidak dipetakan / not mapped: {', '.join(left_out)}", err=True)


def import_reference(
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Semua kunci berkas pemetaan. / Every key of a mapping file."""
    if json_output:
        print_json({"keys": reference_rows()})
    else:
        typer.echo(reference_markdown(), nl=False)


#: The commands by their names, for the `simpul` command to register.
IMPORT_COMMANDS: dict[str, Callable[..., None]] = {
    _IMPORT: import_,
    "lint": import_lint,
    "reference": import_reference,
    "template": import_template,
}
HELP = """Impor tabel dan templat Excel: periksa, simpan, kirim. / Import tables and Excel templates: check, take, send.

simpul import MAPPING FILE... [OPTIONS] (lihat / see: simpul import run --help)
"""
EPILOG = (
    "Contoh / examples: simpul import pilpres2024_tps tps.csv.gz | simpul import lint peta.yaml | "
    "simpul import template aid_handover --region 53.13 | simpul import bast.xlsx"
)

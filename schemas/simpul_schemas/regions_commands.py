"""The commands about regions, for the `simpul` command to register: `regions resolve` and `regions list`.

Data goes to stdout, words to stderr, Indonesian first. A region that cannot be told is a finding: exit code 1.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from simpul_schemas.regions import NATION, Region, load_regions
from simpul_schemas.resolve import Resolution, resolve
from simpul_schemas.stdout import print_json

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]
Parent = Annotated[
    str | None,
    typer.Option(help="Kode Kemendagri wilayah induk; ID untuk negara. / Code of the parent; ID is the nation."),
]

_FINDINGS = 1


def regions_resolve(
    scheme: Annotated[str, typer.Argument(help="kemendagri, bps, djpk, name (nama).")],
    code: Annotated[
        str, typer.Argument(help="Kode, atau nama untuk skema name. / Code, or a name for the scheme name.")
    ],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Hari yang dimaksud; bawaan hari ini. / Day meant; default today."),
    ] = None,
    parent: Parent = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Cari wilayah dari kode atau nama pada suatu hari. / Tell the region of a code or name on a day.

    Exits with 0 where there is one, 1 with the reason where there is none.
    """
    found = resolve(scheme, code, on.date() if on else _today(), parent)
    if json_output:
        print_json(_document(found))
    elif found.region is not None:
        typer.echo(_line(found.region))
        for caution, text in found.warnings:
            typer.echo(f"{caution}: {text}", err=True)
    else:
        typer.echo(f"{found.reason}: {found.message}", err=True)
    if found.region is None:
        raise typer.Exit(_FINDINGS)


def regions_list(
    parent: Parent = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Daftar wilayah langsung di bawah satu wilayah; tanpa --parent: provinsi. / The regions right below another one.

    Exits with 1 where the parent is not known. Below a kecamatan the list is empty.
    """
    above = NATION
    if parent is not None and parent != NATION:
        found = resolve("kemendagri", parent, _today())
        if found.region is None:
            if json_output:
                print_json(_document(found))
            else:
                typer.echo(f"{found.reason}: {found.message}", err=True)
            raise typer.Exit(_FINDINGS)
        above = found.region.code
    regions = load_regions().children(above)
    if json_output:
        print_json({"parent": above, "regions": _plain(regions)})
        return
    for region in regions:
        typer.echo(_line(region))


def _document(found: Resolution) -> dict[str, Any]:
    """Return a resolution as plain data: `code`, `name`, `level` and warnings if any, or `reason` and its words."""
    if found.region is not None:
        document: dict[str, Any] = _plain([found.region])[0]
        if found.warnings:
            document["warnings"] = [
                {"code": caution, "message_id": text.indonesian, "message_en": text.english}
                for caution, text in found.warnings
            ]
    else:
        document = {"reason": found.reason}
        if found.message is not None:
            document |= {"message_id": found.message.indonesian, "message_en": found.message.english}
    if found.candidates:
        document["candidates"] = _plain(found.candidates)
    return document


def _plain(regions: Iterable[Region]) -> list[dict[str, Any]]:
    return [{"code": region.code, "name": region.name, "level": region.level} for region in regions]


def _line(region: Region) -> str:
    return f"{region.code:<8}  {region.name}"


def _today() -> date:
    return datetime.now(UTC).astimezone().date()

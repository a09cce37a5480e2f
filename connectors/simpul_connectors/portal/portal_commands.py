"""The commands `simpul portal operator ...`; `simpul portal` itself is in `simpul_deploy.portal_command`."""

import sys
from typing import Annotated

import typer

from simpul_connectors.portal.operators import Operator
from simpul_schemas.settings import load_settings
from simpul_schemas.stdout import print_json
from simpul_schemas.times import iso_utc

_DAYS = 365

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


def operator_create(
    name: Annotated[str, typer.Option(help="Nama operator, tertulis di audit. / Name, as the audit tells it.")],
    province: Annotated[
        list[str] | None, typer.Option(metavar="KODE", help="Provinsi, boleh diulang; bawaan semua. / Default all.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Berlaku berapa hari. / For how many days.")] = _DAYS,
) -> None:
    """Buat kunci operator portal; hanya ditampilkan sekali. / Make an operator's key; it is shown once.

    Contoh / example: simpul portal operator create --name Budi --province 53
    """
    from simpul_connectors.portal.server import operator_file  # noqa: PLC0415  # heavy

    made, key = operator_file(load_settings()).create(name, province or (), days)
    where = ", ".join(made.provinces) or "*"
    sys.stderr.write(
        f"Kunci {made.name} untuk provinsi {where}, sampai {iso_utc(made.expires_at)[:10]}. Simpan sekarang; tidak "
        "bisa ditampilkan lagi. / Keep it now; it cannot be shown again.\n"
    )
    sys.stdout.write(key + "\n")


def operator_list(as_json: Json = False) -> None:  # noqa: FBT002  # a flag of the command line
    """Semua operator, tanpa rahasianya. / Every operator, without the secret.

    Contoh / example: simpul portal operator list --json
    """
    from simpul_connectors.portal.server import operator_file  # noqa: PLC0415  # heavy

    found = operator_file(load_settings()).all()
    if as_json:
        print_json([_describe(one) for one in found])
        return
    for one in found:
        sys.stdout.write(
            f"{one.key_id}  {iso_utc(one.expires_at)[:10]}  {','.join(one.provinces) or '*':<12} {one.name}\n"
        )
    if not found:
        sys.stderr.write("Belum ada operator; buat dengan 'simpul portal operator create'. / There are none yet.\n")


def operator_revoke(
    key_id: Annotated[str, typer.Argument(help="Bagian kunci sebelum titik. / The part of the key before the dot.")],
) -> None:
    """Cabut operator; sesinya berakhir seketika. / Revoke an operator; their session ends at once.

    Contoh / example: simpul portal operator revoke 3f9c1a2b4d5e
    """
    from simpul_connectors.portal.server import operator_file  # noqa: PLC0415  # heavy

    gone = operator_file(load_settings()).revoke(key_id)
    sys.stderr.write(f"Operator {gone.name} dicabut. / The operator {gone.name} is revoked.\n")


def _describe(one: Operator) -> dict[str, object]:
    return {
        "key_id": one.key_id,
        "name": one.name,
        "provinces": list(one.provinces),
        "expires_at": iso_utc(one.expires_at),
    }

"""The commands of the gateway, for the `simpul` command to register: `gateway` and `gateway key ...`.

A key's text is shown once, alone on stdout, when it is made; nothing that is secret is ever an argument.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from simpul_producers.gateway.keys import Key, KeyDesk
from simpul_producers.gateway.peppers import load_pepper
from simpul_producers.gateway.sqlite_keys import KEYS_FILE, SqliteKeyStore
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.settings import load_settings
from simpul_schemas.stdout import print_json
from simpul_schemas.web.journal import to_stderr

_DAYS = 365
_GRACE_DAYS = 7

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]
KeyId = Annotated[str, typer.Argument(help="Bagian kunci sebelum titik. / The part of the key before the dot.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Berlaku berapa hari. / For how many days it lives.")]


def run(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Alamat; bawaan gateway.host. / Address.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; bawaan gateway.port. / Port.")] = None,
) -> None:
    """Jalankan gerbang HTTP. / Run the HTTP gateway.

    Contoh / examples: simpul gateway | simpul gateway --port 8443 | simpul gateway key create --help

    Log lines are JSON on stderr. Ends on SIGTERM or Ctrl+C; what was accepted is on disk.
    """
    if context.invoked_subcommand is not None:
        return
    from simpul_producers.gateway.server import open_gateway, serve  # noqa: PLC0415  # a web server, only for this

    settings = load_settings()
    journal = to_stderr(_now_micros)
    with open_gateway(settings, journal, _now_micros) as gateway:
        serve(
            gateway,
            host or settings.gateway.host,
            settings.gateway.port if port is None else port,
            lambda address: journal.write("listening", address=address),
        )


def key_create(
    region: Annotated[str, typer.Option(help="Kode wilayah Kemendagri, misalnya 53.13. / Region code.")],
    source: Annotated[str, typer.Option(help="Sistem pengirim, misalnya sitimdu.53.13. / Publishing system.")],
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Jenis peristiwa; bawaan semua. / Event type; default all.")
    ] = None,
    days: Days = _DAYS,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Buat kunci; hanya ditampilkan sekali. / Make a key; it is shown once.

    Contoh / example: simpul gateway key create --region 53.13 --source sitimdu.53.13 --type incident
    """
    with _desk() as desk:
        _show_new(*desk.create(region, source, event_type or (), days), json_output=json_output)


def key_rotate(
    key_id: KeyId,
    days: Days = _DAYS,
    grace_days: Annotated[
        int, typer.Option(min=0, max=90, help="Kunci lama berlaku berapa hari lagi. / Days the old key lives on.")
    ] = _GRACE_DAYS,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Buat pengganti kunci dengan wilayah dan sistem yang sama. / Make a key's successor, bound alike.

    Contoh / example: simpul gateway key rotate 3f9c1a2b4d5e
    """
    with _desk() as desk:
        _show_new(*desk.rotate(key_id, days, grace_days), json_output=json_output)


def key_revoke(key_id: KeyId) -> None:
    """Cabut kunci; gerbang yang berjalan menolaknya dalam 5 detik. / Revoke a key; running gateways see it in 5 s.

    Contoh / example: simpul gateway key revoke 3f9c1a2b4d5e
    """
    with _desk() as desk:
        desk.revoke(key_id)
    sys.stderr.write(f"Kunci {key_id} dicabut. / The key {key_id} is revoked.\n")


def key_list(json_output: Json = False) -> None:  # noqa: FBT002  # an option of the command line
    """Semua kunci, tanpa rahasianya. / Every key, without its secret.

    Contoh / example: simpul gateway key list --json
    """
    settings = load_settings()
    store = SqliteKeyStore(settings.data_dir / KEYS_FILE)
    try:
        keys, now = store.all_keys(), _now_micros()
    finally:
        store.close()
    if json_output:
        print_json([_describe(key, now) for key in keys])
        return
    for key in keys:
        shown = _describe(key, now)
        types = ",".join(key.event_types) or "*"
        expires = shown["expires_at"][:10]
        sys.stdout.write(f"{key.key_id}  {shown['state']:<7}  {expires}  {key.region:<8}  {key.source}  {types}\n")
    if not keys:
        sys.stderr.write("Belum ada kunci; buat dengan 'simpul gateway key create'. / There are no keys yet.\n")


@contextmanager
def _desk() -> Iterator[KeyDesk]:
    settings = load_settings()
    pepper = load_pepper(settings)
    store = SqliteKeyStore(settings.data_dir / KEYS_FILE)
    try:
        yield KeyDesk(store, pepper, _now_micros)
    finally:
        store.close()


def _show_new(key: Key, text: str, *, json_output: bool) -> None:
    if json_output:
        print_json({**_describe(key, _now_micros()), "key": text})
        return
    sys.stderr.write(
        f"Kunci untuk {key.source} di {key.region}, sampai {from_micros(key.expires_at):%Y-%m-%d}. Simpan sekarang; "
        "tidak bisa ditampilkan lagi. / Keep it now; it cannot be shown again.\n"
    )
    sys.stdout.write(text + "\n")


def _describe(key: Key, now: int) -> dict[str, Any]:
    state = "live" if key.lives(now) else "revoked" if key.revoked_at is not None else "expired"
    return {
        "key_id": key.key_id,
        "state": state,
        "region": key.region,
        "source": key.source,
        "event_types": list(key.event_types),
        "created_at": from_micros(key.created_at).isoformat(),
        "expires_at": from_micros(key.expires_at).isoformat(),
        "revoked_at": None if key.revoked_at is None else from_micros(key.revoked_at).isoformat(),
    }


def _now_micros() -> int:
    return time.time_ns() // 1000

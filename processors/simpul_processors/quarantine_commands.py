"""The commands `simpul quarantine list`, `show` and `redrive`.

Data goes to stdout, words to stderr. Errors propagate: the program turns them into a sentence and an exit code.
"""

import asyncio
import getpass
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from simpul_processors.errors import ChangeUnreadable
from simpul_schemas.connection import Connection, connect_from_settings
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.regions import load_regions
from simpul_schemas.stdout import print_json

if TYPE_CHECKING:
    from simpul_processors.quarantine_ledger import Filter, OnRecord
    from simpul_processors.quarantine_redrive import Redrive, Redriver
    from simpul_processors.quarantine_repair import Mend

_AGO = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
#: How often the number of records looked at is shown anew.
_EVERY = 1_000

Provinces = Annotated[
    list[str] | None,
    typer.Option("--province", metavar="KODE", help="Provinsi, boleh diulang. / Province; repeatable."),
]
Since = Annotated[
    str | None, typer.Option(metavar="WAKTU", help="Sejak: 7d, 12h, 2026-11-01. / Since: 7d, 12h, 2026-11-01.")
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="KODE", help="Kode sebab, boleh diulang. / Reason code."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="JENIS", help="Jenis peristiwa, boleh diulang. / Event type.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Satu dokumen JSON ke stdout. / One JSON document to stdout.")]
Unmask = Annotated[bool, typer.Option("--unmask", help="Tampilkan data pribadi. / Show personal data.")]


def quarantine_list(
    province: Provinces = None,
    since: Since = None,
    code: Codes = None,
    kind: Types = None,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Apa yang ditolak, dikelompokkan menurut sebabnya. / What was refused, grouped by reason.

    Examples: simpul quarantine list --province 53 | simpul quarantine list --since 7d --code region.unknown --json
    """
    from simpul_processors.kafka_snapshots import KafkaSnapshots  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.quarantine_events import EventReader  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_ledger import Ledger, items  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_show import groups_document, show_groups  # noqa: PLC0415  # the same

    wanted = _filter(province, since, code, kind)
    connection = _connect()
    ledger = Ledger(EventReader(connection.registry), wanted)

    async def read(on_record: "OnRecord") -> None:
        snapshots = KafkaSnapshots(connection.bootstrap_servers, **connection.kafka_options)
        async for item in items(snapshots, wanted.provinces, on_record):
            ledger.add(item)

    with _counting() as on_record:
        asyncio.run(read(on_record))
    document = groups_document(ledger.groups())
    _print(document) if as_json else show_groups(document)


def quarantine_show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Misalnya 53.incident/0@1234. / From the list.")],
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
    unmask: Unmask = False,  # noqa: FBT002  # the same
) -> None:
    """Satu catatan yang ditolak: asal, isi, sebab, cara memperbaiki. / One refused record: origin, content, remedy.

    Examples: simpul quarantine show 53.incident/0@1234 | simpul quarantine show 53.incident/0@1234 --json --unmask
    """
    from simpul_processors.kafka_snapshots import KafkaSnapshots  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.quarantine_events import EventReader  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_ledger import find  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_show import found_document, show_found  # noqa: PLC0415  # the same

    connection = _connect()
    found = asyncio.run(find(KafkaSnapshots(connection.bootstrap_servers, **connection.kafka_options), name))
    document = found_document(found, EventReader(connection.registry).read(found.refusal), unmask=unmask)
    _print(document) if as_json else show_found(document)


def quarantine_redrive(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    reason: Annotated[str, typer.Option(metavar="TEKS", help="Mengapa diperbaiki; ikut terkirim. / Why; sent along.")],
    name: Annotated[str | None, typer.Option("--id", metavar="ID", help="Satu catatan. / One record.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ISIAN=NILAI", help="Ubah satu isian, boleh diulang. / Set a field; repeatable."),
    ] = None,
    edit: Annotated[
        Path | None, typer.Option(metavar="BERKAS.json", help="Peristiwa utuh sebagai JSON. / The whole event as JSON.")
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="BERKAS.py",
            help="Fungsi repair(event) atas semua yang cocok. / A function repair(event) over all that match.",
        ),
    ] = None,
    province: Provinces = None,
    since: Since = None,
    code: Codes = None,
    kind: Types = None,
    move: Annotated[  # noqa: FBT002  # the same
        bool, typer.Option("--move", help="Boleh ke topik wilayah yang disebutnya. / May go to its region's own topic.")
    ] = False,
    by: Annotated[str | None, typer.Option(metavar="NAMA", help="Siapa yang memperbaiki. / Who repairs it.")] = None,
    dry_run: Annotated[  # noqa: FBT002  # the same
        bool, typer.Option("--dry-run", help="Hanya tunjukkan sebelum/sesudah. / Only show before and after.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
    unmask: Unmask = False,  # noqa: FBT002  # the same
) -> None:
    """Kirim lagi apa yang sudah diperbaiki. / Send again what was repaired.

    The event is judged as at every other door, keeps its subject and revision, and gets an event id that follows from
    where it lay: redriving it twice changes nothing. Exits with 0 where all went through, 1 where nothing did, 4 where
    a part did.

    Example, one by hand: simpul quarantine redrive --id 53.incident/0@1234 --set region=53.71 --reason "salah ketik"

    Example, all by a script: simpul quarantine redrive --script fix.py --province 53 --code region.unknown --reason ...
    """
    from simpul_processors import quarantine_changes as changes  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.quarantine_redrive import Redrive, Redriver  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_repair import Wish  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_show import redrive_document, show_redrive  # noqa: PLC0415  # the same
    from simpul_schemas.kafka_log import KafkaWriter  # noqa: PLC0415  # the same

    _check_ways(name, assignments, edit, script)
    if not reason.strip():
        raise ChangeUnreadable("Isi --reason: mengapa diperbaiki.", "Say in --reason why it was repaired.")
    wanted = _filter(province, since, code, kind)
    mend = changes.load_script(script) if script else None
    whole = changes.whole_event(edit) if edit else None
    connection = _connect()
    result = Redrive()
    writer = None if dry_run else KafkaWriter(connection.bootstrap_servers, **connection.kafka_options)
    # Naming a region outright is as explicit as `--move`.
    may_move = move or any(assignment.startswith("region=") for assignment in assignments or ())
    redriver = Redriver(connection.registry, writer, by or getpass.getuser(), Wish(reason, may_move), _now_micros)

    async def run(on_record: "OnRecord") -> None:
        try:
            if mend is not None:
                await _redrive_all(connection, redriver, wanted, mend, result, on_record)
            elif name is not None:
                await _redrive_one(connection, redriver, name, assignments or (), whole, result)
        finally:
            if writer is not None:
                await writer.stop()

    try:
        with _counting() as on_record:
            asyncio.run(run(on_record))
    finally:
        # Also where the broker went away half way: what was sent is sent.
        document = redrive_document(result, dry_run=dry_run, unmask=unmask)
        _print(document) if as_json else show_redrive(document)
    raise typer.Exit(result.exit_code)


async def _redrive_all(  # noqa: PLR0913, PLR0917  # what the command has made ready
    connection: Connection,
    redriver: "Redriver",
    wanted: "Filter",
    mend: "Mend",
    result: "Redrive",
    on_record: "OnRecord",
) -> None:
    from simpul_processors.kafka_snapshots import KafkaSnapshots  # noqa: PLC0415  # heavy; only when it is run

    snapshots = KafkaSnapshots(connection.bootstrap_servers, **connection.kafka_options)
    await redriver.all(snapshots, wanted, mend, result, on_record)


async def _redrive_one(  # noqa: PLR0913, PLR0917  # what the command has made ready
    connection: Connection,
    redriver: "Redriver",
    name: str,
    assignments: Sequence[str],
    whole: dict[str, Any] | None,
    result: "Redrive",
) -> None:
    from simpul_processors.kafka_snapshots import KafkaSnapshots  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.quarantine_changes import set_fields  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_events import EventReader  # noqa: PLC0415  # the same
    from simpul_processors.quarantine_ledger import find  # noqa: PLC0415  # the same

    found = await find(KafkaSnapshots(connection.bootstrap_servers, **connection.kafka_options), name)
    decoded = EventReader(connection.registry).read(found.refusal)
    kind = decoded.kind.name if decoded and decoded.kind else found.refusal.origin.event_type
    setter = set_fields(kind, assignments)
    given = whole is not None
    await redriver.one(found, decoded, lambda event: setter(event if whole is None else whole), result, whole=given)


def _check_ways(name: str | None, assignments: Sequence[str] | None, edit: Path | None, script: Path | None) -> None:
    if (name is None) == (script is None) or (script is not None and (assignments or edit)):
        raise ChangeUnreadable(
            "Pilih satu: --id ID (dengan --set atau --edit), atau --script BERKAS.py.",
            "Choose one: --id ID (with --set or --edit), or --script FILE.py.",
        )


def _filter(
    provinces: Sequence[str] | None, since: str | None, codes: Sequence[str] | None, kinds: Sequence[str] | None
) -> "Filter":
    from simpul_processors.quarantine_ledger import Filter  # noqa: PLC0415  # heavy; only when it is run

    known = load_regions().provinces()
    wrong = [province for province in provinces or () if province not in known]
    if wrong:
        raise ChangeUnreadable(
            f"Tidak ada provinsi '{wrong[0]}'; pakai dua angka kode Kemendagri, misalnya 53.",
            f"There is no province '{wrong[0]}'; give Kemendagri's two digits, such as 53.",
        )
    names = [event_type(kind).name for kind in kinds or ()]
    return Filter(list(provinces or known), _moment(since), frozenset(codes or ()), frozenset(names))


def _moment(text: str | None) -> int | None:
    """Read `7d`, a day or a moment; without a zone it is UTC."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ChangeUnreadable(
            f"--since '{text}' tidak terbaca; tulis 7d, 12h, 2026-11-01 atau 2026-11-01T08:00:00+07:00.",
            f"--since '{text}' cannot be read; write 7d, 12h, 2026-11-01 or 2026-11-01T08:00:00+07:00.",
        ) from error
    return to_micros(moment)


def _connect() -> Connection:
    # The client tells its troubles to the log as well; the user gets one sentence, from us.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    return connect_from_settings()


def _now_micros() -> int:
    return time.time_ns() // 1000


@contextmanager
def _counting() -> Iterator["OnRecord"]:
    """Show on a terminal how many records were looked at."""
    console = Console(stderr=True)
    count = 0
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("Membaca / reading")

        def on_record() -> None:
            nonlocal count
            count += 1
            if count % _EVERY == 0:
                bar.update(task, description=f"Membaca / reading: {count:,}")

        yield on_record


def _print(document: dict[str, Any]) -> None:
    print_json(document)

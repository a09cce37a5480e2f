"""The commands `simpul roster check`, `apply`, `list` and `example`.

Data goes to stdout, words to stderr, Indonesian first.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from simpul_schemas.connection import Connection, connect_from_settings
from simpul_schemas.errors import InvalidRoster, RosterProblem
from simpul_schemas.roster import (
    ROSTER_SCHEMA,
    Held,
    RosterAction,
    RosterEntry,
    changes,
    example,
    newest,
    read_roster,
    write_roster,
)
from simpul_schemas.topics import ROSTER_TOPIC, value_subject

RosterFile = Annotated[Path, typer.Argument(metavar="FILE", help="Berkas CSV. / The CSV file.")]
Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]
_FINDINGS = 1


def roster_check(file: RosterFile, json_output: Json = False) -> None:  # noqa: FBT002  # an option of the command line
    """Periksa berkas daftar pelapor. / Check a roster file, without any connection.

    Exits with 1 where something is wrong. Example: simpul roster check roster.csv
    """
    try:
        entries = _read(file)
    except InvalidRoster as error:
        _tell_problems(error, json_output=json_output)
        raise typer.Exit(_FINDINGS) from error
    units = len({entry.unit for entry in entries})
    if json_output:
        _print({"file": str(file), "entries": len(entries), "units": units, "problems": []})
    else:
        _say(
            f"{file}: {len(entries)} baris, {units} unit, benar.", f"{file}: {len(entries)} rows, {units} units, right."
        )


def roster_apply(
    file: RosterFile,
    prune: Annotated[  # noqa: FBT002  # an option of the command line
        bool,
        typer.Option("--prune", help="Tarik yang tidak ada di berkas. / Withdraw what the file does not have."),
    ] = False,  # an option of the command line
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tunjukkan saja. / Only show what would change.")] = False,  # noqa: FBT002  # the same
    json_output: Json = False,  # noqa: FBT002  # the same
) -> None:
    """Samakan daftar pelapor dengan berkas. / Make the roster say what a file says; only what changed is appended.

    Examples: simpul roster apply roster.csv --dry-run | simpul roster apply roster.csv --prune
    """
    try:
        entries = _read(file)
    except InvalidRoster as error:
        _tell_problems(error, json_output=json_output)
        raise typer.Exit(_FINDINGS) from error
    connection = connect_from_settings()
    current = asyncio.run(_current(connection))
    wanted = changes(entries, current, prune=prune, now_micros=time.time_ns() // 1000)
    if not dry_run:
        asyncio.run(_append(connection, wanted))
    submitted = sum(action is RosterAction.SUBMIT for action, _, _ in wanted)
    withdrawn = len(wanted) - submitted
    keys = {entry.key for entry in entries}
    left = sum(held.stands and key not in keys for key, held in current.items()) - withdrawn
    if json_output:
        _print(
            {
                "submitted": submitted,
                "withdrawn": withdrawn,
                "unchanged": len(entries) - submitted,
                "not_in_file": left,
                "dry_run": dry_run,
            }
        )
        return
    _say(
        f"{submitted} dicatat, {withdrawn} ditarik, {len(entries) - submitted} tetap"
        + (" (belum dikirim)." if dry_run else "."),
        f"{submitted} entered, {withdrawn} withdrawn, {len(entries) - submitted} as before"
        + (" (nothing sent)." if dry_run else "."),
    )
    if left:
        _say(
            f"{left} entri lain tetap berlaku; --prune menariknya.",
            f"{left} other entries still stand; --prune withdraws them.",
        )


def roster_list(
    region: Annotated[str | None, typer.Option(help="Hanya wilayah ini. / Only in this region.")] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hanya yang berlaku. / Only valid on that day.")
    ] = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Tunjukkan daftar pelapor yang berlaku, sebagai CSV. / Show the roster that stands, as CSV.

    Examples: simpul roster list > roster.csv | simpul roster list --region 53 --on 2024-02-29 --json
    """
    held = asyncio.run(_current(connect_from_settings())).values()
    day = on.date() if on else None
    entries = sorted(
        (one.entry for one in held if one.stands and _shown(one.entry, region, day)), key=lambda entry: entry.key
    )
    if json_output:
        _print({"entries": [entry.to_row() for entry in entries]})
    else:
        sys.stdout.write(write_roster(entries))


def roster_example(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Berlaku sejak. / First day; default 1 January.")
    ] = None,
) -> None:
    """Tulis contoh: 514 kabupaten/kota, laporan bulanan, 7 hari. / Write an example roster of all kabupaten/kota.

    Example: simpul roster example --since 2024-01-01 > roster.csv
    """
    start = since.date() if since else date(datetime.now(UTC).year, 1, 1)
    sys.stdout.write(write_roster(example(start)))


def _read(file: Path) -> list[RosterEntry]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidRoster(
            [RosterProblem(str(file), 1, "*", "Berkas tidak dapat dibaca.", "The file cannot be read.")]
        ) from error
    return read_roster(str(file), content)


async def _current(connection: Connection) -> dict[str, Held]:
    from simpul_processors.topic_rows import topic_rows  # noqa: PLC0415  # heavy; only when it is run

    return newest(await topic_rows(connection, ROSTER_TOPIC, ROSTER_SCHEMA))


async def _append(connection: Connection, wanted: list[tuple[RosterAction, int, RosterEntry]]) -> None:
    import fastavro  # noqa: PLC0415  # only when it is run

    from simpul_schemas.kafka_log import KafkaWriter  # noqa: PLC0415  # heavy; only when it is run
    from simpul_schemas.log import Outgoing  # noqa: PLC0415  # the same
    from simpul_schemas.rows import encode  # noqa: PLC0415  # the same
    from simpul_schemas.wire import frame  # noqa: PLC0415  # the same

    if not wanted:
        return
    schema_id = connection.registry.lookup(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA)
    parsed = fastavro.parse_schema(json.loads(ROSTER_SCHEMA))
    records = [
        Outgoing(ROSTER_TOPIC, entry.key.encode(), frame(schema_id, encode(parsed, entry.to_record(action, revision))))
        for action, revision, entry in wanted
    ]
    writer = KafkaWriter(connection.bootstrap_servers)
    try:
        await writer.send(records)
    finally:
        await writer.stop()


def _shown(entry: RosterEntry, region: str | None, day: date | None) -> bool:
    inside = region is None or entry.region == region or entry.region.startswith(f"{region}.")
    valid = day is None or (entry.valid_from <= day and (entry.valid_to is None or day < entry.valid_to))
    return inside and valid


def _tell_problems(error: InvalidRoster, *, json_output: bool) -> None:
    if json_output:
        names = ("file", "row", "field", "message_id", "message_en")
        _print({"problems": [{name: getattr(one, name) for name in names} for one in error.problems]})
        return
    for one in error.problems:
        sys.stderr.write(f"{one.file}:{one.row}: {one.field}: {one.message_id} / {one.message_en}\n")


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


def _say(indonesian: str, english: str) -> None:
    sys.stderr.write(f"{indonesian} / {english}\n")

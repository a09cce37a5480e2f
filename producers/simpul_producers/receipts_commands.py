"""The commands `receipts list`, `receipts verify` and `receipts prove`; all work without a network.

Data goes to stdout, words to stderr; Indonesian first.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simpul_producers.errors import OutboxError
from simpul_producers.link import open_outbox
from simpul_producers.outbox import Record
from simpul_producers.receipts import NotProved, event_id_of, event_receipt, prove_record, verify_record
from simpul_producers.receipts_taker import key_ring_of, keys_file
from simpul_schemas.errors import MalformedRecord, SettingsError
from simpul_schemas.receipts import Fate, Proof, Verify
from simpul_schemas.settings import Settings, load_settings
from simpul_schemas.stdout import print_json

AsJson = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]
_SAY = {
    Fate.ACCEPTED: ("diterima", "accepted"),
    Fate.SUPERSEDED: ("diterima, sudah digantikan", "accepted, superseded"),
    Fate.REFUSED: ("ditolak", "refused"),
}


def receipts_list(
    latest: Annotated[int, typer.Option(min=1, max=10_000, help="Sebanyak ini yang terakhir. / So many of late.")] = 20,
    json_output: AsJson = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Nasib peristiwa terakhir dari kotak keluar ini. / What became of the latest events of this outbox.

    Example: simpul receipts list --latest 50 --json
    """
    settings = load_settings()
    with open_outbox(settings) as outbox:
        answers = [event_receipt(event_id, outbox.record(event_id)) for event_id in outbox.latest_ids(latest)]
    if json_output:
        print_json({"receipts": [answer.document() for answer in answers]})
        return
    table = Table()
    table.add_column("Peristiwa / event", no_wrap=True)
    table.add_column("Keadaan / standing")
    table.add_column("Tanda tangan / signature")
    for answer in answers:
        words = f"{escape(answer.message_id)}\n{escape(answer.message_en)}"
        signed = "sah / good" if answer.verified else ("belum diperiksa / unverified" if answer.final else "-")
        table.add_row(answer.event_id, words, signed)
    Console().print(table)


def receipts_verify(
    what: Annotated[str, typer.Argument(metavar="EVENT_ID|PROOF.json", help="Peristiwa atau berkas bukti.")],
    keys: Annotated[Path | None, typer.Option(help="Kunci publik (PEM). / Public keys (PEM).")] = None,
    json_output: AsJson = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Periksa tanda terima suatu peristiwa, atau berkas bukti. / Check the receipt of an event, or a proof.

    Exits with 0 where it is proved and 1 where one bit was changed.
    Examples: simpul receipts verify 019d4cfe-cbe0-7a13-8c2f-60e4d1b7a985 | simpul receipts verify proof.json
    """
    settings = load_settings()
    verify = _keys(settings, keys)
    if what.endswith(".json"):
        event_id, fate, topic = _verify_file(Path(what), verify)
    else:
        with open_outbox(settings) as outbox:
            record = _needed(what, outbox.record(what))
        event_id, fate, topic = what, verify_record(record, verify), record.row.topic
    indonesian, english = _SAY[fate]
    if json_output:
        print_json({"event_id": event_id, "proved": True, "fate": fate.value, "topic": topic})
    else:
        sys.stdout.write(f"{event_id}: {indonesian} / {english} ({topic})\n")


def receipts_prove(
    event_id: Annotated[str, typer.Argument(help="Peristiwa yang diterima. / An accepted event.")],
    out: Annotated[Path, typer.Option("--out", help="Berkas bukti yang ditulis. / Proof file to write.")],
    keys: Annotated[Path | None, typer.Option(help="Kunci publik (PEM). / Public keys (PEM).")] = None,
) -> None:
    """Tulis bukti bahwa satu peristiwa diterima. / Write the proof that one event was accepted.

    Whoever has the public key can check it, without this outbox and without the bus.
    Example: simpul receipts prove 019d4cfe-cbe0-7a13-8c2f-60e4d1b7a985 --out bukti.json
    """
    settings = load_settings()
    with open_outbox(settings) as outbox:
        proof = prove_record(_needed(event_id, outbox.record(event_id)), _keys(settings, keys))
    try:
        out.write_text(json.dumps({"event_id": event_id, **proof.to_json()}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutboxError(out, error.strerror or str(error)) from error
    sys.stderr.write(f"Bukti ditulis ke {out}. / The proof stands in {out}.\n")


def _verify_file(path: Path, verify: Verify) -> tuple[str, Fate, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        proof = Proof.from_json(document)
        if document != {"event_id": document["event_id"], **proof.to_json()}:
            raise ValueError  # noqa: TRY301  # another way to write the same, or more than a proof: changed
        said = str(document["event_id"])
        event_id = event_id_of(proof.value)
        proved = proof.holds(verify)
        topic = str(json.loads(proof.text)["topic"]) if proved else ""
    except OSError as error:
        raise SettingsError(
            f"Berkas bukti '{path}' tidak dapat dibaca.", f"The proof file '{path}' cannot be read."
        ) from error
    except (ValueError, KeyError, AttributeError, TypeError, MalformedRecord) as error:
        raise NotProved(
            f"Berkas bukti '{path}' rusak atau diubah; tidak membuktikan apa pun.",
            f"The proof file '{path}' is damaged or was changed; it proves nothing.",
        ) from error
    if not proved or said != event_id:
        raise NotProved(
            f"Peristiwa {said} tidak terbukti: '{path}' diubah, atau kuncinya tidak dikenal.",
            f"The event {said} is not proved: '{path}' was changed, or its key is not known.",
        )
    return event_id, Fate.ACCEPTED, topic


def _keys(settings: Settings, file: Path | None) -> Verify:
    named = settings
    if file is not None:
        receipts = settings.receipts.model_copy(update={"public_keys_file": file})
        named = settings.model_copy(update={"receipts": receipts})
    verify = key_ring_of(named)()
    if verify is None:
        raise SettingsError(
            f"Kunci publik tidak ada di {keys_file(named)}; minta dari operator, lalu isi receipts.public_keys_file.",
            f"There is no public key at {keys_file(named)}; ask the operator, then set receipts.public_keys_file.",
        )
    return verify


def _needed(event_id: str, record: Record | None) -> Record:
    if record is None:
        raise NotProved(
            f"Peristiwa {event_id} tidak ada di kotak keluar ini.", f"The event {event_id} is not in this outbox."
        )
    return record

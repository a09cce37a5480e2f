"""The commands `simpul alerts list` and `simpul alerts lint`.

Data goes to stdout, words to stderr. Errors propagate: the program turns them into a sentence and an exit code.
"""

import asyncio
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simpul_processors.errors import AlertRuleWrong
from simpul_schemas.alerts import Alert, AlertState, read_alert
from simpul_schemas.connection import connect_from_settings
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.stdout import print_json
from simpul_schemas.topics import ALERT_TOPIC
from simpul_schemas.wire import unframe

if TYPE_CHECKING:
    from simpul_processors.snapshots import Snapshots

AsJson = Annotated[bool, typer.Option("--json", help="Satu dokumen JSON ke stdout. / One JSON document to stdout.")]


def alerts_list(
    region: Annotated[
        str | None, typer.Option(metavar="KODE", help="Wilayah dan yang di dalamnya. / A region and what is in it.")
    ] = None,
    everything: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--all", help="Juga yang sudah selesai. / Also what was cleared.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  # the same
) -> None:
    """Peringatan yang berlaku. / Alerts that stand.

    Examples: simpul alerts list | simpul alerts list --region 53 --all --json
    """
    from simpul_processors.kafka_snapshots import KafkaSnapshots  # noqa: PLC0415  # heavy; only when it is run

    # The client tells its troubles to the log as well; the user gets one sentence, from us.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    connection = connect_from_settings()
    newest = asyncio.run(newest_alerts(KafkaSnapshots(connection.bootstrap_servers, **connection.kafka_options)))
    found = [
        alert
        for alert in newest
        if (everything or alert.state is AlertState.RAISED)
        and (region is None or alert.region == region or alert.region.startswith(f"{region}."))
    ]
    if as_json:
        document = {"alerts": [_document(alert) for alert in found]}
        print_json(document)
    else:
        _show(found)


async def newest_alerts(snapshots: "Snapshots") -> list[Alert]:
    """Return each alert at its highest revision, those that stand first, the newest before the others."""
    newest: dict[str, Alert] = {}
    async for stored in snapshots.read([ALERT_TOPIC]):
        try:
            alert = read_alert(unframe(stored.value)[1])
        except (MalformedRecord, ValueError, TypeError):
            continue  # of a later version
        held = newest.get(alert.id)
        if held is None or alert.revision > held.revision:
            newest[alert.id] = alert
    by_day = sorted(newest.values(), key=lambda alert: (alert.day, alert.id), reverse=True)
    return sorted(by_day, key=lambda alert: alert.state is AlertState.CLEARED)


def alerts_lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="BERKAS", help="Berkas atau folder YAML. / YAML files or folders.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Periksa aturan peringatan; tanpa berkas, yang dibawa Simpul. / Check alert rules; without files, Simpul's own.

    Exits with 0 where all are right, 1 where one is wrong. Examples: simpul alerts lint | simpul alerts lint rules/
    """
    from simpul_processors.alert_rules import load_rules, shipped_rules  # noqa: PLC0415  # only when it is run

    rules, wrong = [], []
    try:
        rules = shipped_rules() if not paths else []
        for path in paths or ():
            rules += load_rules([path])
    except AlertRuleWrong as error:
        wrong.append({"id": error.message_id, "en": error.message_en})
    if as_json:
        document: dict[str, Any] = {"rules": [rule.model_dump(mode="json") for rule in rules], "wrong": wrong}
        print_json(document)
    else:
        for rule in rules:
            sys.stdout.write(f"{rule.name:<28}{rule.level.value:<10}{rule.text.id} / {rule.text.en}\n")
        for said in wrong:
            sys.stderr.write(f"{said['id']} / {said['en']}\n")
    raise typer.Exit(1 if wrong else 0)


def _document(alert: Alert) -> dict[str, Any]:
    return {"alert": alert.id, **asdict(alert), "evidence": [one._asdict() for one in alert.evidence]}


def _show(found: list[Alert]) -> None:
    out = Console()
    if not found:
        out.print("Tidak ada peringatan. / No alerts.")
        return
    table = Table(show_lines=True)
    for title in ("Keadaan / state", "Sejak / since", "Peringatan / alert", "Bukti / evidence"):
        table.add_column(title, overflow="fold")
    for alert in found:
        evidence = "\n".join(f"{one.what}: {one.value:,}" for one in alert.evidence[:3])
        more = f"\n+{len(alert.evidence) - 3}" if len(alert.evidence) > 3 else ""
        table.add_row(
            alert.state.value,
            f"{alert.since}\n({alert.day})",
            escape(f"{alert.text_id}\n{alert.text_en}"),
            escape(evidence + more),
        )
    out.print(table)

"""The commands `simpul audit` and `simpul figures`: data on stdout, words on stderr, Indonesian first."""

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape

from simpul_deploy.audit import Auditor, Finding
from simpul_processors import audit as log_audit
from simpul_processors.as_of import KnownBy
from simpul_processors.partial_stage import input_topics
from simpul_processors.view import View
from simpul_processors.views import VIEWS
from simpul_processors.whole_topics import read_topics
from simpul_schemas.connection import Connection, connect_from_settings
from simpul_schemas.errors import SettingsError
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.figures import ViewSpec, view_spec
from simpul_schemas.receipts import Verify
from simpul_schemas.signing import load_key_ring
from simpul_schemas.stdout import print_json
from simpul_schemas.topics import view_topic

#: Figures that are shown on a terminal; `--json` has all.
_SHOWN = 40

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


def audit(
    view: Annotated[list[str] | None, typer.Option(help="Hanya tampilan ini. / These views only.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Kunci publik tanda terima (PEM). / Public keys of receipts.")
    ] = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Hitung ulang semuanya dari log, dan sebut yang berbeda. / Work everything out anew, and name what differs.

    Published = accepted + refused = counted, byte for byte in the stores, record for record in the receipts. Exits with
    0 where all holds and 1 where not. While events come in, figures may be behind: audit a quiet bus.
    Examples: simpul audit | simpul audit --view participation --json
    """
    connection = connect_from_settings()
    chosen = [VIEWS[view_spec(name).name] for name in view] if view else list(VIEWS.values())
    auditor = Auditor(connection, _keys(connection, keys))
    findings: list[Finding] = []
    for each in chosen:
        for finding in auditor.view(each):
            findings.append(finding)
            if not json_output:
                _tell(finding)
    if not view:
        for finding in auditor.outbox():
            findings.append(finding)
            if not json_output:
                _tell(finding)
    holds = all(finding.holds for finding in findings)
    if json_output:
        document = {"holds": holds, "checks": [{**asdict(each), "holds": each.holds} for each in findings]}
        print_json(document)
    raise typer.Exit(0 if holds else 1)


def figures(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    view: Annotated[str, typer.Argument(help="Nama tampilan. / Name of the view.")],
    as_of: Annotated[
        str | None, typer.Option(help="Saat (ISO 8601 dengan zona). / Moment, with its zone.", metavar="TIME")
    ] = None,
    level: Annotated[str | None, typer.Option(help="nation, province, regency, district.")] = None,
    region: Annotated[str | None, typer.Option(help="Kode wilayah. / Code of the region.")] = None,
    period: Annotated[str | None, typer.Option(help="Periode, mis. 2024-02. / Period.")] = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Angka sebuah tampilan, kini atau seperti yang diketahui pada suatu saat. / Figures, now or as of a moment.

    Without --as-of the newest published figures, with their coverage; with it they are computed anew from the log, out
    of what the broker had appended by then (without coverage: completeness is told by `simpul completeness`).
    Examples: simpul figures incident --level nation | simpul figures incident --as-of 2024-02-14T20:00:00+07:00 --json
    """
    spec = view_spec(view)
    moment = None if as_of is None else _moment(as_of)
    connection = connect_from_settings()
    found = _published(connection, VIEWS[spec.name]) if moment is None else _known(connection, VIEWS[spec.name], moment)
    wanted = {"level": level, "region": region, "period": period}
    for name, value in wanted.items():
        if value is not None:
            found = found.filter(pl.col(name) == value)
    rows = found.to_dicts()
    for row in rows:
        row["rates"] = {
            name: row[part] / row[whole] if row[whole] else None for name, (part, whole) in spec.rates.items()
        }
    if json_output:
        document = {"view": spec.name, "as_of": as_of, "figures": rows}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        return
    _show(spec, found)


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None  # told below, with the remedy
    if moment is None or moment.tzinfo is None:
        raise SettingsError(
            f"'{text}' bukan saat dengan zona; contoh: 2024-02-14T20:00:00+07:00.",
            f"'{text}' is no moment with a zone; for example 2024-02-14T20:00:00+07:00.",
        )
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)


def _published(connection: Connection, view: View) -> pl.DataFrame:
    """Return the newest published figures, with their coverage."""
    blocks = asyncio.run(read_topics(connection, [view_topic(view.spec.name)]))
    return log_audit.newest_with_coverage(view.spec, connection.registry, blocks)


def _known(connection: Connection, view: View, moment: int) -> pl.DataFrame:
    known = KnownBy(view, connection.registry, moment)
    for topic in input_topics(view.spec):
        known.take(asyncio.run(read_topics(connection, [topic])))
    return known.figures()


def _keys(connection: Connection, keys: Path | None) -> Verify | None:
    """Return the public keys: those that are named, else those of the workers of this machine, if there are any."""
    path = keys or connection.settings.data_dir / "keys" / "receipts.pub.pem"
    return load_key_ring(path) if keys is not None or path.exists() else None


def _tell(finding: Finding) -> None:
    mark = "[green]ok[/green]" if finding.holds else "[red]BEDA / DIFFERS[/red]"
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{mark}  {finding.view}: {finding.check} ({finding.compared:,})")
    for difference in finding.differences:
        console.print(f"    {escape(difference)}")


def _show(spec: ViewSpec, found: pl.DataFrame) -> None:
    """Print figure by figure: too many columns for a terminal, and a number must stand beside its name."""
    heads = log_audit.figure_keys(spec)
    width = max(len(name) for name in found.columns)
    for row in found.head(_SHOWN).iter_rows(named=True):
        typer.echo("  ".join(str(row[name]) for name in heads))
        for name in found.columns:
            if name not in heads:
                shown = from_micros(row[name]).isoformat() if name == "as_of" else _shown(row[name])
                typer.echo(f"  {name:<{width}}  {shown}")
        for name, (part, whole) in spec.rates.items():
            if row[whole]:
                typer.echo(f"  {name:<{width}}  {row[part] / row[whole]:.4f}")
    if len(found) > _SHOWN:
        typer.echo(f"+{len(found) - _SHOWN} (--json)", err=True)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)

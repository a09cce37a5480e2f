"""The commands `schemas check` and `schemas push`, for the `simpul` command to register.

Findings go to stdout, words to stderr; Indonesian first. Exit codes: 0 nothing found, 1 findings, 2 usage, 3 the
registry does not answer.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from simpul_schemas import gate
from simpul_schemas.columns_probe import NoDecoder
from simpul_schemas.connection import open_registry
from simpul_schemas.errors import SettingsError
from simpul_schemas.gate import Located
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.settings import load_settings
from simpul_schemas.stdout import print_json
from simpul_schemas.subjects import ContractSchema, contract_schemas

REGISTRY = "registry"

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


def check(
    against: Annotated[
        str,
        typer.Option(
            metavar="registry|GITREF",
            help="Pembanding: registri, atau rujukan git. / What to compare with: the registry, or a git ref.",
        ),
    ] = REGISTRY,
    as_json: Json = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Periksa skema kontrak terhadap semua versi terdahulu. / Check the contract's schemas against all earlier ones."""
    entries = contract_schemas()
    if against == REGISTRY:
        with _registry() as registry:
            found = gate.check_held(entries, gate.read_registry(entries, registry))
    else:
        found = gate.check_git(entries, against)
    _end_with([*_alone(entries), *found], as_json=as_json)
    if as_json:
        print_json({"findings": []})
    else:
        _say(
            f"Tidak ada temuan: {len(entries)} skema terhadap {against}.",
            f"Nothing found: {len(entries)} schemas against {against}.",
        )


def push(
    as_json: Json = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Periksa, lalu daftarkan skema yang belum ada di registri. / Check, then register what the registry lacks."""
    entries = contract_schemas()
    with _registry() as registry:
        held = gate.read_registry(entries, registry)
        _end_with([*_alone(entries), *gate.check_held(entries, held)], as_json=as_json)
        done = gate.push(entries, registry, held)
    if as_json:
        print_json(
            {
                "findings": [],
                "level_before": done.level_before,
                "level": gate.LEVEL,
                "registered": list(done.registered),
                "unchanged": done.unchanged,
            }
        )
        return
    for subject in done.registered:
        typer.echo(subject)
    _say(
        f"{len(done.registered)} subjek didaftarkan, {done.unchanged} sudah ada; kecocokan {gate.LEVEL} "
        f"(semula {done.level_before}).",
        f"{len(done.registered)} subjects registered, {done.unchanged} were there; compatibility {gate.LEVEL} "
        f"(was {done.level_before}).",
    )


def _alone(entries: Sequence[ContractSchema]) -> list[Located]:
    """Judge each schema by itself; where no columnar decoder is installed, say that it was not asked."""
    try:
        return gate.check_alone(entries)
    except NoDecoder:
        _say(
            "Pengurai kolom tidak terpasang, jadi tidak ditanya; pasang 'simpul[processors]'.",
            "No columnar decoder is installed, so it was not asked; install 'simpul[processors]'.",
        )
        return gate.check_alone(entries, ask_decoder=lambda schemas: [None] * len(schemas))


@contextmanager
def _registry() -> Iterator[HttpRegistry]:
    """Connect to the registry of the settings, without its answers of yesterday; the gate asks what is there now."""
    settings = load_settings().registry
    if not settings.url:
        raise SettingsError(
            "Pengaturan 'registry.url' kosong; jalankan 'simpul up', isi SIMPUL__REGISTRY__URL, atau pakai "
            "'--against GITREF'.",
            "The setting 'registry.url' is empty; run 'simpul up', set SIMPUL__REGISTRY__URL, or use "
            "'--against GITREF'.",
        )
    registry = open_registry(settings)
    try:
        yield registry
    finally:
        registry.close()


def _end_with(found: Sequence[Located], *, as_json: bool) -> None:
    """Show findings and exit with 1, if there are any."""
    if not found:
        return
    if as_json:
        print_json({"findings": [located.document() for located in found]})
    else:
        for located in found:
            typer.echo(_sentence(located))
        _say(f"Temuan: {len(found)}.", f"Findings: {len(found)}.")
    raise typer.Exit(1)


def _sentence(located: Located) -> str:
    finding, against = located.finding, located.against
    lines = [f"{located.schema} {finding.path}: {finding.advice.meaning} [{finding.rule}]"]
    if against:
        more = f" (+{len(against) - 1})" if len(against) > 1 else ""
        lines.append(f"  terhadap / against: {against[0]}{more}")
    for word, piece in (("semula / before", finding.before), ("kini / after", finding.after)):
        if piece is not None:
            lines.append(f"  {word}: {json.dumps(piece)}")
    return "\n".join([*lines, f"  perbaikan / fix: {finding.fix}"])


def _say(indonesian: str, english: str) -> None:
    typer.echo(f"{indonesian} / {english}", file=sys.stderr)

"""The commands `simpul worker` and `simpul views`."""

import json
import logging
import os
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from simpul_processors.heap import share_one_heap
from simpul_schemas.connection import connect_from_settings
from simpul_schemas.figures import VIEW_SPECS, Named, ViewSpec, view_spec
from simpul_schemas.topics import partial_topic, view_topic


def worker(
    name: Annotated[
        str | None, typer.Option(help="Nama pekerja di mesin ini. / Name of the worker on this machine.")
    ] = None,
    max_records: Annotated[
        int, typer.Option(min=1, help="Rekaman terbanyak per kelompok. / Records per batch at most.")
    ] = 50_000,
    verbose: Annotated[bool, typer.Option("--verbose", help="Catat tiap kelompok. / Log every batch.")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Jalankan pekerja yang menghitung angka. / Run a worker that folds events into figures.

    Several workers share the partitions. Example: simpul worker --name pagi
    """
    share_one_heap()  # before what is imported below starts threads
    # A worker is meant for one core; polars and numpy read this when they are imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from simpul_processors.app import WorkerSettings, run_worker  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.lock import claim_folder  # noqa: PLC0415  # the same
    from simpul_processors.worker import Limits  # noqa: PLC0415  # the same
    from simpul_schemas.signing import signer_from_settings  # noqa: PLC0415  # the same

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("simpul_processors").setLevel(logging.INFO if verbose else logging.WARNING)
    connection = connect_from_settings()
    claim = claim_folder(connection.settings.data_dir / "workers", name)
    run_worker(
        WorkerSettings(
            connection.bootstrap_servers,
            connection.registry,
            claim.folder,
            Limits(max_records=max_records),
            signer_from_settings(connection.settings),
            connection.kafka_options,
        )
    )


def views(
    name: Annotated[str | None, typer.Argument(help="Nama tampilan; tanpa nama: semua. / A view; default all.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Daftar tampilan: apa yang dihitung, dari apa, per apa. / List the views: what is counted, of what, by what.

    Needs no connection. Examples: simpul views | simpul views incident | simpul views --json
    """
    specs = [view_spec(name)] if name else list(VIEW_SPECS.values())
    if json_output:
        typer.echo(json.dumps({"views": [_document(spec) for spec in specs]}, ensure_ascii=False))
        return
    typer.echo("\n\n".join(_described(spec) if name else _summarised(spec) for spec in specs))


def _periods(spec: ViewSpec) -> str:
    return ", ".join(spec.periods) or "-"


def _summarised(spec: ViewSpec) -> str:
    return "\n".join(
        (
            f"{spec.name}: {spec.doc}",
            f"  peristiwa / events    {spec.event_type}",
            f"  periode / periods     {_periods(spec)}",
            f"  dimensi / dimensions  {_names(spec.dimensions)}",
            f"  ukuran / measures     {_names(spec.measures)}",
            f"  rasio / rates         {', '.join(spec.rates) or '-'}",
            f"  topik / topic         {view_topic(spec.name)}",
        )
    )


def _described(spec: ViewSpec) -> str:
    width = max(len(one.name) for one in (*spec.dimensions, *spec.measures))
    reported, expected = spec.coverage
    return "\n".join(
        (
            _summarised(spec),
            f"  cakupan / coverage    {reported} / {expected}",
            "Dimensi / dimensions",
            *(f"  {one.name:<{width}}  {one.doc}" for one in spec.dimensions),
            "Ukuran / measures",
            *(f"  {one.name:<{width}}  {one.doc}" for one in spec.measures),
            *(["Rasio / rates"] if spec.rates else []),
            *(f"  {name} = {part} / {whole}" for name, (part, whole) in spec.rates.items()),
        )
    )


def _names(named: Iterable[Named]) -> str:
    return ", ".join(one.name for one in named)


def _document(spec: ViewSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "doc": spec.doc,
        "event_type": spec.event_type,
        "periods": list(spec.periods),
        "adds_up": spec.adds_up,
        "dimensions": [{"name": one.name, "doc": one.doc} for one in spec.dimensions],
        "measures": [{"name": one.name, "doc": one.doc} for one in spec.measures],
        "coverage": {"reported": spec.coverage[0], "expected": spec.coverage[1]},
        "rates": {name: {"numerator": part, "denominator": whole} for name, (part, whole) in spec.rates.items()},
        "topic": view_topic(spec.name),
        "partial_topic": partial_topic(spec.name),
    }

"""The `simpul worker` command."""

import logging
from typing import Annotated

import typer

from simpul_schemas.connection import client_options, connect_from_settings


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
    from simpul_processors.app import WorkerSettings, run_worker  # noqa: PLC0415  # heavy; only when it is run
    from simpul_processors.lock import claim_folder  # noqa: PLC0415  # the same
    from simpul_processors.worker import Limits  # noqa: PLC0415  # the same

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
            client_options(connection.settings.kafka),
        )
    )

"""A worker process as it is run, with one stage and a gate: it joins its group, and begins when stdin says so.

    python -m tests.bench.fold_worker BOOTSTRAP REGISTRY STORES VIEW STAGE [MAX_RECORDS]

STAGE is `partial` or `figure`. Tells on stdout when the first batch came, in milliseconds since the epoch.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from simpul_processors import app
from simpul_processors.app import WorkerSettings, run_worker
from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits
from simpul_schemas.kafka_log import GroupReader
from simpul_schemas.log import Block
from simpul_schemas.registry import CachedRegistry, HttpRegistry
from simpul_schemas.signing import load_or_make_signer


class GatedReader(GroupReader):
    """Hands nothing out before stdin brings a line."""

    _open = False

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        if not GatedReader._open:
            await asyncio.to_thread(sys.stdin.readline)
            GatedReader._open = True
        blocks = await super().read(max_records, timeout_seconds)
        if blocks and not _STARTED:
            _STARTED.append(time.time())
            sys.stdout.write(f"{time.time() * 1000:.0f}\n")
            sys.stdout.flush()
        return blocks


_STARTED: list[float] = []


def main(arguments: Sequence[str]) -> None:
    bootstrap_servers, registry_url, stores, view, stage, *more = arguments
    folder = Path(stores)
    folder.mkdir(parents=True, exist_ok=True)
    settings = WorkerSettings(
        bootstrap_servers,
        CachedRegistry(HttpRegistry(registry_url), folder / "cache", registry_url),
        folder,
        Limits(max_records=int(more[0])) if more else Limits(),
        load_or_make_signer(folder / "keys" / "receipts.pem"),
    )
    makers = {
        "partial": partial(PartialStage, VIEWS[view], settings.registry, settings.signer),
        "figure": partial(FigureStage, VIEWS[view].spec, settings.registry),
    }
    app.GroupReader = GatedReader  # type: ignore[misc]  # the gate
    run_worker(settings, [makers[stage]])


if __name__ == "__main__":
    main(sys.argv[1:])

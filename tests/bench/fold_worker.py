"""A worker process as it is run, with one stage and a gate: it joins its group, and begins when stdin says so.

    python -m tests.bench.fold_worker BOOTSTRAP REGISTRY STORES VIEW STAGE [TAG PROVINCES]

STAGE is `partial` or `both`. With a tag the first stage is one of its own (its group and its store are named by it)
and reads only the provinces given. Tells on stdout when the first batch came, in milliseconds since the epoch.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.bus import WORKSHOP

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
from simpul_schemas.topics import event_topic


class GatedReader(GroupReader):
    """Hands nothing out before stdin brings a line."""

    _gate: "asyncio.Task[str] | None" = None

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        if GatedReader._gate is None:
            GatedReader._gate = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        await asyncio.wait([GatedReader._gate])
        blocks = await super().read(max_records, timeout_seconds)
        if blocks and not _STARTED:
            _STARTED.append(time.time())
            sys.stdout.write(f"{time.time() * 1000:.0f}\n")
            sys.stdout.flush()
        return blocks


_STARTED: list[float] = []


def partial_stage(settings: WorkerSettings, view: str, tag: str = "", provinces: str = "") -> PartialStage:
    stage = PartialStage(VIEWS[view], settings.registry, settings.signer)
    if tag:
        stage.name += f".{tag}"
        stage.topics = [event_topic(province, VIEWS[view].spec.event_type) for province in provinces.split(",")]
    return stage


def main(arguments: Sequence[str]) -> None:
    bootstrap_servers, registry_url, stores, view, stage, *lanes = arguments
    folder = Path(stores)
    folder.mkdir(parents=True, exist_ok=True)
    settings = WorkerSettings(
        bootstrap_servers,
        CachedRegistry(HttpRegistry(registry_url), WORKSHOP / "cache", registry_url),
        folder,
        Limits(),
        load_or_make_signer(folder / "keys" / "receipts.pem"),
    )
    first = partial(partial_stage, settings, view, *lanes)
    second = partial(FigureStage, VIEWS[view].spec, settings.registry)
    app.GroupReader = GatedReader  # type: ignore[misc]  # the gate
    run_worker(settings, [first, second] if stage == "both" else [first])


if __name__ == "__main__":
    main(sys.argv[1:])

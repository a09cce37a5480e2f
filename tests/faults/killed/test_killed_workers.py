"""20,000 events, three `kill -9` while they are worked on: none is lost and none counts twice, and the harness can see.

The same killer is set on a stock Faust table, which loses events or counts them twice; a harness that found nothing
there would be blind.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simpul_deploy import bus
from simpul_deploy.demo.children import simpul
from simpul_processors.app import consumer_group
from simpul_processors.partial_stage import input_topics
from simpul_schemas.figures import PARTICIPATION
from simpul_schemas.topics import TopicSpec, partial_topic

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

#: More by hand: SIMPUL_TEST_SEEDS=20 SIMPUL_TEST_KILLS=10.
SEEDS = int(os.environ.get("SIMPUL_TEST_SEEDS", "5"))
KILLS = int(os.environ.get("SIMPUL_TEST_KILLS", "3"))
EVENTS = 20_000
#: Half as many for stock Faust, which is sixty times slower.
EVENTS_OF_FAUST = 10_000
#: Kills of a stock Faust table, round by round, until it is wrong; one that is right after all of them would be news.
ROUNDS_OF_FAUST = (3, 3, 2)
#: The groups of a worker's two stages, and what they read.
GROUPS = {
    consumer_group("participation.partial"): input_topics(PARTICIPATION),
    consumer_group("participation.figure"): [partial_topic(PARTICIPATION.name)],
}


def differences(found: Mapping[str, Any], truth: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is wrong, by region: found and true."""
    regions = sorted({*found, *truth})
    return {each: (found.get(each), truth.get(each)) for each in regions if found.get(each) != truth.get(each)}


@pytest.fixture(scope="module")
def environment(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("worker")
    return {
        "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "SIMPUL__REGISTRY__URL": servers.registry_url,
        "SIMPUL__DATA_DIR": str(folder),
        "SIMPUL__CACHE_DIR": str(folder / "cache"),
    }


@pytest.fixture(scope="module")
def worker(servers: Any, kit: Any, environment: dict[str, str], schema_id: int) -> Iterator[Any]:
    program = [
        "simpul_processors.app,faust.app,faust.worker,typer",
        *simpul("worker", "--name", "w", "--max-records", "100")[2:],
    ]
    log = Path(environment["SIMPUL__DATA_DIR"]) / "worker.log"
    killed = kit.killed(servers, program, environment, GROUPS, log)
    with killed.running():
        yield killed


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_worker_killed_three_times_at_work_loses_no_event_and_counts_none_twice(
    servers: Any, kit: Any, worker: Any, send: Callable[..., None], schema_id: int, seed: int
) -> None:
    chance = random.Random(seed)
    election = f"uji-{seed}-{time.time_ns()}"
    events = kit.make_events(chance, election, EVENTS, schema_id)
    run = kit.run(worker, events, send, chance, before=worker.records())
    run.kill_and_finish(KILLS)
    run.wait_until(lambda: worker.behind() == 0)
    assert differences(kit.published(servers.bootstrap_servers, election), kit.recomputed(events)) == {}
    assert len(run.struck) == KILLS
    assert all(0 < at < EVENTS for at in run.struck), run.struck


def test_the_audit_finds_every_record_counted_and_told_after_all_these_kills(
    kit: Any, worker: Any, environment: dict[str, str]
) -> None:
    assert worker.behind() == 0
    found = subprocess.run(
        simpul("audit", "--view", "participation", "--json"),
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        timeout=kit.patience_seconds,
    )
    checks = {check["check"]: check for check in json.loads(found.stdout)["checks"]}
    assert set(checks) == {"offsets", "receipts = log", "log = figures", "log = store w"}
    assert checks["offsets"]["compared"] == checks["receipts = log"]["compared"] == worker.records()
    if "SIMPUL_TEST_KAFKA" in os.environ:  # servers that are used again hold receipts under the keys of other workers
        del checks["receipts = log"]
    assert [check for check in checks.values() if not check["holds"]] == []


def test_the_same_killer_finds_what_a_stock_faust_table_loses_or_counts_twice(
    servers: Any, kit: Any, send: Callable[..., None], schema_id: int, tmp_path: Path
) -> None:
    chance = random.Random(1)
    name, table = f"uji-faust-{time.time_ns()}", tmp_path / "table.json"
    bus.ensure_topics(servers.bootstrap_servers, [TopicSpec(name, 1, {})])
    peer = {"app": name, "bootstrap": servers.bootstrap_servers, "topic": name, "schema": kit.kind.schema}
    script = str(kit.peers / "stock_faust.py")
    counter = kit.killed(
        servers,
        ["faust.app,faust.cli.worker,fastavro", script, f"--datadir={tmp_path / 'faust'}", "worker", "--loglevel=warn"],
        {"PEER": json.dumps({**peer, "table": str(table)})},
        {name: [name]},
        tmp_path / "faust.log",
    )

    truth: Counter[str] = Counter()
    struck: list[list[int]] = []
    with counter.running():
        for kills in ROUNDS_OF_FAUST:
            events = kit.make_events(chance, name, EVENTS_OF_FAUST, schema_id)
            run = kit.run(counter, events, partial(send, topic=name), chance, before=truth.total())
            run.kill_and_finish(kills)
            truth.update(event.region for event in events)
            struck.append(run.struck)
            shown = time.time()
            run.wait_until(lambda: table.stat().st_mtime > shown)  # noqa: B023  # waited for at once
            counted = json.loads(table.read_text(encoding="utf-8"))
            if wrong := differences(counted, truth):
                off = sum(counted.values()) - truth.total()
                sys.stdout.write(f"stock Faust, killed at {struck}: {off:+} of {truth.total()}, {wrong}\n")
                return
    pytest.fail(f"a stock Faust table came through unharmed, the harness is blind; killed at {struck}")

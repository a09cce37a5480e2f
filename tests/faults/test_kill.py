"""Processes are killed and frozen while they work; the tables end as the raw files say, and the tie-out holds."""

import gzip
import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from simpul_deploy.local.ports import PortWishes

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

#: Distinct accepted events of the extract; the referee is asked in each test as well.
ALL = 21_345


@pytest.fixture
def seed() -> int:
    """Another one in every run, unless SIMPUL_TEST_SEED names one; pytest shows it where the test fails."""
    found = int(os.environ.get("SIMPUL_TEST_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"SIMPUL_TEST_SEED={found}\n")
    return found


def test_workers_sinks_and_imports_killed_at_work_lose_nothing_and_count_nothing_twice(
    harness: Any, tmp_path: Path, seed: int
) -> None:
    with harness.open_bench(tmp_path, seed, workers=1, max_records=100) as bench:
        events, figures = harness.sinks

        def kill_imports() -> None:
            for look, start, end in ((bench.taken, 1_000, ALL), (bench.sent, 1, 16_000)):
                moment = bench.chance.randrange(start, end)
                with look() as reached:
                    while (at := reached()) < moment:
                        bench.breathe()
                    bench.strike("import", bench.import_pid, at)

        with (
            closing(harness.membership(bench.running.endpoints.bootstrap_servers)) as membership,
            bench.folded() as folded,
            bench.stored(events) as stored_events,
            bench.stored(figures) as stored_figures,
            bench.side_by_side() as submit,
        ):
            importing = submit(bench.import_all)
            submit(kill_imports)
            submit(bench.kill_along, "worker-0", folded, bench.moments(12, 18_000), membership.evict)
            submit(bench.kill_along, events, stored_events, bench.moments(3, 12_000))
            submit(bench.kill_along, figures, stored_figures, bench.moments(3, 500))
        bench.running.wait()
        assert harness.wrong(bench, importing.result()) == [], seed
        assert len(bench.struck("worker-0")) == 12
        assert all(0 < at < ALL for at in bench.struck("worker-0")), seed
        # This sink takes all there is in one go, so that it may have come to the end by the later kills.
        assert 0 < min(bench.struck(events)) < ALL, seed
        assert len(bench.struck(events)) == len(bench.struck(figures)) == 3
        assert bench.broken_imports == len(bench.struck("import")) == 2
        with bench.stored(figures) as stored:
            assert all(0 < at < stored() for at in bench.struck(figures)), seed


def slices(source: Path, count: int, folder: Path) -> list[Path]:
    """Deal the rows of a file out to several."""
    header, *rows = gzip.decompress(source.read_bytes()).decode().splitlines(keepends=True)
    paths = [folder / f"{number}-{source.stem}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(header + "".join(rows[number::count]), encoding="utf-8")
    return paths


def test_partitions_that_move_to_and_fro_and_a_worker_that_wakes_from_the_dead_change_no_figure(
    harness: Any, tmp_path: Path, seed: int
) -> None:
    with (
        harness.open_bench(tmp_path / "stack", seed, workers=1, max_records=25) as bench,
        closing(harness.membership(bench.running.endpoints.bootstrap_servers)) as membership,
        bench.folded() as folded,
    ):
        originals, corrections = bench.files
        *parts, last = slices(originals, 3, tmp_path)

        def shared() -> bool:
            lanes = membership.lanes()
            return len(lanes) == 2 and all(lanes.values())

        def alone() -> bool:
            return len(membership.lanes()) == 1

        bench.wait_until(alone)
        stays = {group: membership.members(group) for group in harness.groups}
        bench.add_worker("worker-1")
        bench.wait_until(shared)
        before = 0
        for number, part in enumerate(parts, start=1):
            end = harness.oracle.truth(parts[:number]).accepted
            with bench.side_by_side() as submit:
                submit(bench.import_all, [part])
                bench.wait_until(lambda before=before: folded() > before)
                bench.strike("worker-1", lambda: bench.child_pid("worker-1"), folded())
                assert before < bench.struck("worker-1")[-1] < end, seed
                membership.evict(stays)
                bench.wait_until(alone)
                bench.running.children.keep_running()
                bench.wait_until(shared)
            bench.running.wait()
            before = end

        pids = dict(bench.running.children.pids)
        with bench.side_by_side() as submit:
            submit(bench.import_all, [last, corrections])
            # Frozen is one that has work, for longer than the broker's patience, until the other has done all of it.
            bench.wait_until(lambda: max(membership.behind().values(), default=0) > 200)
            behind = membership.behind()
            most = max(behind, key=lambda member: behind[member])
            frozen = "worker-0" if most in stays[harness.groups[0]] else "worker-1"
            bench.strike(frozen, lambda: pids[frozen], folded(), signal.SIGSTOP)
            assert bench.struck(frozen)[-1] < ALL, seed
            bench.wait_until(alone)
            assert most not in membership.lanes()
            bench.wait_until(lambda: folded() == ALL)
            os.kill(pids[frozen], signal.SIGCONT)
            bench.wait_until(shared)
        bench.running.wait()
        assert bench.running.children.pids == pids, "it went on, and was not started anew"
        assert harness.wrong(bench, bench.import_all()) == [], seed


def test_a_broker_killed_while_it_is_written_to_and_while_it_is_read_costs_nothing(
    harness: Any, tmp_path: Path, seed: int
) -> None:
    with harness.open_bench(tmp_path, seed, workers=1, max_records=100) as bench:

        def kill_broker_at(moment: int, reached: Callable[[], int]) -> int:
            bench.keep_until(lambda: reached() >= moment)
            at = reached()
            (pid,) = (service.pid for service in bench.stack.status() if service.name == "kafka")
            broker = psutil.Process(pid)
            bench.strike("kafka", lambda: broker.pid, at)
            broker.wait()  # it takes the kernel a moment to give its port back
            _, port = bench.running.endpoints.bootstrap_servers.split(":")
            found = bench.stack.up(ports=PortWishes(kafka=int(port)))
            assert found.endpoints == bench.running.endpoints
            assert found.started == ("kafka",)
            return at

        with bench.side_by_side() as submit:
            importing = submit(bench.import_all)
            with bench.sent() as sent:
                at = kill_broker_at(bench.chance.randrange(1, 12_000), sent)
            with bench.folded() as folded:  # which cannot have come farther than what was sent
                kill_broker_at(bench.chance.randrange(at, 18_000), folded)
        bench.running.wait()
        assert harness.wrong(bench, importing.result()) == [], seed
        assert len(bench.struck("kafka")) == 2
        assert all(0 < at < ALL for at in bench.struck("kafka")), seed

"""Processes are killed and frozen while they work; the tables end as the raw files say, and the tie-out holds."""

import gzip
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
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


def slices(source: Path, count: int, folder: Path) -> list[Path]:
    """Deal the rows of a file out to several."""
    header, *rows = gzip.decompress(source.read_bytes()).decode().splitlines(keepends=True)
    paths = [folder / f"{number}-{source.stem}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(header + "".join(rows[number::count]), encoding="utf-8")
    return paths


def test_workers_sinks_and_imports_killed_at_work_lose_nothing_and_count_nothing_twice(
    harness: Any, tmp_path: Path, seed: int
) -> None:
    with harness.open_bench(tmp_path / "stack", seed, workers=1, max_records=100) as bench:
        events, figures = harness.sinks
        originals, corrections = bench.files
        first, second, last = slices(originals, 3, tmp_path)

        def import_until_broken_twice(files: Sequence[Path]) -> None:
            bench.import_all(files)
            while bench.broken_imports < 2:
                bench.import_all(files)

        def kill_imports(end: int) -> None:
            for look in (bench.taken, bench.sent):
                moment = bench.chance.randrange(1, end)
                with look() as reached:
                    while (at := reached()) < moment:
                        bench.breathe()
                    bench.strike("import", bench.import_pid, at)

        with (
            closing(harness.membership(bench.running.endpoints.bootstrap_servers)) as membership,
            bench.folded() as folded,
            bench.stored(events) as stored_events,
            bench.stored(figures) as stored_figures,
        ):
            before = 0
            # A part is held back until the one before it has seen its kills, so that work lies behind every kill
            # however quick or slow the machine is.
            for number, (worker_kills, sink_kills) in enumerate([(8, 2), (4, 1)], start=1):
                parts = [first, second][:number]
                truth = harness.oracle.truth(parts)
                with bench.side_by_side() as submit:
                    if number == 1:
                        submit(import_until_broken_twice, parts)
                        submit(kill_imports, truth.accepted // 2)
                    else:
                        submit(bench.import_all, parts[-1:])
                    moments = bench.moments(worker_kills, before, truth.accepted)
                    submit(bench.kill_along, "worker-0", folded, moments, membership.evict)
                    submit(bench.kill_along, events, stored_events, bench.moments(sink_kills, before, truth.accepted))
                    at = stored_figures()
                    moments = bench.moments(sink_kills, at, at + (len(truth.figures) if number == 1 else 2))
                    submit(bench.kill_along, figures, stored_figures, moments)
                before = truth.accepted
            bench.import_all([last, corrections])
            bench.running.wait()
            end = stored_figures()
        assert harness.wrong(bench, bench.import_all()) == [], seed
        struck = [bench.struck(name) for name in ("worker-0", events, figures, "import")]
        assert [len(each) for each in struck] == [12, 3, 3, 2]
        assert bench.broken_imports == 2
        assert all(0 < at < ALL for at in struck[0] + struck[1]), seed
        assert all(0 < at < end for at in struck[2]), seed


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
    with harness.open_bench(tmp_path / "stack", seed, workers=1, max_records=100) as bench:

        def kill_broker_at(moment: int, reached: Callable[[], int]) -> None:
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

        originals, corrections = bench.files
        first, last = slices(originals, 2, tmp_path)
        with bench.side_by_side() as submit:
            submit(bench.import_all, [first])
            with bench.sent() as sent:
                kill_broker_at(bench.chance.randrange(1, ALL // 4), sent)
            with bench.folded() as folded:  # which cannot have come farther than what was sent
                kill_broker_at(bench.chance.randrange(1, ALL // 3), folded)
            # The second half is held back until now, so that both kills had work behind them.
            submit(bench.import_all, [last, corrections])
        bench.running.wait()
        assert harness.wrong(bench, bench.import_all()) == [], seed
        assert len(bench.struck("kafka")) == 2
        assert all(0 < at < ALL for at in bench.struck("kafka")), seed

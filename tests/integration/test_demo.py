"""`simpul demo` as its users start it: what it prints is what the raw files say, and it leaves nothing behind."""

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from simpul_deploy.local import processes
from simpul_deploy.local.stack import Stack
from simpul_deploy.local.state import State

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

SIMPUL = Path(sys.executable).with_name("simpul")
EXTRACT = Path(__file__).parents[2] / "deploy/simpul_deploy/demo/data"
#: Without any sign of what is waited for, so long, something is wrong.
PATIENCE_SECONDS = 120.0


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).parents[1] / "oracle/polling_stations.py")


def folders() -> list[Any]:
    """The extract, and the full data where the environment names it."""
    found = [pytest.param(EXTRACT, id="extract")]
    if named := os.environ.get("SIMPUL_REAL_DATA"):
        found.append(pytest.param(Path(named), id="full"))
    return found


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("pilpres2024_tps*.csv*"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    def document(self) -> dict[str, Any]:
        """The one JSON document that stdout must be; anything around it is an error."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found


class Home:
    """Where the demos of one test keep their data, and how their processes are known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = os.environ | {"XDG_DATA_HOME": str(folder)}
        self._stack = Stack("demo", data_root=folder / "simpul")

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A demo as a terminal starts it: in a process group of its own, to which Ctrl-C goes."""
        process = subprocess.Popen(
            [str(SIMPUL), "demo", "--once", "--json", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, *arguments: str) -> Ended:
        with self.start(*arguments) as process:
            return self.end(process)

    @staticmethod
    def end(process: subprocess.Popen[str]) -> Ended:
        stdout, stderr = process.communicate(timeout=10 * PATIENCE_SECONDS)
        return Ended(process.returncode, stdout, stderr)

    def events(self, state: int) -> int:
        """How many events lie in the outbox in a state: 0 is waiting, 1 is sent."""
        path = self._stack.client_data / "outbox.db"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as outbox:
            try:
                (found,) = outbox.execute("SELECT count(*) FROM events WHERE state = ?", [state]).fetchone()
            except sqlite3.OperationalError:  # it is being made
                return 0
        return int(found)

    def programs(self) -> list[str]:
        """The command lines of all processes that were started from this home, but for the stack's own."""
        found = []
        for process in psutil.process_iter(["environ", "cmdline", "status"]):
            environment = process.info["environ"] or {}
            mine = environment.get("XDG_DATA_HOME") == str(self._folder)
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or ()))
        return found

    def servers(self) -> list[str]:
        """The stack's processes that run."""
        return sorted(processes.find([service.mark for service in self._stack._services(State.new())]))

    def clean_up(self) -> None:
        self._stack.down(purge=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    try:
        yield made
        assert made.programs() == []
        assert made.servers() == []
    finally:
        made.clean_up()


def check(ended: Ended, files: list[Path]) -> None:
    """Compare every number of a demo's document with what the raw files say."""
    assert ended.code == 0, ended.stderr
    truth = oracle.truth(files)
    document = ended.document()
    provinces = [{"code": code, **figure} for code, figure in truth.level("province").items()]
    assert document["tie_out"] is True
    assert [found for found in document["checks"] if not found["holds"]] == []
    assert document["nation"] == truth.level("nation")["ID"]
    assert document["provinces"] == provinces
    assert document["refused_by_code"] == truth.refused_by_code
    numbers = {
        "rows_read": truth.rows_read,
        "published": truth.accepted,
        "unchanged": truth.unchanged,
        "accepted": truth.accepted,
        "refused": truth.refused,
        "refused_at_source": truth.refused,
        "quarantined": 0,
        "superseded": truth.superseded,
        "stored": truth.stored,
    }
    assert {name: document[name] for name in numbers} == numbers
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("folder", folders())
def test_the_demo_prints_what_the_raw_files_say(home: Home, folder: Path) -> None:
    arguments = () if folder == EXTRACT else ("--data", str(folder))
    check(home.run(*arguments), files_of(folder))


def test_two_workers_print_the_same_also_of_rows_at_the_edges_of_the_rules(home: Home, tmp_path: Path) -> None:
    for path in files_of(EXTRACT):
        (tmp_path / path.name).symlink_to(path)
    oracle.write_file(tmp_path / "pilpres2024_tps_tepi.csv", oracle.HARD_ROWS)
    check(home.run("--data", str(tmp_path), "--workers", "2"), files_of(tmp_path))


def wrong_columns(folder: Path) -> None:
    (folder / "pilpres2024_tps.csv").write_text("kolom,lain\n1,2\n", encoding="utf-8")


def no_gzip(folder: Path) -> None:
    (folder / "pilpres2024_tps.csv.gz").write_text("bukan gzip\n", encoding="utf-8")


def nothing(folder: Path) -> None:
    (folder / "lain.csv").write_text("lain\n", encoding="utf-8")


@pytest.mark.parametrize("make", [nothing, no_gzip, wrong_columns])
def test_a_folder_that_cannot_be_imported_is_said_in_one_sentence_before_anything_is_started(
    home: Home, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path)
    ended = home.run("--data", str(tmp_path))
    assert ended.code == 2, ended.stderr
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert home.servers() == []


def test_ctrl_c_in_the_middle_of_an_import_ends_everything_without_a_traceback(home: Home) -> None:
    with home.start() as process:
        until(lambda: home.events(0) > 0)
        assert any("worker" in program for program in home.programs())
        os.killpg(process.pid, signal.SIGINT)
        ended = home.end(process)
    assert ended.code == 130, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_what_a_killed_demo_had_started_is_gone_and_the_next_demo_is_right(home: Home, tmp_path: Path) -> None:
    with home.start() as process:
        until(lambda: home.events(1) > 0)
        assert home.events(0) > 0, "killed too late to be in the middle"
        process.kill()
        process.wait()
    until(lambda: home.programs() == [])
    oracle.write_file(tmp_path / "pilpres2024_tps.csv", oracle.HARD_ROWS)
    # Other rows than before, so that whatever the first run may still send would be seen.
    check(home.run("--data", str(tmp_path)), files_of(tmp_path))

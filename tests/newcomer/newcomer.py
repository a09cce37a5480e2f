"""A newcomer, scripted: from an empty virtual environment to the first receipt, with the time each step took.

    make newcomer

Builds the wheel, installs it as a user would, starts a bus of its own and one worker, and connects a region. The time
is told, never judged; most of it is download where nothing is in a cache yet. Exits with what `simpul connect` said:
0 with an accepted test event, 4 where no worker that signs receipts answered.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGION, SYSTEM = "53.13", "sitimdu.53.13"


def main() -> int:
    """Do it all, and print one JSON document with the seconds of each step."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        sys.stderr.write(f"{step} ...\n")
        started = time.monotonic()
        yield
        seconds[step] = round(time.monotonic() - started, 1)

    with tempfile.TemporaryDirectory(prefix="simpul-newcomer-") as name:
        folder = Path(name)
        with timed("build the wheel"):
            run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=ROOT)
        (wheel,) = (folder / "dist").glob("*.whl")
        # From here on a newcomer's own clock runs.
        with timed("virtual environment"):
            venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        with timed("pip install simpul[producers]"):
            run(python, "-m", "pip", "install", "--quiet", f"{wheel}[producers]")
        with timed("pip install simpul[deploy], for a bus to try"):
            run(python, "-m", "pip", "install", "--quiet", f"{wheel}[deploy]")
        simpul = folder / "venv" / "bin" / "simpul"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL")}
        environment |= {"XDG_DATA_HOME": str(folder / "data"), "SIMPUL_INSTANCE": "pendatang"}
        try:
            with timed("simpul up"):
                run(simpul, "up", "--instance", "pendatang", "--json", env=environment)
            worker = subprocess.Popen([simpul, "worker"], env=environment, stderr=subprocess.DEVNULL)
            try:
                with timed("simpul connect, to the first receipt"):
                    done = subprocess.run(
                        [simpul, "connect", "--region", REGION, "--system", SYSTEM, "--json"],
                        env=environment,
                        cwd=folder,
                        stdout=subprocess.PIPE,
                        stdin=subprocess.DEVNULL,
                        check=False,
                    )
            finally:
                worker.terminate()
                worker.wait()
        finally:
            run(simpul, "down", "--instance", "pendatang", "--purge", "--yes", env=environment)
        receipt = json.loads(done.stdout)["receipt"] if done.stdout else None
    newcomer = sum(value for step, value in seconds.items() if step != "build the wheel")
    standing = receipt["standing"] if receipt else None
    document = {"seconds": seconds, "newcomer_seconds": round(newcomer, 1), "receipt": standing}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return done.returncode


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a step; what goes wrong in it ends everything with its own words."""
    subprocess.run([str(part) for part in command], cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

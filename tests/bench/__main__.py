"""Runs benches and writes `build/bench.json`: for each name its ratio, the goal, both absolute rates and the runs.

    python -m tests.bench [WORD ...]     runs those whose module's name holds one of the words; without words all

A bench is a module `bench_<what>.py` beside this one with `run() -> dict | list[dict]`; what it returns is described in
`measure`. Ratios are of runs side by side on one machine at one time; absolute rates say something of that machine
only.
"""

import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULT = HERE.parents[1] / "build" / "bench.json"


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    models = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cores": os.cpu_count(),
        "processor": models[0].split(":", 1)[1].strip() if models else platform.processor(),
        "memory": memory[0].split(":", 1)[1].strip() if memory else "",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_at_start": os.getloadavg()[0],
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def main(words: list[str]) -> int:
    """Run benches one after the other; each one's results are kept as soon as they are there."""
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    chosen = [name for name in names if not words or any(word in name for word in words)]
    if not chosen:
        sys.stderr.write(f"Tidak ada / no bench: {' '.join(words)}; {', '.join(names)}\n")
        return 2
    on = machine()
    missed = 0
    for name in chosen:
        found = importlib.import_module(f"tests.bench.{name}").run()
        for result in [found] if isinstance(found, dict) else found:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            keep(result["name"], {**result, "machine": on, "at": at})
            missed += not result.get("met", True)
            sys.stdout.write(line_of(result))
            sys.stdout.flush()
    sys.stderr.write(f"{RESULT}\n")
    return 1 if missed else 0


def keep(name: str, result: dict[str, Any]) -> None:
    """Put one result among those of earlier runs."""
    RESULT.parent.mkdir(exist_ok=True)
    all_of_them = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    all_of_them[name] = {key: value for key, value in result.items() if key != "name"}
    RESULT.write_text(json.dumps(all_of_them, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def line_of(result: dict[str, Any]) -> str:
    """Write a result as one line for a person."""
    verdict = "" if "met" not in result else ("  tercapai / met" if result["met"] else "  MELESET / MISSED")
    goal = f" (goal {result['goal']:g})" if "goal" in result else ""
    rates = "".join(f"  {key} {result[key]:,.0f}" for key in ("ours", "theirs") if key in result)
    ratio = f"{result['ratio']:.2f}" if "ratio" in result else ""
    return f"{result['name']:24} {ratio}{goal}{rates} {result.get('unit', '')}{verdict}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How many rows a second an import takes into an outbox on disk: polling stations, every check included.

Rows are the real ones where SIMPUL_REAL_DATA names their folder, else those of the demo, numbered anew so often that
the file is as long. A run is measured from the opening of the file to the last commit.
"""

import csv
import gzip
import os
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.sqlite_outbox import SqliteOutbox

NAME = "import_rows_per_second"
GOAL = 20_000
_RUNS = 5
_COPIES = 6
_MAPPING = "pilpres2024_tps"
_DEMO = Path(__file__).parents[2] / "deploy/simpul_deploy/demo/data/pilpres2024_tps.csv.gz"


def run() -> dict[str, Any]:
    """Return the median rate of some runs, each into a fresh outbox: `name, rate, runs, goal, unit, rows, data`."""
    with tempfile.TemporaryDirectory(prefix="simpul-bench-") as folder:
        path, data = _file(Path(folder))
        rows, rates = 0, []
        for number in range(_RUNS):
            rows, seconds = _one(path, Path(folder) / f"outbox{number}.db")
            rates.append(rows / seconds)
    return {
        "name": NAME,
        "rate": round(statistics.median(rates)),
        "runs": [round(rate) for rate in rates],
        "goal": GOAL,
        "unit": "rows/s",
        "rows": rows,
        "data": data,
    }


def _one(path: Path, database: Path) -> tuple[int, float]:
    result = ImportResult()
    with closing(SqliteOutbox(database)) as outbox, RefusalReport(database.with_suffix(".jsonl")) as report:
        importer = Importer(load_mapping(_MAPPING), _MAPPING, outbox, report, lambda: time.time_ns() // 1000)
        start = time.perf_counter()
        importer.run(path, result)
        seconds = time.perf_counter() - start
        # A rate of an import that refuses or repeats everything would be no rate.
        if outbox.counts().pending != result.published or result.published < 0.9 * result.rows_read:
            message = f"not an import as it should be: {result}"
            raise RuntimeError(message)
    return result.rows_read, seconds


def _file(folder: Path) -> tuple[Path, str]:
    named = os.environ.get("SIMPUL_REAL_DATA")
    if named:
        found = sorted(Path(named).glob("pilpres2024_tps_sirekap_*.csv.gz"))
        if found:
            return found[0], "real"
    path = folder / "stations.csv.gz"
    with gzip.open(_DEMO, "rt", encoding="utf-8", newline="") as source:
        header, *rows = csv.reader(source)
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=6) as target:
        writer = csv.writer(target)
        writer.writerow(header)
        place = header.index("kelurahan_desa")
        for copy in range(_COPIES):
            for row in rows:
                # Another village is another station.
                village = str((int(row[place][:4]) + copy * 100) % 10_000).zfill(4)
                writer.writerow([*row[:place], f"{village}{row[place][4:]}", *row[place + 1 :]])
    return path, f"demo x {_COPIES}"


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))  # noqa: T201  # a script's answer

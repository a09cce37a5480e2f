"""Records the shapes of a real Connect worker's answers, which `test_app` holds ours to: for the next version.

python record_connect.py http://127.0.0.1:8083 > connect_4_3_1.json

The worker must run two FileStream sinks: `isi`, which has stored offsets, and `gagal`, whose task has failed (its file
lies in a folder that is not there).
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx

PLUGIN = "org.apache.kafka.connect.file.FileStreamSinkConnector"
READS = (
    *("/", "/health", "/connectors", "/connectors/isi", "/connectors/isi/status", "/connectors/gagal/status"),
    *("/connectors/isi/tasks", "/connectors/isi/tasks/0/status", "/connectors/isi/tasks/9/status"),
    *("/connectors/isi/topics", "/connectors/isi/offsets", "/connectors/nope", "/connectors/nope/status"),
    *("/connectors/nope/config", "/connectors/nope/tasks", "/connectors/nope/topics", "/connectors/nope/offsets"),
    *("/connectors/nope/tasks/0/status", "/bogus", "/connector-plugins", f"/connector-plugins/{PLUGIN}/config"),
    *("/connector-plugins/Nope/config", "/admin/loggers/root", "/connectors?expand=status&expand=info"),
)
COMMANDS = (
    *(("PUT", f"/connectors/nope/{verb}") for verb in ("pause", "resume")),
    *(("POST", f"/connectors/nope/{verb}") for verb in ("restart", "restart?includeTasks=true", "tasks/0/restart")),
    ("POST", "/connectors/isi/tasks/9/restart"),
    ("DELETE", "/"),
    *(("PUT", f"/connectors/isi/{verb}") for verb in ("pause", "resume")),
    *(("POST", f"/connectors/isi/restart{query}") for query in ("", "?includeTasks=true&onlyFailed=true")),
    ("POST", "/connectors/isi/tasks/0/restart"),
    ("PUT", f"/connector-plugins/{PLUGIN}/config/validate"),
)


def shape(value: Any) -> Any:
    """Return the keys and types of a document; of a list the first entry, of a configuration that it is one."""
    if isinstance(value, dict):
        return {key: "map of strings" if key == "config" else shape(found) for key, found in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "boolean", int: "number", str: "string", type(None): "null"}[type(value)]


def record(client: httpx.Client) -> Iterator[tuple[str, dict[str, Any]]]:
    for method, path in (*(("GET", path) for path in READS), *COMMANDS):
        form = {"connector.class": PLUGIN, "name": "isi", "topics": "a"} if path.endswith("validate") else None
        answer = client.request(method, path, json=form)
        body = answer.json() if answer.content else None
        if "expand" in path:
            body = {"{name}": body["isi"]}
        named = path.replace(PLUGIN, "{plugin}").replace("/isi", "/{name}").replace("gagal", "{failed}")
        yield f"{method} {named}", {"status": answer.status_code, "shape": None if body is None else shape(body)}


if __name__ == "__main__":
    with httpx.Client(base_url=sys.argv[1], timeout=30) as worker:
        sys.stdout.write(json.dumps(dict(record(worker)), indent=1) + "\n")

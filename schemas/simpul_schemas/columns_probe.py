"""Asks the columnar decoder itself whether it carries a schema, in a process of its own: it may panic, crash or hang.

The child writes a small batch of made-up records with fastavro, decodes it by `simpul_schemas.columns` and compares.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from simpul_schemas.avro_tree import Array, Enum, Fixed, Map, Primitive, Record, Type, Union, read_tree

#: One child looks at all schemas; each takes milliseconds, the child's imports a second or two.
TIMEOUT_SECONDS = 60.0
#: Exit code of a child on a machine without the columnar packages.
NO_DECODER = 9

_BASIC: dict[str, tuple[object, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "int": (0, 2**31 - 1, -(2**31)),
    "long": (0, 2**63 - 1, -(2**63)),
    "float": (0.0, -1.5),
    "double": (0.1, -1e300),
    "bytes": (b"", b"\x00\xff"),
    "string": ("", "Kabupaten Kepulauan Talaud \N{BLACK STAR}", "\x00"),
}
#: The reach of a calendar is narrower than that of its number: 2 January 1970, 1 March 2024, and before the epoch.
_LOGICAL: dict[str, tuple[object, ...]] = {
    "date": (1, 19_783, -1),
    "timestamp-millis": (86_400_000, 1_709_251_200_000, -1),
    "timestamp-micros": (86_400_000_000, 1_709_251_200_000_000, -1),
}


class NoDecoder(Exception):
    """The columnar packages are not installed here, so there is nobody to ask."""


def probe(schemas: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> list[str | None]:
    """Return for each schema why the decoder does not carry it, or None where it does; raises `NoDecoder`.

    A schema on which the child dies or hangs is not carried; the rest goes to a new child.
    """
    answers: list[str | None] = []
    while len(answers) < len(schemas):
        command = [sys.executable, "-m", "simpul_schemas.columns_probe"]
        text = json.dumps(list(schemas[len(answers) :])).encode()
        try:
            done = subprocess.run(command, input=text, capture_output=True, timeout=timeout_seconds, check=False)  # noqa: S603  # our own module
            output, ending = done.stdout, f"the decoder died (exit {done.returncode})"
            if done.returncode == NO_DECODER:
                raise NoDecoder
        except subprocess.TimeoutExpired as error:
            output, ending = error.stdout or b"", f"the decoder took more than {timeout_seconds:g} s"
        answers += [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
        if len(answers) < len(schemas):
            answers.append(ending)
    return answers


def samples(kind: Type) -> list[Any]:  # noqa: PLR0911  # one return for each kind of type
    """Return values of a type that reach every branch, symbol, and kind of list in it."""
    match kind:
        case Primitive():
            return list(_LOGICAL.get(kind.logical.name if kind.logical else "", _BASIC[kind.kind]))
        case Fixed():
            return [bytes(kind.size)]
        case Enum():
            return list(kind.symbols)
        case Array():
            return [[], samples(kind.items)]
        case Map():
            return [{}, {f"k{number}": value for number, value in enumerate(samples(kind.values))}]
        case Union():
            return [value for branch in kind.branches for value in samples(branch)]
        case Record():
            columns = {field.name: samples(field.type) for field in kind.fields}
            count = max(map(len, columns.values()), default=1)
            return [{name: values[row % len(values)] for name, values in columns.items()} for row in range(count)]


def _objection(schema: str) -> str | None:
    """Return why the decoder of this process does not carry a schema; whatever is raised, also a Rust panic, is why."""
    import fastavro  # noqa: PLC0415  # as below

    from simpul_schemas.columns import ROW, BlockDecoder  # noqa: PLC0415  # only in the child: it may crash

    tree, findings = read_tree(schema)
    if tree is None:
        return findings[0].rule
    parsed = fastavro.parse_schema(json.loads(schema))
    written = samples(tree)
    bodies = []
    for record in written:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, record)
        bodies.append(buffer.getvalue())
    decoded = BlockDecoder(schema).decode(bodies)
    if decoded.malformed:
        return f"refused: {sorted(set(decoded.malformed.values()))}"
    return None if decoded.frame.drop(ROW).to_dicts() == written else "other values came out"


def _answers(schemas: Sequence[str]) -> Iterator[str | None]:
    for schema in schemas:
        try:
            yield _objection(schema)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  # pyruhvro panics with a bare BaseException
            yield f"{type(error).__name__}: {error}"[:300]


def main() -> None:
    """Read a JSON list of schemas from stdin, and answer each with a line as soon as it is known."""
    try:
        import pyruhvro  # noqa: F401, PLC0415  # asked for, not used here
    except ImportError:
        sys.exit(NO_DECODER)
    for answer in _answers(json.loads(sys.stdin.buffer.read())):
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The ways to say how an event is mended: fields set by hand, a whole event from a file, the operator's own script."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simpul_processors.errors import ChangeUnreadable, RepairRefused
from simpul_processors.quarantine_events import Plain, tree_of
from simpul_processors.quarantine_repair import Mend
from simpul_schemas.avro_types import AvroType, Items, Optional, Real, Record, Truth, Whole

_WORDS = {"true": True, "false": False}


def set_fields(event_type: str, assignments: Sequence[str]) -> Mend:
    """Return what sets fields of an event: `killed=2`, `region=73.71`, `items.0.quantity_thousandths=1000`.

    A value is read as the contract's type of its field; `null` empties a field that may be empty.
    """
    parsed = [_parse(event_type, assignment) for assignment in assignments]

    def mend(event: Plain) -> Plain:
        found: Plain = json.loads(json.dumps(event))
        for path, value in parsed:
            _put(found, path, value)
        return found

    return mend


def whole_event(path: Path) -> Plain:
    """Read a whole event: JSON as `quarantine show --json` gives it, or only its `event`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChangeUnreadable(
            f"Berkas '{path}' tidak dapat dibaca sebagai JSON ({error}).", f"'{path}' is no readable JSON ({error})."
        ) from error
    event = document.get("event", document) if isinstance(document, dict) else None
    if not isinstance(event, dict):
        raise ChangeUnreadable(
            f"Berkas '{path}' tidak berisi satu peristiwa; mulai dari 'simpul quarantine show ID --json --unmask'.",
            f"'{path}' holds no event; begin with 'simpul quarantine show ID --json --unmask'.",
        )
    return event


def load_script(path: Path) -> Mend:
    """Run the operator's script in this process and return its function `repair(event) -> event or None`."""
    scope: dict[str, Any] = {"__name__": "simpul_repair", "__file__": str(path)}
    try:
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        exec(code, scope)  # noqa: S102  # it is the operator's own code, and running it is what was asked for
    except OSError as error:
        raise ChangeUnreadable(
            f"Skrip '{path}' tidak dapat dibaca ({error.strerror}).", f"'{path}' cannot be read ({error.strerror})."
        ) from error
    except Exception as error:
        raise ChangeUnreadable(
            f"Skrip '{path}' gagal: {error!r}.", f"The script '{path}' failed: {error!r}."
        ) from error
    found = scope.get("repair")
    if not callable(found):
        raise ChangeUnreadable(
            f"Skrip '{path}' tidak mempunyai fungsi repair(event).", f"'{path}' has no function repair(event)."
        )

    def mend(event: Plain) -> Plain | None:
        answer = found(event)
        if answer is not None and not isinstance(answer, dict):
            message = f"repair() returned {type(answer).__name__}"
            raise TypeError(message)
        return answer

    return mend


def apply(mend: Mend, name: str, event: Plain) -> Plain | None:
    """Mend a copy of an event; whatever a script raises becomes `RepairRefused` that names the refusal."""
    try:
        answer = mend(json.loads(json.dumps(event)))
        # What is no JSON could not be shown, and would fail later without a name.
        json.dumps(answer)
    except RepairRefused:
        raise
    except Exception as error:
        raise RepairRefused((), f"{name}: skrip gagal: {error!r}.", f"{name}: the script failed: {error!r}.") from error
    return answer


def _parse(event_type: str, assignment: str) -> tuple[list[str | int], Any]:
    name, equals, text = assignment.partition("=")
    if not equals:
        raise ChangeUnreadable(f"Tulis --set isian=nilai, bukan '{assignment}'.", "Write --set field=value.")
    path: list[str | int] = []
    kind: AvroType = tree_of(event_type)
    for part in name.split("."):
        if isinstance(kind, Optional):
            kind = kind.inner
        known = dict(kind.fields) if isinstance(kind, Record) else {}
        if isinstance(kind, Items) and part.isdigit():
            path.append(int(part))
            kind = kind.item
        elif part in known:
            path.append(part)
            kind = known[part]
        else:
            have = ", ".join(known) or "0, 1, 2 ..."
            raise ChangeUnreadable(
                f"Tidak ada isian '{name}' pada '{event_type}'; yang ada: {have}.",
                f"'{event_type}' has no field '{name}'; there are: {have}.",
            )
    return path, _value(kind, name, text)


def _value(kind: AvroType, name: str, text: str) -> Any:  # noqa: ANN401  # any value that JSON has
    if isinstance(kind, Optional):
        return None if text == "null" else _value(kind.inner, name, text)
    try:
        match kind:
            case Whole(is_time=False):
                return int(text)
            case Real():
                return float(text)
            case Truth():
                return _WORDS[text]
            case Items() | Record():
                return json.loads(text)
    except (ValueError, KeyError) as error:
        raise ChangeUnreadable(
            f"Nilai '{text}' tidak sesuai jenis isian '{name}'.", f"'{text}' is not of the type of '{name}'."
        ) from error
    return text


def _put(target: Any, path: Sequence[str | int], value: object) -> None:  # noqa: ANN401  # any value that JSON has
    try:
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value
    except (KeyError, IndexError, TypeError) as error:
        name = ".".join(map(str, path))
        raise RepairRefused(
            (), f"Peristiwa ini tidak mempunyai '{name}'.", f"This event has no '{name}' to set."
        ) from error

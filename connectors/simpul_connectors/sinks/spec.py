"""A sink is one YAML file: what it reads, which table it fills, and under which names.

    name: ministry_participation        its offsets stand in the database under this name
    from: {view: participation}         or {events: participation}
    table: statistik.partisipasi        or without a schema
    url_env: STATISTIK_URL              optional; else the setting database.url. STATISTIK_URL_FILE names a file
    url_file: /run/secrets/statistik    instead: a file that only its owner can read
    columns: {region: wilayah, ...}     optional; else every field under its own name; {name: kode, type: char(8)}
                                        gives a new column a type of the database's own
    mode: upsert                        or history (a row for every revision), or append (one for every record)
    withdraw: flag                      or delete: what becomes of the row of a withdrawn event

An unknown key is refused with the nearest known one. Names of tables and columns are plain identifiers, nothing that
would need thought about quoting. The database's address holds a password, so it never stands in the file.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import yaml

from simpul_connectors.errors import SinkSpecError
from simpul_connectors.sinks.source import LOG_FIELDS, Source, event_source, view_source
from simpul_connectors.sinks.table import Column, Field, Mode, Table, Withdraw
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import SettingsError
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.rules import Text
from simpul_schemas.settings import Settings

_KEYS = ("name", "from", "table", "url_env", "url_file", "columns", "mode", "withdraw")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: A type in the database's own words: names, lengths, nothing that could end a statement.
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*( ?\(\d{1,5}(, ?\d{1,3})?( [A-Za-z]+)?\))?( [A-Za-z0-9_]+)*")
_TYPE_LENGTH = 80
#: Tables that sinks have for themselves begin like this.
_RESERVED = "simpul_"
_READY = resources.files("simpul_connectors.sinks").joinpath("ready")


@dataclass(frozen=True)
class SinkSpec:
    """A sink as its file describes it; `url_env` names a variable of the environment, or is empty."""

    name: str
    file: str
    source: Source
    table: Table
    url_env: str
    url_file: str = ""
    mode: Mode = Mode.UPSERT

    def url(self, settings: Settings, environment: Mapping[str, str] | None = None) -> str:
        """Return the database's address; `SettingsError` or `SinkSpecError` where there is none."""
        if self.url_file:
            return read_secret(self.file, "url_file", self.url_file)
        if not self.url_env:
            if not settings.database.url:
                raise SettingsError(
                    "Pengaturan 'database.url' kosong; jalankan 'simpul up', atau isi SIMPUL__DATABASE__URL.",
                    "The setting 'database.url' is empty; run 'simpul up', or set SIMPUL__DATABASE__URL.",
                )
            return settings.database.url
        variables = os.environ if environment is None else environment
        if found := variables.get(self.url_env, ""):
            return found
        if path := variables.get(f"{self.url_env}_FILE", ""):
            return read_secret(self.file, "url_env", path)
        return _refuse(
            self.file,
            "url_env",
            Text(f"Variabel '{self.url_env}' kosong.", f"The variable '{self.url_env}' is empty."),
            Text("Isi dengan alamat basis data.", "Set it to the database's address."),
        )


def read_secret(file: str, key: str, path: str) -> str:
    """Return the first line of a file that only its owner (and its group) can read."""
    try:
        open_to_all = os.name == "posix" and Path(path).stat().st_mode & 0o007
        text = "" if open_to_all else Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        open_to_all, text = False, ""
    if open_to_all:
        _refuse(
            file,
            key,
            Text(f"Berkas '{path}' dapat dibaca semua orang.", f"The file '{path}' can be read by everybody."),
            Text("Jalankan 'chmod 600' atasnya.", "Run 'chmod 600' on it."),
        )
    if not text:
        _refuse(
            file,
            key,
            Text(f"Berkas '{path}' kosong atau tidak dapat dibaca.", f"The file '{path}' is empty or unreadable."),
            Text("Isi dengan alamat basis data.", "Write the database's address into it."),
        )
    return text


def ready_sinks() -> tuple[str, ...]:
    """Return the names of the sinks that come with the package."""
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in _READY.iterdir() if entry.name.endswith(".yaml")))


def load_spec(name_or_file: str) -> SinkSpec:
    """Read a ready sink by its name, or any sink by the path of its file; `SinkSpecError` says what is wrong in it."""
    if name_or_file in ready_sinks():
        return parse_spec(_READY.joinpath(f"{name_or_file}.yaml").read_text(encoding="utf-8"), name_or_file)
    try:
        text = Path(name_or_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):  # ValueError: a NUL in a path
        ready = ", ".join(ready_sinks())
        _refuse(
            name_or_file,
            "",
            Text("Berkas sink tidak dapat dibaca.", "The sink's file cannot be read."),
            Text(f"Beri jalur berkas, atau salah satu dari: {ready}.", f"Give a file's path, or one of: {ready}."),
        )
    return parse_spec(text, name_or_file)


def parse_spec(text: str, file: str) -> SinkSpec:
    """Read a sink from the text of its file; `file` is how errors name it."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # no cause: it would show the text, which may hold a password
        document = None
    if not isinstance(document, dict):
        _refuse(
            file,
            "",
            Text("Isinya bukan daftar kunci dan nilai YAML.", "It is no YAML list of keys and values."),
            Text("Contohlah sink yang sudah jadi.", "Follow one of the ready sinks."),
        )
    for key in document:
        if key not in _KEYS:
            _refuse_unknown(file, str(key), _KEYS)
    mode = Mode(_one_of(file, "mode", document.get("mode", Mode.UPSERT.value), [mode.value for mode in Mode]))
    source = _in_mode(_source(file, document.get("from")), mode)
    if "url_env" in document and "url_file" in document:
        _refuse(
            file,
            "url_file",
            Text("Alamat ditunjuk dua kali.", "The address is named twice."),
            Text("Pilih url_env atau url_file.", "Choose url_env or url_file."),
        )
    return SinkSpec(
        name=_matching(file, "name", document.get("name"), _NAME),
        file=file,
        source=source,
        table=_table(file, document, source, mode),
        url_env=_matching(file, "url_env", document["url_env"], _IDENTIFIER) if "url_env" in document else "",
        url_file=_path(file, document["url_file"]) if "url_file" in document else "",
        mode=mode,
    )


def _path(file: str, value: object) -> str:
    if not isinstance(value, str) or not value or "://" in value or "\0" in value:
        _refuse_name(file, "url_file", "?")  # it may be the address itself, password and all
    return value


def _one_of(file: str, key: str, value: object, known: Sequence[str]) -> str:
    if value not in known:
        _refuse_unknown(file, f"{key}: {value}", tuple(f"{key}: {name}" for name in known))
    return str(value)


def _in_mode(source: Source, mode: Mode) -> Source:
    """Return a source whose key is that of the rows that a mode keeps."""
    if mode is Mode.HISTORY:
        return replace(source, key=(*source.key, *source.order), order=())
    if mode is Mode.APPEND:
        key = tuple(field.name for field in LOG_FIELDS)
        essential = tuple(dict.fromkeys((*key, *source.essential)))
        return replace(source, fields=(*LOG_FIELDS, *source.fields), key=key, order=(), essential=essential)
    return source


def _source(file: str, declared: object) -> Source:
    known = {"events": (event_source, tuple(EVENT_TYPES)), "view": (view_source, tuple(VIEW_SPECS))}
    if not isinstance(declared, dict) or len(declared) != 1:
        _refuse(
            file,
            "from",
            Text("Harus satu dari 'events' atau 'view'.", "It must be one of 'events' or 'view'."),
            Text("Contoh: from: {view: participation}.", "For example: from: {view: participation}."),
        )
    ((way, name),) = declared.items()
    if way not in known:
        _refuse_unknown(file, f"from.{way}", tuple(f"from.{key}" for key in known))
    make, names = known[way]
    if name not in names:
        _refuse_unknown(file, f"from.{way}: {name}", tuple(f"from.{way}: {key}" for key in names))
    return make(name)


def _withdraw(file: str, document: Mapping[str, Any], source: Source, mode: Mode) -> Withdraw:
    declared = document.get("withdraw", Withdraw.FLAG.value)
    found = Withdraw(_one_of(file, "withdraw", declared, [way.value for way in Withdraw]))
    has_action = any(field.name == "action" for field in source.fields)
    if found is Withdraw.DELETE and (mode is not Mode.UPSERT or not has_action):
        _refuse(
            file,
            "withdraw",
            Text("Hanya peristiwa dalam mode upsert dapat dihapus.", "Only events in mode upsert can be deleted."),
            Text("Pakai 'withdraw: flag'.", "Use 'withdraw: flag'."),
        )
    return found


def _table(file: str, document: Mapping[str, Any], source: Source, mode: Mode) -> Table:
    declared = document.get("table")
    parts = declared.split(".") if isinstance(declared, str) else [declared]
    path = tuple(_matching(file, "table", part, _IDENTIFIER) for part in parts)
    if len(path) > 2 or path[-1].lower().startswith(_RESERVED):
        _refuse_name(file, "table", declared)
    columns = _columns(file, document.get("columns"), source)
    names = {column.field.name: column.name for column in columns}
    key, order = (tuple(names[name] for name in part) for part in (source.key, source.order))
    return Table(path, columns, key, order, _withdraw(file, document, source, mode))


def _columns(file: str, declared: object, source: Source) -> tuple[Column, ...]:
    if declared is None:
        return tuple(Column(field.name, field) for field in source.fields)
    fields = {field.name: field for field in source.fields}
    if not isinstance(declared, dict):
        _refuse(
            file,
            "columns",
            Text("Harus pasangan kolom asal: nama kolom.", "It must be pairs of field: column name."),
            Text("Contoh: columns: {region: wilayah}.", "For example: columns: {region: wilayah}."),
        )
    for name in declared:
        if name not in fields:
            _refuse_unknown(file, f"columns.{name}", tuple(f"columns.{field}" for field in fields))
    missing = [name for name in source.essential if name not in declared]
    if missing:
        _refuse(
            file,
            "columns",
            Text(f"Kolom wajib belum ada: {', '.join(missing)}.", f"Essential fields missing: {', '.join(missing)}."),
            Text("Tambahkan; tanpanya baris tidak dapat dijaga.", "Add them; rows cannot be kept right without them."),
        )
    columns = tuple(_column(file, fields[name], to) for name, to in declared.items())
    _refuse_twins(file, columns)
    return columns


def _column(file: str, field: Field, declared: object) -> Column:
    key, kind = f"columns.{field.name}", ""
    if isinstance(declared, dict):
        for part in declared:
            if part not in {"name", "type"}:
                _refuse_unknown(file, f"{key}.{part}", (f"{key}.name", f"{key}.type"))
        kind = declared.get("type", "")
        if not isinstance(kind, str) or len(kind) > _TYPE_LENGTH or (kind and not _TYPE.fullmatch(kind)):
            _refuse_name(file, f"{key}.type", kind)
        declared = declared.get("name", field.name)
    return Column(_matching(file, key, declared, _IDENTIFIER), field, kind)


def _refuse_twins(file: str, columns: Iterable[Column]) -> None:
    """Two columns that differ by case only are one in most databases."""
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            _refuse(
                file,
                f"columns.{column.field.name}",
                Text(f"Nama kolom '{column.name}' dipakai dua kali.", f"Column name '{column.name}' is used twice."),
                Text("Beri nama lain.", "Give it another name."),
            )
        seen.add(column.name.lower())


def _matching(file: str, key: str, value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _refuse_name(file, key, value)
    return value


def _refuse_name(file: str, key: str, value: object) -> NoReturn:
    shown = repr(value)[:80]
    _refuse(
        file,
        key,
        Text(f"{shown} tidak dapat menjadi nama.", f"{shown} cannot be a name."),
        Text(
            "Pakai huruf, angka dan garis bawah, paling banyak 63, bukan nama cadangan.",
            "Use letters, digits and underscores, at most 63, and no reserved name.",
        ),
    )


def _refuse_unknown(file: str, key: str, known: tuple[str, ...]) -> NoReturn:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    _refuse(
        file,
        key,
        Text("Tidak dikenal.", "It is not known."),
        Text(f"Mungkin '{near}'?", f"Did you mean '{near}'?"),
    )


def _refuse(file: str, key: str, problem: Text, remedy: Text) -> NoReturn:
    raise SinkSpecError(file, key, problem, remedy) from None

"""The compatibility gate: every schema of the contract against all that was ever registered, or a git ref's files.

Identical schemas and identical versions are looked at once, however many subjects carry them.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from simpul_schemas.avro_tree import Record, read_tree
from simpul_schemas.columns_probe import probe
from simpul_schemas.compatibility import compare
from simpul_schemas.errors import UnknownGitRef
from simpul_schemas.findings import Finding
from simpul_schemas.registry import VersionedRegistry
from simpul_schemas.schema_guard import guard
from simpul_schemas.subjects import ContractSchema

#: The level that the gate checks, and sets on the registry.
LEVEL = "FULL_TRANSITIVE"


@dataclass(frozen=True)
class Located:
    """A finding, the schema of the contract it is about, and the earlier versions it was found against, if any."""

    schema: str
    finding: Finding
    against: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Return it as plain data."""
        return {**self.finding.document(), "schema": self.schema, "against": list(self.against)}


#: What a registry holds: for each subject of the contract that exists there, its versions by their numbers.
Held: TypeAlias = Mapping[str, Mapping[int, str]]


def check_alone(
    entries: Sequence[ContractSchema], ask_decoder: Callable[[Sequence[str]], Sequence[str | None]] = probe
) -> list[Located]:
    """Judge each schema by itself, and ask the columnar decoder about those that are sound; raises `NoDecoder`."""
    by_name = {entry.label: entry for entry in entries}
    found = [
        Located(entry.label, finding)
        for entry in entries
        for finding in [
            *guard(entry.schema, personal_allowed=entry.personal_allowed),
            *_personal_sources(entry, by_name),
        ]
    ]
    unsound = {located.schema for located in found}
    sound = [entry for entry in entries if entry.label not in unsound]
    for entry, objection in zip(sound, ask_decoder([entry.schema for entry in sound]), strict=True):
        if objection is not None:
            found.append(Located(entry.label, Finding("/", "schema.not_carried", after=objection)))
    return found


def _personal_sources(entry: ContractSchema, by_name: Mapping[str, ContractSchema]) -> Iterable[Finding]:
    """Find personal fields of events that a figure is computed from: they would reach it under another name."""
    event_type, fields = entry.made_of or ("", frozenset())
    tree = read_tree(by_name[event_type].schema)[0] if event_type in by_name else None
    if isinstance(tree, Record):
        for field in tree.fields:
            if field.name in fields and field.attributes.get("pii") is not None:
                yield Finding(f"/{field.name}", "schema.pii_forbidden", field.source)


def read_registry(
    entries: Iterable[ContractSchema],
    registry: VersionedRegistry,
    on_subject: Callable[[int, int], None] = lambda _done, _total: None,
) -> Held:
    """Ask a registry for every version of every subject of the contract; a subject that it has not is left out."""
    there = set(registry.subjects())
    wanted = [subject for entry in entries for subject in entry.subjects if subject in there]
    held: dict[str, dict[int, str]] = {}
    for done, subject in enumerate(wanted, start=1):
        held[subject] = {number: registry.version(subject, number) for number in registry.versions(subject)}
        on_subject(done, len(wanted))
    return held


def check_held(entries: Iterable[ContractSchema], held: Held) -> list[Located]:
    """Compare each schema with every version that its subjects hold."""
    found: list[Located] = []
    for entry in entries:
        places: dict[str, list[str]] = {}
        for subject in entry.subjects:
            for number, text in held.get(subject, {}).items():
                places.setdefault(text, []).append(f"{subject} v{number}")
        found.extend(_against(entry, places))
    return found


def _against(entry: ContractSchema, places: Mapping[str, Sequence[str]]) -> Iterable[Located]:
    """Compare a schema with earlier ones, by their texts; a finding that several of them give is told once."""
    found: dict[str, tuple[Finding, list[str]]] = {}
    for text, names in places.items():
        for finding in compare(text, entry.schema, entry.used):
            found.setdefault(repr(finding), (finding, []))[1].extend(names)
    return [Located(entry.label, finding, tuple(names)) for finding, names in found.values()]


def check_git(entries: Sequence[ContractSchema], ref: str) -> list[Located]:
    """Compare the event types with the `.avsc` files of a git ref; views are generated, so no ref holds theirs."""
    old = read_git(ref)
    by_name = {entry.label: entry for entry in entries if entry.made_of is None}
    found = [
        Located(name, Finding("/", "compat.schema_removed", name), (f"{ref}:{name}.avsc",))
        for name in sorted(old.keys() - by_name.keys())
    ]
    for name in sorted(old.keys() & by_name.keys()):
        found.extend(_against(by_name[name], {old[name]: [f"{ref}:{name}.avsc"]}))
    return found


def read_git(ref: str, folder: Path | None = None) -> dict[str, str]:
    """Return the `.avsc` files of a git ref by event type, or raise `UnknownGitRef`."""
    avro = folder or Path(str(resources.files("simpul_schemas").joinpath("avro")))
    try:
        commit = _git(avro, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
        names = _git(avro, "ls-tree", "--name-only", commit, "./").splitlines()
        found = {Path(name).stem: _git(avro, "show", f"{commit}:./{name}") for name in names if name.endswith(".avsc")}
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError) as error:
        raise _unknown_ref(ref) from error
    if not found:
        raise _unknown_ref(ref)
    return found


def _git(folder: Path, *arguments: str) -> str:
    command = [shutil.which("git") or "git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()  # noqa: S603  # the ref is verified first


def _unknown_ref(ref: str) -> UnknownGitRef:
    return UnknownGitRef(
        f"Rujukan git '{ref}' tidak ada, atau tidak memuat berkas .avsc; jalankan dari salinan repositori, atau pakai "
        "'--against registry'.",
        f"There is no git ref '{ref}', or it holds no .avsc files; run from a checkout, or use '--against registry'.",
    )


@dataclass(frozen=True)
class Pushed:
    """What a push did: the registry's level before, the subjects that got a schema, and how many had it."""

    level_before: str
    registered: tuple[str, ...]
    unchanged: int


def push(
    entries: Iterable[ContractSchema],
    registry: VersionedRegistry,
    held: Held,
    on_subject: Callable[[int, int], None] = lambda _done, _total: None,
) -> Pushed:
    """Let the registry take only fully compatible changes, and register what it does not hold; doing it again is free.

    The level comes first, so that nothing slips in between.
    """
    level = registry.compatibility()
    if level != LEVEL:
        registry.set_compatibility(LEVEL)
    wanted = [(subject, entry.schema) for entry in entries for subject in entry.subjects]
    missing = [
        (subject, schema)
        for subject, schema in wanted
        if _same(schema) not in map(_same, held.get(subject, {}).values())
    ]
    for done, (subject, schema) in enumerate(missing, start=1):
        registry.register(subject, schema)
        on_subject(done, len(missing))
    return Pushed(level, tuple(subject for subject, _ in missing), len(wanted) - len(missing))


def _same(text: str) -> str:
    """Return a text that two spellings of one JSON document share; a registry may space it anew."""
    try:
        return json.dumps(json.loads(text))
    except (ValueError, RecursionError):
        return text

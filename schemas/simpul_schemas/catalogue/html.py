"""The static HTML catalogue: a page per event type and view, all rules by code, all topics; Indonesian and English.

Pure: pages come out as text by file name, so that the same contract gives the same bytes. No script, no asset from
elsewhere; every value passes through the templates' escaping.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from simpul_schemas.catalogue.about import ABOUT
from simpul_schemas.catalogue.codes import OTHER_CODES, Code
from simpul_schemas.catalogue.examples import Example
from simpul_schemas.catalogue.families import event_family, families, view_families
from simpul_schemas.catalogue.fields import FieldRow, field_rows, record_doc, split_doc
from simpul_schemas.catalogue.headers import CLOUD_EVENT_HEADERS, QUARANTINE_HEADERS
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.events.envelope import Event
from simpul_schemas.figures import FIGURE_HEAD, VIEW_SPECS, ViewSpec
from simpul_schemas.lifecycles import CLOCKS, LIFECYCLES, Clock, Lifecycle
from simpul_schemas.regions import load_regions
from simpul_schemas.rules import Rule, Severity, Text

_AFTER_BREAK = re.compile(r"(?<=[._])(?=.)")
_ASSETS = ("style.css", "icon.svg")
#: What a family of codes is about, by what stands before the first point; the others are named after event types.
_GROUPS: Mapping[str, Text] = MappingProxyType(
    {
        "envelope": Text("Amplop", "Envelope"),
        "region": Text("Wilayah", "Region"),
        "event": Text("Bentuk peristiwa", "Shape of an event"),
        "import": Text("Impor berkas", "Import of files"),
        "cell": Text("Sel buku kerja", "Cells of workbooks"),
        "record": Text("Catatan di topik", "Record on a topic"),
        "schema": Text("Skema", "Schema"),
        "compat": Text("Perubahan skema", "Change of a schema"),
    }
)
#: Codes of the compatibility gate, which judges schemas and no events.
_OF_SCHEMAS = ("schema.", "compat.")


@dataclass(frozen=True, slots=True)
class Entry:
    """A code as the catalogue lists it: what it says, how to mend it, the fields it is about.

    `refuses` is None where the code speaks of no single event: of a step between two, or of a schema.
    """

    code: str
    refuses: bool | None
    fields: tuple[str, ...]
    message: Text
    remedy: Text


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type as its page shows it."""

    name: str
    title: Text
    about: str
    envelope: tuple[FieldRow, ...]
    payload: tuple[FieldRow, ...]
    entries: tuple[Entry, ...]
    lifecycles: tuple[Lifecycle, ...]
    steps: tuple[Entry, ...]
    clocks: tuple[Clock, ...]
    views: tuple[ViewSpec, ...]


def pages(examples: Mapping[str, Example]) -> dict[str, str]:
    """Return every file of the HTML catalogue by its name; `examples` are the accepted examples by event type."""
    render = _renderer()
    kinds = [_kind(kind) for kind in EVENT_TYPES.values()]
    groups = _entry_groups()
    found = {
        "index.html": render("index.html.j2", page="index", kinds=kinds, groups=groups),
        "rules.html": render("rules.html.j2", page="rules", groups=groups),
        "topics.html": render(
            "topics.html.j2",
            page="topics",
            families=list(families()),
            provinces=[load_regions().get(code) for code in load_regions().provinces()],
            event_headers=CLOUD_EVENT_HEADERS,
            quarantine_headers=QUARANTINE_HEADERS,
        ),
    }
    for kind in kinds:
        found[f"event-{kind.name}.html"] = render(
            "event.html.j2",
            page=f"event-{kind.name}",
            kind=kind,
            example=examples[kind.name].text,
            family=event_family(kind.name),
        )
    for name, view in VIEW_SPECS.items():
        found[f"view-{name}.html"] = render(
            "view.html.j2",
            page=f"view-{name}",
            view=view,
            title=split_doc(view.doc),
            head=field_rows(view.figure_schema)[: len(FIGURE_HEAD)],
            families=view_families(name),
        )
    assets = resources.files("simpul_schemas.catalogue").joinpath("templates")
    return found | {name: assets.joinpath(name).read_text(encoding="utf-8") for name in _ASSETS}


def _renderer() -> Callable[..., str]:
    environment = Environment(
        loader=PackageLoader("simpul_schemas.catalogue"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["all_kinds"] = {name: record_doc(kind.schema) for name, kind in EVENT_TYPES.items()}
    environment.globals["all_views"] = {name: split_doc(view.doc) for name, view in VIEW_SPECS.items()}
    environment.filters["halves"] = split_doc
    environment.filters["breakable"] = _breakable

    def render(template: str, **values: object) -> str:
        return environment.get_template(template).render(**values)

    return render


def _breakable(name: str) -> Markup:
    """Let a long name break after its points and underscores, nowhere else."""
    return Markup("<wbr>").join(Markup.escape(part) for part in _AFTER_BREAK.split(name))


def _kind(kind: EventType) -> Kind:
    rows = field_rows(kind.schema)
    envelope = len(Event.model_fields)
    lifecycles = tuple(lifecycle for lifecycle in LIFECYCLES if lifecycle.event_type == kind.name)
    return Kind(
        kind.name,
        record_doc(kind.schema),
        ABOUT.get(kind.name, ""),
        rows[:envelope],
        rows[envelope:],
        tuple(map(_of_rule, kind.rules.rules)),
        lifecycles,
        tuple(map(_of_lifecycle, lifecycles)),
        tuple(clock for clock in CLOCKS if clock.event_type == kind.name),
        tuple(view for view in VIEW_SPECS.values() if view.event_type == kind.name),
    )


def _of_rule(rule: Rule) -> Entry:
    return Entry(rule.code, rule.severity is Severity.REJECT, rule.fields, rule.message, rule.remedy)


def _of_lifecycle(lifecycle: Lifecycle) -> Entry:
    return Entry(lifecycle.code, None, (lifecycle.field,), lifecycle.message, lifecycle.remedy)


def _of_code(code: str, said: Code) -> Entry:
    refuses = None if code.startswith(_OF_SCHEMAS) else True
    return Entry(code, refuses, (), said.message, said.remedy)


def _entry_groups() -> dict[str, tuple[Text, list[Entry]]]:
    """Return all codes by what they are about: each event type, then `_GROUPS`; in the order of precedence."""
    of_rules = [_of_rule(rule) for kind in EVENT_TYPES.values() for rule in kind.rules.rules]
    others = [*map(_of_lifecycle, LIFECYCLES), *(_of_code(code, said) for code, said in OTHER_CODES.items())]
    entries = {entry.code: entry for entry in [*of_rules, *others]}  # a rule of the envelope comes with every type
    types = {name: record_doc(kind.schema) for name, kind in EVENT_TYPES.items()}
    groups: dict[str, tuple[Text, list[Entry]]] = {}
    for name, title in {**types, **_GROUPS}.items():
        groups[name] = (title, [entry for code, entry in entries.items() if code.partition(".")[0] == name])
    return groups

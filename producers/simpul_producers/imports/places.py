"""Which region a row speaks of: step by step downwards, each inside the region found before; never guessed."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from simpul_producers.imports.bind import Cells, Columns, TextMaker, template_maker
from simpul_producers.imports.model import BoxSpec, RegionSpec, StepSpec, template_names
from simpul_producers.imports.refusals import Finding, Unmappable
from simpul_schemas.calendars import utc_offset_hours
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.regions import NATION, Region, load_regions
from simpul_schemas.resolve import CAUTION_TEXTS, Caution, Reason, Resolution, resolve
from simpul_schemas.rules import Text

#: A table names few regions; a bound is there so that a table of nonsense does not fill the memory.
_REMEMBERED = 1 << 16
_SHOWN_CANDIDATES = 3
#: Counted as a warning where a second way was taken, since the first did not know the name.
OTHERWISE = "region.otherwise"


@dataclass(frozen=True, slots=True)
class Place:
    """A canonical code with the warnings about it; or why there is none."""

    code: str
    warnings: tuple[str, ...] = ()
    finding: Finding | None = None


def place_maker(
    columns: Columns,
    name: str,
    spec: RegionSpec,
    lookups: Mapping[str, Mapping[str, str]],
    day_from: Callable[[Cells], int] | None,
) -> Callable[[Cells], Place]:
    """Return what finds the region of a row; `day_from` gives the moment that its codes are meant at, if it varies."""
    texts = [_given(columns, name, step) for step in spec.steps]
    walk = lru_cache(maxsize=_REMEMBERED)(_Walk(spec, lookups).walk)
    if day_from is None:
        day = date.fromisoformat(spec.day or "")
        if len(texts) == 1:
            (only,) = texts
            return lambda cells: walk((only(cells),), day)
        return lambda cells: walk(tuple([text(cells) for text in texts]), day)
    moment = day_from
    return lambda cells: walk(tuple([text(cells) for text in texts]), _day(moment(cells)))


def _day(micros: int) -> date:
    # The day changes two hours apart in the country's zones; decrees do not take effect at such an hour.
    return (from_micros(micros) + timedelta(hours=utc_offset_hours(""))).date()


def place_names(spec: RegionSpec) -> list[str]:
    """Return the columns and parts that a region comes from."""
    names: list[str] = []
    for step in _all_steps(spec.steps):
        if step.given is not None:
            names += template_names(step.given)
        names += [column for column in (step.latitude, step.longitude) if column is not None]
    return list(dict.fromkeys(names))


def _all_steps(steps: Sequence[StepSpec]) -> list[StepSpec]:
    return [each for step in steps for each in (step, *([step.otherwise] if step.otherwise else ()))]


def _given(columns: Columns, name: str, step: StepSpec) -> TextMaker:
    """Return what a step is told: one text, with that of the other way behind a line break."""
    if step.scheme == "position":
        latitude, longitude = columns.place(step.latitude or ""), columns.place(step.longitude or "")
        return lambda cells: f"{cells[latitude]} {cells[longitude]}"
    first = template_maker(columns, step.given or "", name, optional=True)
    if step.otherwise is None:
        return first
    second = _given(columns, name, step.otherwise)
    return lambda cells: f"{first(cells)}\n{second(cells)}"


class _Walk:
    """Finds a region from what the steps were told."""

    def __init__(self, spec: RegionSpec, lookups: Mapping[str, Mapping[str, str]]) -> None:
        self._spec = spec
        self._lookups = lookups
        self._refuse = frozenset(Caution(name) for name in spec.refuse)

    def walk(self, texts: tuple[str, ...], on: date) -> Place:
        """Return the place; remembered by the caller, so it depends on nothing else."""
        found = Place(self._spec.parent or "")
        kept: tuple[str, ...] = ()
        for step, text in zip(self._spec.steps, texts, strict=True):
            if step.optional and found.code and not text.strip():
                continue
            kept = (*kept, *(warning for warning in found.warnings if warning in _ABOUT_THE_NAME))
            found = self._step(step, text, found.code or None, on)
            if found.finding is not None:
                return found
        return Place(found.code, tuple(dict.fromkeys((*kept, *found.warnings))))

    def _step(self, step: StepSpec, text: str, parent: str | None, on: date) -> Place:
        if step.scheme == "position":
            return _in_box(text, step.boxes)
        first, _, rest = text.partition("\n")
        if not first.strip():
            return Place("", (), Finding("import.region_missing", "region", ""))
        given = self._lookups[step.lookup].get(first, first) if step.lookup is not None else first
        found = resolve(step.scheme, given, on, parent)
        if found.reason is Reason.UNKNOWN_NAME and step.otherwise is not None:
            other = self._step(step.otherwise, rest, parent, on)
            if other.finding is None:
                return Place(other.code, (OTHERWISE, *other.warnings))
        return self._judged(found, first, parent)

    def _judged(self, found: Resolution, given: str, parent: str | None) -> Place:
        if found.region is None:
            code = f"import.region_{found.reason}"
            return Place("", (), Finding(code, "region", given, found.message, _remedy(found, given, parent)))
        unwanted = self._refuse & set(found.cautions)
        if unwanted:
            caution = min(unwanted)
            finding = Finding(
                f"import.region_{caution}", "region", given, CAUTION_TEXTS[caution], _candidates(found.candidates)
            )
            return Place("", (), finding)
        return Place(found.region.code, tuple(f"region.{caution}" for caution in found.cautions))


_ABOUT_THE_NAME = frozenset({OTHERWISE, f"region.{Caution.SPELLING}", f"region.{Caution.SHORT_FORM}"})


def _in_box(text: str, boxes: Sequence[BoxSpec]) -> Place:
    latitude_text, _, longitude_text = text.partition(" ")
    try:
        latitude, longitude = float(latitude_text), float(longitude_text)
    except ValueError:
        return Place("", (), Finding("import.region_missing", "region", text))
    for box in boxes:
        if box.west <= longitude <= box.east and box.south <= latitude <= box.north:
            return Place(box.region)
    return Place("", (), Finding("import.region_not_told", "region", text))


def _remedy(found: Resolution, given: str, parent: str | None) -> Text | None:
    if found.candidates:
        return _candidates(found.candidates)
    if found.reason is not Reason.UNKNOWN_NAME:
        return None
    children = load_regions().children(parent or NATION)
    by_name = {region.name.lower(): region for region in children}
    near = difflib.get_close_matches(given.lower(), by_name, n=_SHOWN_CANDIDATES, cutoff=0.0)
    return _candidates(tuple(by_name[name] for name in near))


def _candidates(regions: Sequence[Region]) -> Text | None:
    if not regions:
        return None
    shown = ", ".join(f"{region.code} {region.name}" for region in regions)
    return Text(f"Yang paling dekat: {shown}.", f"The nearest: {shown}.")


def found_or_refused(place: Place) -> Place:
    """Return a place that is one, or raise `Unmappable` with the reason why not."""
    if place.finding is not None:
        raise Unmappable(place.finding)
    return place

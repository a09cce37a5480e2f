"""From figures to what a page says: one value for each place, with its coverage. Pure.

A place's value is the sum over the groups that were asked for; rates are derived from the sums. What nobody gave is
unknown and stays so (None), whatever else is added to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.measures import LEFT_OUT, ONE_OF, Measure, measures_of
from simpul_connectors.portal.model import Completeness, Cover, Figure, Figures
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.coverage import candidates
from simpul_schemas.figures import ViewSpec
from simpul_schemas.periods import FIGURE_KINDS, NO_KIND, NO_PERIOD, Period
from simpul_schemas.regions import NATION, load_regions
from simpul_schemas.rules import Text

#: Which kind of period is shown where none was asked for.
_PREFERRED = (PeriodKind.MONTH, PeriodKind.YEAR, PeriodKind.CATURWULAN, PeriodKind.QUARTER, PeriodKind.WEEK)
#: Periods of one kind that a page offers.
_PERIODS_AT_MOST = 48


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: a view, a place, a period, and the values of dimensions that are to be looked at alone."""

    spec: ViewSpec
    region: str
    period_kind: str
    period: str
    chosen: Mapping[str, str] = field(default_factory=dict)

    def at(self, region: str) -> "Wish":
        """The same of another place."""
        return Wish(self.spec, region, self.period_kind, self.period, self.chosen)


@dataclass(frozen=True, slots=True)
class Row:
    """One place: its values by measure, None where unknown, and who reported. `groups` counts what was added up."""

    region: str
    name: str
    values: Mapping[str, float | None]
    cover: Cover
    groups: int


def read_row(figures: Figures, wish: Wish) -> Row:
    """Return what is known of the place of a wish."""
    found = figures.place(wish.spec.name, wish.region, wish.period_kind, wish.period)
    groups = [one for one in found if _is_meant(wish, one)]
    cover = max((one.cover for one in found), key=lambda cover: cover.as_of, default=None)
    if cover is None:
        cover = lent_cover(figures, wish)
    return Row(wish.region, load_regions().name(wish.region), values_of(wish.spec, groups), cover, len(groups))


def read_children(figures: Figures, wish: Wish) -> list[Row]:
    """Return what is known of every region directly inside the place of a wish, in the order of their codes."""
    return [read_row(figures, wish.at(region.code)) for region in load_regions().children(wish.region)]


def values_of(spec: ViewSpec, groups: Sequence[Figure]) -> dict[str, float | None]:
    """Add groups up and derive the rates; every measure is there, None where nobody gave it."""
    if not groups:
        return dict.fromkeys(measures_of(spec))
    sums = dict(zip(spec.measure_names, map(sum, zip(*(one.measures for one in groups), strict=True)), strict=True))
    return {name: _value(measure, sums) for name, measure in measures_of(spec).items()}


def lent_cover(figures: Figures, wish: Wish) -> Cover:
    """Return the coverage of a place without figures: its own row, else the nearest that a unit itself stands for."""
    kind, first = wish.spec.event_type, True
    if wish.period_kind == NO_KIND:
        return Cover()
    for region, period_kind, period in candidates(wish.region, wish.period_kind, wish.period):
        row = figures.completeness(kind, region, period_kind, period)
        if row is not None and row.known and (first or row.direct):
            return row.cover
        first = False
    return Cover()


def completeness_of(figures: Figures, wish: Wish) -> Completeness | None:
    """Return who reported at the place of a wish; None where no roster has spoken of it."""
    row = figures.completeness(wish.spec.event_type, wish.region, wish.period_kind, wish.period)
    return row if row is not None and (row.known or row.unexpected) else None


def options(figures: Figures, wish: Wish) -> dict[str, list[str]]:
    """Return the values that each dimension has in the nation and in the place of a wish, the most common one first."""
    found: dict[str, dict[str, int]] = {one.name: {} for one in wish.spec.dimensions}
    for region in dict.fromkeys((NATION, wish.region)):
        for figure in figures.place(wish.spec.name, region, wish.period_kind, wish.period):
            for name, value in zip(found, figure.dimensions, strict=True):
                found[name][value] = found[name].get(value, 0) + figure.measures[0]
    return {name: sorted(values, key=lambda value: (-values[value], value)) for name, values in found.items()}


def choose(spec: ViewSpec, asked: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the values to look at: those asked for, and one of each dimension that is never added up."""
    chosen = {name: value for name, value in asked.items() if value}
    for name in ONE_OF.get(spec.name, ()):
        if name not in chosen and known.get(name):
            chosen[name] = known[name][0]
    return chosen


def read_period(spec: ViewSpec, text: str | None, figures: Figures) -> tuple[str, str]:
    """Return kind and text of a period; the newest one where none was asked for. Raises `Unreadable`."""
    if not spec.periods or NO_KIND in {kind for kind, _ in figures.periods(spec.name)}:
        if not text or text == NO_PERIOD:
            return NO_KIND, NO_PERIOD
    elif not text:
        return newest_period(spec, figures)
    for kind in FIGURE_KINDS:
        try:
            Period.read(kind, text or "")
        except ValueError:
            continue
        return kind, text or ""
    raise Unreadable(
        Text(
            f"'{text}' bukan periode; contoh: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
            f"'{text}' is no period; examples: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
        )
    )


def newest_period(spec: ViewSpec, figures: Figures) -> tuple[str, str]:
    """Return the newest period of the kind that is read most; the kind itself without a period where there is none."""
    offered = offered_periods(spec, figures)
    for kind in _PREFERRED:
        if offered.get(kind.value):
            return kind.value, offered[kind.value][0]
    kinds = [kind for kind in offered if offered[kind]]
    return (kinds[0], offered[kinds[0]][0]) if kinds else (NO_KIND, NO_PERIOD)


def offered_periods(spec: ViewSpec, figures: Figures) -> dict[str, list[str]]:
    """Return the periods that a page offers, by kind, the newest first."""
    found: dict[str, list[str]] = {}
    for kind, period in sorted(figures.periods(spec.name), reverse=True):
        if len(found.setdefault(kind, [])) < _PERIODS_AT_MOST:
            found[kind].append(period)
    order = [PeriodKind.MONTH, PeriodKind.YEAR, PeriodKind.CATURWULAN, PeriodKind.SEMESTER, PeriodKind.QUARTER]
    names = [*(kind.value for kind in order), *FIGURE_KINDS]
    return {kind: found[kind] for kind in dict.fromkeys(names) if kind in found}


def value_classes(values: Iterable[float | None], at_most: int = 5) -> list[float]:
    """Return the upper ends of classes that hold about as many values each; fewer where values repeat."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return []
    ends = [known[min(len(known) - 1, (len(known) * (number + 1)) // at_most - 1)] for number in range(at_most)]
    return sorted({max(end, known[0]) for end in ends} | {known[-1]})


def class_of(value: float | None, ends: Sequence[float]) -> int | None:
    """Return the number of the class that a value is in, from 0; None for what is unknown."""
    if value is None:
        return None
    return next((number for number, end in enumerate(ends) if value <= end), len(ends) - 1)


def _is_meant(wish: Wish, figure: Figure) -> bool:
    for one, value in zip(wish.spec.dimensions, figure.dimensions, strict=True):
        chosen = wish.chosen.get(one.name)
        if chosen is None:
            if value in LEFT_OUT.get((wish.spec.name, one.name), ()):
                return False
        elif value != chosen:
            return False
    return True


def _value(measure: Measure, sums: Mapping[str, int]) -> float | None:
    if measure.over is not None:
        above, below = measure.over
        return sums[above] / sums[below] if sums[below] else None
    if measure.known is not None and not sums[measure.known]:
        return None
    return sums[measure.name]

"""From figures to what a page says: one value for each place, with its coverage. Pure.

A place's value is the sum over the groups that were asked for; rates are derived from the sums. What nobody gave is
unknown and stays so (None), whatever else is added to it. A place without figures has none, and no 0 either, unless all
who reported of it said that nothing happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.measures import LEFT_OUT, ONE_OF, Measure, measures_of
from simpul_connectors.subscribe.completeness import Completeness
from simpul_connectors.subscribe.figure import Figure, FigureCoverage
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.coverage import candidates
from simpul_schemas.figures import MISSING_AT_MOST, Coverage, ViewSpec
from simpul_schemas.periods import FIGURE_KINDS, NO_KIND, NO_PERIOD, Period
from simpul_schemas.regions import NATION, level_of, load_regions
from simpul_schemas.rules import Text

#: Which kind of period is shown where none was asked for.
_PREFERRED = ("MONTH", "YEAR", "CATURWULAN", "SEMESTER", "QUARTER", "WEEK", "DAY")
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
    """One place: its values by measure, None where unknown, and who reported."""

    region: str
    name: str
    values: Mapping[str, float | None]
    cover: FigureCoverage


#: Of a place that no roster knows, and that has no figures.
NO_COVER = FigureCoverage(Coverage.NONE, None, None, None, None, (), 0)


def read_rows(table: FigureTable, wish: Wish, regions: Sequence[str]) -> list[Row]:
    """Return what is known of some places, in their order, where all else is as wished."""
    found = _totals(table, wish, regions)
    nil = _nil_places(table, wish, [region for region in regions if region not in found])
    name_of = load_regions().name
    rows = []
    for region in regions:
        sums = found.get(region, ())
        covers = [one.coverage for one in sums] or [lent_cover(table, wish.at(region))]
        cover = max(covers, key=lambda one: one.as_of)
        rows.append(Row(region, name_of(region), _values(wish.spec, sums, is_nil=region in nil), cover))
    return rows


def read_row(table: FigureTable, wish: Wish) -> Row:
    """Return what is known of the place of a wish."""
    return read_rows(table, wish, [wish.region])[0]


def read_children(table: FigureTable, wish: Wish) -> list[Row]:
    """Return what is known of every region directly inside the place of a wish, in the order of their codes."""
    return read_rows(table, wish, [region.code for region in load_regions().children(wish.region)])


def _values(spec: ViewSpec, sums: Sequence[Figure], *, is_nil: bool) -> dict[str, float | None]:
    """Add sums up and derive the rates; every measure is there, None where nobody gave it."""
    if not sums and not is_nil:
        return dict.fromkeys(measures_of(spec))
    added = {name: sum(one.measures[name] or 0 for one in sums) for name in spec.measure_names}
    return {name: _value(measure, added) for name, measure in measures_of(spec).items()}


def _nil_places(table: FigureTable, wish: Wish, regions: Sequence[str]) -> set[str]:
    """Return the places that somebody reported of, and of which all who did reported that nothing happened.

    Of a level that this portal does not keep nothing is said, as there may be figures.
    """
    view, kind = wish.spec.name, wish.period_kind
    kept = [region for region in regions if table.holds(view, level_of(region).value, kind)]
    rows = table.completenesses(wish.spec.event_type, kept, kind, wish.period)
    return {region for region, row in rows.items() if row.is_known and 0 < row.reported == row.nil}


def lent_cover(table: FigureTable, wish: Wish) -> FigureCoverage:
    """Return the coverage of a place without figures: its own row, else the nearest that a unit itself stands for."""
    if wish.period_kind == NO_KIND:
        return NO_COVER
    own = (wish.region, wish.period_kind, wish.period)
    for place in candidates(*own):
        row = table.completeness(wish.spec.event_type, *place)
        if row is not None and row.is_known and (place == own or row.direct):
            state = Coverage.CLOSED if row.closed else Coverage.OPEN
            counts = (row.expected, row.reported, row.on_time, row.late)
            return FigureCoverage(state, *counts, row.missing[:MISSING_AT_MOST], row.as_of)
    return NO_COVER


def completeness_of(table: FigureTable, wish: Wish) -> Completeness | None:
    """Return who reported at the place of a wish; None where no roster has spoken of it."""
    row = table.completeness(wish.spec.event_type, wish.region, wish.period_kind, wish.period)
    return row if row is not None and (row.is_known or row.unexpected) else None


def options(table: FigureTable, wish: Wish) -> dict[str, list[str]]:
    """Return the values that each dimension has in the nation and in the place of a wish, the most common one first."""
    first = wish.spec.measures[0].name
    found: dict[str, dict[str, int]] = {one.name: {} for one in wish.spec.dimensions}
    for region in dict.fromkeys((NATION, wish.region)):
        for figure in table.figures(wish.spec.name, region, wish.period_kind, wish.period):
            for name, value in figure.dimensions.items():
                found[name][value] = found[name].get(value, 0) + (figure.measures[first] or 0)
    return {name: sorted(values, key=lambda value: (-values[value], value)) for name, values in found.items()}


def choose(spec: ViewSpec, asked: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the values to look at: those asked for, and one of each dimension that is never added up."""
    chosen = {name: value for name, value in asked.items() if value}
    for name in ONE_OF.get(spec.name, ()):
        if name not in chosen and known.get(name):
            chosen[name] = known[name][0]
    return chosen


def read_period(spec: ViewSpec, text: str | None, table: FigureTable) -> tuple[str, str]:
    """Return kind and text of a period; the newest one where none was asked for. Raises `Unreadable`."""
    if not text:
        return newest_period(spec, table)
    if text == NO_PERIOD:
        return NO_KIND, NO_PERIOD
    for kind in PeriodKind:
        try:
            Period.read(kind.value, text)
        except ValueError:
            continue
        return kind.value, text
    raise Unreadable(
        Text(
            f"'{text}' bukan periode; contoh: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
            f"'{text}' is no period; examples: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
        ),
        f"/tampilan/{spec.name}",
    )


def newest_period(spec: ViewSpec, table: FigureTable) -> tuple[str, str]:
    """Return the newest period of the kind that is read most; no period where there is none."""
    offered = offered_periods(spec, table)
    for kind in (*_PREFERRED, *offered):
        if offered.get(kind):
            return kind, offered[kind][0]
    return NO_KIND, NO_PERIOD


def offered_periods(spec: ViewSpec, table: FigureTable) -> Mapping[str, list[str]]:
    """Return the periods that a page offers, by kind, the newest first."""
    # Every page and stream asks; it takes a millisecond where there are many days, and changes seldom.
    known = _OFFERED.setdefault(table, {})
    version = table.version(spec.name)
    if known.get(spec.name, (-1, {}))[0] != version:
        known[spec.name] = (version, _offered(spec, table))
    return known[spec.name][1]


_OFFERED: "WeakKeyDictionary[FigureTable, dict[str, tuple[int, Mapping[str, list[str]]]]]" = WeakKeyDictionary()


def _offered(spec: ViewSpec, table: FigureTable) -> Mapping[str, list[str]]:
    there = table.period_kinds(spec.name)
    order = [kind for kind in dict.fromkeys((*_PREFERRED, *FIGURE_KINDS)) if kind in there]
    return {kind: table.periods(spec.name, kind)[: -_PERIODS_AT_MOST - 1 : -1] for kind in order}


def is_known_period(spec: ViewSpec, kind: str, period: str, table: FigureTable) -> bool:
    """Return whether the nation has figures or reports of a period."""
    if table.total(spec.name, NATION, kind, period) is not None:
        return True
    row = table.completeness(spec.event_type, NATION, kind, period)
    return row is not None and row.is_known


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


def _totals(table: FigureTable, wish: Wish, regions: Sequence[str]) -> dict[str, list[Figure]]:
    """Return the sums of places: one for each, or one for each value of a dimension of which some are left out."""
    wheres: list[dict[str, str]] = [dict(wish.chosen)]
    for one in wish.spec.dimensions:
        left_out = LEFT_OUT.get((wish.spec.name, one.name))
        if left_out and one.name not in wish.chosen:
            values = [value for value in table.values(wish.spec.name, one.name) if value not in left_out]
            wheres = [{**where, one.name: value} for where in wheres for value in values]
    found: dict[str, list[Figure]] = {}
    for where in wheres:
        for region, total in table.totals(wish.spec.name, regions, wish.period_kind, wish.period, where).items():
            found.setdefault(region, []).append(total)
    return found


def _value(measure: Measure, sums: Mapping[str, int]) -> float | None:
    if measure.over is not None:
        above, below = measure.over
        return sums[above] / sums[below] if sums[below] else None
    if measure.known is not None and not sums[measure.known]:
        return None
    return sums[measure.name]

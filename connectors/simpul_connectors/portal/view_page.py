"""The page of a view and place: everything that it says, before it is written as HTML or as a file. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.links import DEFAULT_SORT, MEASURE, PERIOD, SORT, read_path
from simpul_connectors.portal.measures import ONE_OF, Measure, first_measure, measures_of
from simpul_connectors.portal.numbers import period_text
from simpul_connectors.portal.reading import (
    Row,
    Wish,
    choose,
    class_of,
    completeness_of,
    is_known_period,
    newest_period,
    offered_periods,
    options,
    read_children,
    read_period,
    read_row,
    value_classes,
)
from simpul_connectors.subscribe.completeness import Completeness
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.restatements import Restatement
from simpul_schemas.figures import DIMENSION_CHARACTERS, VIEW_SPECS, ViewSpec
from simpul_schemas.periods import NO_KIND
from simpul_schemas.regions import NATION, level_of, load_regions
from simpul_schemas.rules import Text

#: Values of a dimension that a page offers or breaks down by.
_VALUES_AT_MOST = 40
_BREAKDOWN_AT_MOST = 12
_RESTATED_AT_MOST = 8
_UNKNOWN_LAST = float("-inf")


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a dimension, and what is known of it alone."""

    dimension: str
    value: str
    wish: Wish
    row: Row


@dataclass(frozen=True)
class ViewPage:
    """What a page of a view says; `periods` and `options` are what else could be asked for."""

    wish: Wish
    measure: Measure
    sort: str
    own: Row
    rows: Sequence[Row]
    periods: Mapping[str, Sequence[str]]
    options: Mapping[str, Sequence[str]]
    parts: Sequence[Sequence[Part]]
    completeness: Completeness | None
    restated: Sequence[Restatement]
    #: Whether the regions inside are kept by this portal; where they are not, nothing of them may look like nothing.
    is_held: bool

    @property
    def spec(self) -> ViewSpec:
        """The view."""
        return self.wish.spec

    @property
    def is_map(self) -> bool:
        """Whether the regions inside are the provinces, which have a map."""
        return self.wish.region == NATION

    @property
    def cover_title(self) -> Text | None:
        """What is told of coverage where no roster knows the place: how many gave what the view is about; else None."""
        return None if self.own.cover.expected is not None else measures_of(self.spec)[self.spec.coverage[0]].title

    def pair(self, row: Row) -> tuple[float | None, float | None]:
        """Return how many reported, of how many, at a place: by the roster, else by the view itself."""
        if self.cover_title is None:
            return row.cover.reported, row.cover.expected
        reported, expected = self.spec.coverage
        return row.values[reported], row.values[expected]

    def share(self, row: Row) -> float | None:
        """Return `pair` as a share; None where it is not known."""
        reported, expected = self.pair(row)
        return reported / expected if expected and reported is not None else None

    def classes(self) -> list[float]:
        """Return the upper ends of the classes that the map is coloured by."""
        return value_classes(row.values[self.measure.name] for row in self.rows)

    def class_numbers(self) -> dict[str, int | None]:
        """Return the class of each place on the map."""
        ends = self.classes()
        return {row.region: class_of(row.values[self.measure.name], ends) for row in self.rows}


def spec_of(view: str) -> ViewSpec:
    """Return a view by its name, or raise `Unreadable` that names those there are."""
    found = VIEW_SPECS.get(view)
    if found is None:
        known = ", ".join(VIEW_SPECS)
        raise Unreadable(
            Text(f"Tampilan '{view}' tidak ada; yang ada: {known}.", f"There is no view '{view}'; there are: {known}.")
        )
    return found


def read_wish(
    table: FigureTable, view: str, path: str, asked: Mapping[str, str], *, must_be_known: bool = True
) -> Wish:
    """Read what is asked for by a path and a query; raises `Unreadable` with what to do instead."""
    spec = spec_of(view)
    region = read_path(view, path)
    kind, period = read_period(spec, asked.get(PERIOD), table)
    if must_be_known and asked.get(PERIOD) and not is_known_period(spec, kind, period, table):
        raise _no_figures(spec, kind, period, table)
    bare = Wish(spec, region, kind, period)
    named = {one.name: asked.get(one.name, "")[:DIMENSION_CHARACTERS] for one in spec.dimensions}
    is_open = any(not named[name] for name in ONE_OF.get(view, ()))
    return Wish(spec, region, kind, period, choose(spec, named, options(table, bare) if is_open else {}))


def read_rows_of(table: FigureTable, view: str, path: str, asked: Mapping[str, str]) -> ViewPage:
    """Return the numbers of a page alone, as its files have them; raises as `read_view`."""
    wish = read_wish(table, view, path, asked)
    measure = _measure(wish.spec, asked.get(MEASURE) or first_measure(wish.spec))
    own, rows, sort = read_row(table, wish), read_children(table, wish), asked.get(SORT) or DEFAULT_SORT
    page = ViewPage(wish, measure, sort, own, rows, {}, {}, (), None, (), _is_held(table, wish))
    return replace(page, rows=_sorted(page))


def read_view(table: FigureTable, view: str, path: str, asked: Mapping[str, str]) -> ViewPage:
    """Return the page of a view and place; raises `Unreadable` with what to do instead."""
    page = read_rows_of(table, view, path, asked)
    wish = page.wish
    known = options(table, wish)
    return replace(
        page,
        periods=offered_periods(wish.spec, table),
        options={name: _with_chosen(values, wish.chosen.get(name)) for name, values in known.items()},
        parts=list(_breakdown(table, wish, known)),
        completeness=completeness_of(table, wish) if wish.period_kind != NO_KIND else None,
        restated=table.restatements(view, wish.region, wish.period_kind, wish.period)[:_RESTATED_AT_MOST],
    )


def _is_held(table: FigureTable, wish: Wish) -> bool:
    inside = load_regions().children(wish.region)
    levels = [level_of(wish.region), *(region.level for region in inside[:1])]
    return all(table.holds(wish.spec.name, level.value, wish.period_kind) for level in levels)


def _no_figures(spec: ViewSpec, kind: str, period: str, table: FigureTable) -> Unreadable:
    newest_kind, newest = newest_period(spec, table)
    indonesian = f" yang terbaru {period_text(newest_kind, newest, 'id')}." if newest else ""
    english = f" the newest is {period_text(newest_kind, newest, 'en')}." if newest else ""
    return Unreadable(
        Text(
            f"Belum ada angka untuk {period_text(kind, period, 'id')};{indonesian}",
            f"There are no figures of {period_text(kind, period, 'en')};{english}",
        ),
        f"/tampilan/{spec.name}",
    )


def _measure(spec: ViewSpec, name: str) -> Measure:
    found = measures_of(spec).get(name)
    if found is None:
        known = ", ".join(measures_of(spec))
        raise Unreadable(
            Text(
                f"Ukuran '{name}' tidak ada; yang ada: {known}.", f"There is no measure '{name}'; there are: {known}."
            ),
            f"/tampilan/{spec.name}",
        )
    return found


def _with_chosen(values: Sequence[str], chosen: str | None) -> list[str]:
    """Return what a page offers of a dimension: the most common values, and the chosen one wherever it stands."""
    offered = list(values[:_VALUES_AT_MOST])
    return offered if chosen is None or chosen in offered else [chosen, *offered]


def _breakdown(table: FigureTable, wish: Wish, known: Mapping[str, Sequence[str]]) -> "list[list[Part]]":
    """Take the place apart by each dimension that is not chosen and whose values may stand beside each other."""
    found = []
    for one in wish.spec.dimensions:
        values = known[one.name]
        if one.name in wish.chosen or one.name in ONE_OF.get(wish.spec.name, ()) or len(values) < 2:
            continue
        parts = []
        for value in values[:_BREAKDOWN_AT_MOST]:
            alone = Wish(wish.spec, wish.region, wish.period_kind, wish.period, {**wish.chosen, one.name: value})
            parts.append(Part(one.name, value, alone, read_row(table, alone)))
        found.append(parts)
    return found


def _sorted(page: ViewPage) -> list[Row]:
    rows, sort, measure = page.rows, page.sort, page.measure
    name = sort.removeprefix("-")
    keys: Mapping[str, Callable[[Row], tuple[bool, float | str]]] = {
        DEFAULT_SORT: lambda row: (False, row.region),
        "nama": lambda row: (False, row.name),
        "nilai": lambda row: _number(row.values[measure.name]),
        "laporan": lambda row: _number(page.share(row)),
    }
    if name not in keys:
        known = ", ".join(keys)
        raise Unreadable(
            Text(f"Urutan '{sort}' tidak ada; yang ada: {known}.", f"There is no order '{sort}'; there are: {known}.")
        )
    if not sort.startswith("-"):
        return sorted(rows, key=keys[name])
    # What is unknown stands last either way.
    ordered = sorted(rows, key=keys[name], reverse=True)
    return sorted(ordered, key=lambda row: keys[name](row)[0])


def _number(value: float | None) -> tuple[bool, float]:
    return value is None, _UNKNOWN_LAST if value is None else value

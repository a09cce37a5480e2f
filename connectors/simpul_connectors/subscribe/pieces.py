"""From decoded figures to rows that a table takes in: the part that may be done beside the event loop. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from simpul_connectors.subscribe.figure import Figure, FigureCoverage
from simpul_connectors.subscribe.held_rows import NULL, HeldRows, Key, Numbers, Rows
from simpul_schemas.figures import Coverage, ViewSpec

#: The numbers of a figure's row: its revision, its measures, and these.
COVERAGE_NUMBERS = ("expected", "reported", "on_time", "late", "coverage", "as_of")
_STATES = tuple(Coverage)


@dataclass(frozen=True)
class FigurePiece:
    """Figures of one view, level and kind of period, ready to be put into `HeldRows`."""

    spec: ViewSpec
    level: str
    period_kind: str
    rows: Rows


def width(spec: ViewSpec) -> int:
    """Return how many numbers a figure of a view has."""
    return 1 + len(spec.measures) + len(COVERAGE_NUMBERS)


def figure_pieces(spec: ViewSpec, frame: pl.DataFrame, at_most: int) -> list[FigurePiece]:
    """Cut decoded figures into pieces of one level and kind of period, and of so many rows at most."""
    states = {state.value: number for number, state in enumerate(_STATES)}
    coded = frame.with_columns(pl.col("coverage").replace_strict(states, default=0, return_dtype=pl.Int64))
    numbers = [pl.col(name).cast(pl.Int64).fill_null(NULL) for name in ("revision", *spec.measure_names)]
    numbers += [pl.col(name).cast(pl.Int64).fill_null(NULL) for name in COVERAGE_NUMBERS]
    found = []
    for (level, kind), whole in coded.group_by("level", "period_kind", maintain_order=True):
        for part in whole.iter_slices(at_most):
            texts = [part[name].to_list() for name in ("region", "period", *spec.dimension_names[2:])]
            missing = {at: tuple(names) for at, names in enumerate(part["missing"].to_list()) if names}
            keys: list[Key] = list(zip(*texts, strict=True))
            found.append(FigurePiece(spec, str(level), str(kind), Rows(keys, part.select(numbers).to_numpy(), missing)))
    return found


def figures_at(spec: ViewSpec, place: tuple[str, str], held: HeldRows, keys: Sequence[Key]) -> Iterator[Figure]:
    """Give rows that are there as figures; `place` is their level and kind of period."""
    for key, numbers in zip(keys, held.numbers(keys).tolist(), strict=True):
        yield _figure(spec, place, key, numbers, held.beside(key))


def _figure(
    spec: ViewSpec, place: tuple[str, str], key: Key, numbers: Sequence[int], missing: tuple[str, ...] | None
) -> Figure:
    level, kind = place
    region, period, *values = key
    return Figure(
        view=spec.name,
        level=level,
        region=region,
        period_kind=kind,
        period=period,
        dimensions=MappingProxyType(dict(zip(spec.dimension_names[2:], values, strict=True))),
        measures=MappingProxyType(dict(zip(spec.measure_names, numbers[1:], strict=False))),
        coverage=_coverage(numbers, missing),
        revision=numbers[0],
    )


def sum_at(
    spec: ViewSpec, place: tuple[str, str], held: HeldRows, keys: Sequence[Key], where: dict[str, str]
) -> Figure:
    """Return the sum of some figures of one place, which must be at least one; its coverage is the newest of theirs.

    Its revision is the sum of theirs, so it rises with each change of any of them.
    """
    numbers: Numbers = held.numbers(keys)
    newest = int(numbers[:, -1].argmax())
    level, kind = place
    region, period, *_ = keys[0]
    added = _added(numbers)
    return Figure(
        view=spec.name,
        level=level,
        region=region,
        period_kind=kind,
        period=period,
        dimensions=MappingProxyType(where),
        measures=MappingProxyType(dict(zip(spec.measure_names, added[1:], strict=False))),
        coverage=_coverage(numbers[newest].tolist(), held.beside(keys[newest])),
        revision=added[0],
    )


def _added(numbers: Numbers) -> list[int]:
    """Return the sum of each column, exactly: 64 bits are not enough for many large amounts or revisions."""
    largest = max(int(numbers.max()), -int(numbers.min()))
    if largest * len(numbers) < 2**63:
        return list(numbers.sum(axis=0).tolist())
    return [sum(column) for column in zip(*numbers.tolist(), strict=True)]


def _coverage(numbers: Sequence[int], missing: tuple[str, ...] | None) -> FigureCoverage:
    *counts, state, as_of = numbers[-len(COVERAGE_NUMBERS) :]
    expected, reported, on_time, late = (None if count == NULL else count for count in counts)
    return FigureCoverage(_STATES[state], expected, reported, on_time, late, missing or (), as_of)

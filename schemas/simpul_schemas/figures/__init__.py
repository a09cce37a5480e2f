"""The figures that readers get, one file a view; the engine that computes them is in `simpul_processors`."""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.errors import UnknownView
from simpul_schemas.figures.aid import AID
from simpul_schemas.figures.aid_items import AID_ITEMS
from simpul_schemas.figures.aspiration import ASPIRATION
from simpul_schemas.figures.budget import BUDGET
from simpul_schemas.figures.incident import INCIDENT
from simpul_schemas.figures.participation import PARTICIPATION
from simpul_schemas.figures.prevention import PREVENTION
from simpul_schemas.figures.report import REPORT
from simpul_schemas.figures.spec import (
    DIMENSION_CHARACTERS,
    FIGURE_COVERAGE,
    FIGURE_HEAD,
    FROM_DAYS,
    MISSING_AT_MOST,
    NOT_STATED,
    PARTIAL_HEAD,
    Coverage,
    Named,
    ViewSpec,
)

__all__ = [
    "DIMENSION_CHARACTERS",
    "FIGURE_COVERAGE",
    "FIGURE_HEAD",
    "FROM_DAYS",
    "MISSING_AT_MOST",
    "NOT_STATED",
    "PARTIAL_HEAD",
    "PARTICIPATION",
    "VIEW_SPECS",
    "Coverage",
    "Named",
    "ViewSpec",
    "view_spec",
]

_ALL = (INCIDENT, AID, AID_ITEMS, ASPIRATION, PREVENTION, PARTICIPATION, BUDGET, REPORT)
#: Every view by its name.
VIEW_SPECS: Mapping[str, ViewSpec] = MappingProxyType({spec.name: spec for spec in _ALL})


def view_spec(name: str) -> ViewSpec:
    """Return a view by its name, or raise `UnknownView` naming those that exist."""
    found = VIEW_SPECS.get(name)
    if found is None:
        known = ", ".join(VIEW_SPECS)
        raise UnknownView(
            f"Tampilan '{name}' tidak dikenal; yang ada: {known}.", f"There is no view '{name}'; there are: {known}."
        )
    return found

"""The fields of events that figures are made of, by view: what the contract must not lose.

The views themselves are expressions of `simpul_processors`, which this package does not know; a test there holds this
table against them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.events.envelope import Event
from simpul_schemas.figures import VIEW_SPECS

#: Fields of its event type that a view's period, dimensions and measures are computed from.
FIELDS_BY_VIEW: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: spec.fields for name, spec in VIEW_SPECS.items()}
)

#: Fields of reports that completeness is computed from.
COMPLETENESS_FIELDS = frozenset({"unit", "period_kind", "period", "claims"})


def used_fields(event_type: str) -> frozenset[str]:
    """Return the fields of an event type that must stay: the envelope, which the fold goes by, and what views use."""
    views = [name for name, view in VIEW_SPECS.items() if view.event_type == event_type]
    completeness = COMPLETENESS_FIELDS if event_type == "report" else frozenset()
    return frozenset(Event.model_fields).union(completeness, *(FIELDS_BY_VIEW[name] for name in views))

"""The views, one short file each. A new one is a file here, a spec in `simpul_schemas.figures` and a line in both."""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_processors.view import View
from simpul_processors.views import (
    aid,
    aid_items,
    aspiration,
    budget,
    incident,
    participation,
    prevention,
    report,
)

_ALL = (
    incident.VIEW,
    aid.VIEW,
    aid_items.VIEW,
    aspiration.VIEW,
    prevention.VIEW,
    participation.VIEW,
    budget.VIEW,
    report.VIEW,
)
#: Every view by its name.
VIEWS: Mapping[str, View] = MappingProxyType({view.spec.name: view for view in _ALL})

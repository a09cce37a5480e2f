"""The views, one short file each. A new one is a file here, a spec in `simpul_schemas.figures` and a line below."""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_processors.view import View
from simpul_processors.views import participation

#: Every view by its name.
VIEWS: Mapping[str, View] = MappingProxyType({view.spec.name: view for view in (participation.VIEW,)})

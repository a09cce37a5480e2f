"""Figures for readers: as they are and as they change, with their coverage beside every number.

`rows` decodes a view's topic, `figure` is what a reader gets, `subscription` the SDK and `commands` the command
`simpul subscribe`; `feed` reads for both, and `cursor` keeps how far a reader has come. `figure_table` is the read
model of all views that the portal asks, and `follow` keeps it in step with the bus. `tail` waits outages out for both.
"""

from simpul_connectors.subscribe.cursor import Cursor, CursorFile, CursorStore
from simpul_connectors.subscribe.feed import Start
from simpul_connectors.subscribe.figure import Figure, FigureCoverage
from simpul_connectors.subscribe.subscription import Subscription
from simpul_connectors.subscribe.wanted import Wanted

__all__ = ["Cursor", "CursorFile", "CursorStore", "Figure", "FigureCoverage", "Start", "Subscription", "Wanted"]

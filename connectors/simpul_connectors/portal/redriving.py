"""Mending refused records from the portal: the port, and what an operator sees of it.

The implementation belongs to the processors, which the portal may not import; `simpul_deploy.redriver` puts the two
together. `testing` holds the twin in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simpul_schemas.rules import Text


@dataclass(frozen=True, slots=True)
class Shown:
    """One refused record, personal data masked; `event` is None where its bytes cannot be read."""

    id: str
    codes: tuple[str, ...]
    event: Mapping[str, Any] | None
    quarantined_at: int
    is_redriven: bool = False


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did, or would do.

    `changes` are fields with their values before and after, personal ones masked; `refused` says why a mended event
    still does not pass; `already` that it was sent before.
    """

    topic: str = ""
    changes: Sequence[tuple[str, str, str]] = field(default_factory=list)
    refused: Text | None = None
    already: bool = False


class Redriver(Protocol):
    """Shows and redrives single refused records."""

    async def show(self, name: str) -> Shown:
        """Return a refused record by its id; raises `Unreadable` where there is none."""

    async def redrive(
        self, name: str, changes: Sequence[tuple[str, str]], by: str, reason: str, *, really: bool
    ) -> Redriven:
        """Set fields of a record, judge it, and send it again if `really`; twice does nothing more.

        Raises `Unreadable` where there is no such record.
        """

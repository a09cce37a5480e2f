"""What lies in the provinces' quarantine, counted by reason as it comes in. Pure; bounded.

Each refusal is counted once, whatever number of copies there are; one that was sent again is no longer open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simpul_schemas.quarantine import Marker, Origin, Refusal, parse_id

#: Refusals that are kept, about 250 bytes each; beyond it a province's counts say "at least".
REFUSALS_AT_MOST = 400_000
_Reason = tuple[str, str, str]


@dataclass(slots=True)
class Reason:
    """Refusals of a province under one code and event type; `first` and `last` are when they came, microseconds."""

    province: str
    code: str
    event_type: str
    open: int = 0
    redriven: int = 0
    first: int = 0
    last: int = 0


@dataclass(slots=True)
class QuarantineBook:
    """Counts; see the module."""

    at_most: int = REFUSALS_AT_MOST
    version: int = 0
    _reasons: dict[_Reason, Reason] = field(default_factory=dict)
    _of: dict[Origin, Reason] = field(default_factory=dict)
    _redriven: set[Origin] = field(default_factory=set)
    _cut: set[str] = field(default_factory=set)

    def add(self, item: Refusal | Marker) -> None:
        """Take in a record of a quarantine topic, in the order of the topic."""
        self.version += 1
        if isinstance(item, Marker):
            self._mark(item)
        elif item.origin not in self._of:
            self._count(item)

    def reasons(self, province: str) -> list[Reason]:
        """Return the reasons of a province: those with the most open refusals first."""
        found = [one for one in self._reasons.values() if one.province == province]
        return sorted(found, key=lambda one: (-one.open, -one.redriven, one.code, one.event_type))

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return for each province with refusals how many are open, and how many were sent again."""
        found: dict[str, tuple[int, int]] = {}
        for one in self._reasons.values():
            known = found.get(one.province, (0, 0))
            found[one.province] = (known[0] + one.open, known[1] + one.redriven)
        return found

    def is_cut(self, province: str) -> bool:
        """Return whether a province has more than is counted."""
        return province in self._cut

    def open_ids(self, province: str, at_most: int) -> Sequence[tuple[str, Reason]]:
        """Return ids of the newest open refusals of a province, with their reasons."""
        found = []
        for origin, reason in reversed(self._of.items()):
            if reason.province == province and origin not in self._redriven:
                found.append((origin.id, reason))
                if len(found) == at_most:
                    break
        return found

    def _count(self, refusal: Refusal) -> None:
        origin = refusal.origin
        if len(self._of) >= self.at_most:
            self._cut.add(origin.province)
            return
        key = (origin.province, refusal.codes[0], origin.event_type)
        reason = self._reasons.setdefault(key, Reason(*key))
        self._of[origin] = reason
        reason.first = min(reason.first or refusal.quarantined_at, refusal.quarantined_at)
        reason.last = max(reason.last, refusal.quarantined_at)
        if origin in self._redriven:
            reason.redriven += 1
        else:
            reason.open += 1

    def _mark(self, marker: Marker) -> None:
        origin = parse_id(marker.id)
        if origin is None or origin in self._redriven:
            return
        reason = self._of.get(origin)
        if reason is None and len(self._of) >= self.at_most:
            return
        self._redriven.add(origin)
        if reason is not None:
            reason.open -= 1
            reason.redriven += 1

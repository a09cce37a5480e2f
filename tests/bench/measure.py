"""What a bench returns, and how runs are put side by side."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any


def side_by_side(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run all sides in turn (A B A B), so that what else happens on the machine befalls them alike.

    Returns for each side what its runs returned, events per second.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            found[name].append(run())
    return found


def ratio(name: str, goal: float, ours: Sequence[float], theirs: Sequence[float], **more: Any) -> dict[str, Any]:
    """Describe a comparison: the medians of both sides, their ratio, and whether the goal is met."""
    found = median(ours) / median(theirs)
    return {
        "name": name,
        "ratio": round(found, 3),
        "goal": goal,
        "met": found >= goal,
        "ours": round(median(ours)),
        "theirs": round(median(theirs)),
        "unit": "events/s",
        "runs": {"ours": [round(one) for one in ours], "theirs": [round(one) for one in theirs]},
        **more,
    }

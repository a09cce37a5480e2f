"""How far each stage of the fold is behind, in seconds, and its last hour; out of samples of offsets. Pure.

A stage is behind since the moment at which the first record that it has not done was first seen in a sample. So a lag
is right to the length of a sample, and one that began before the first sample is told as "at least".
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Partition
from simpul_schemas.regions import load_regions
from simpul_schemas.topics import (
    COVERAGE_TOPIC,
    ROSTER_TOPIC,
    event_topic,
    partial_topic,
    quarantine_topic,
    restatement_topic,
    view_topic,
)

#: What the consumer groups of the fold begin with.
GROUP_PREFIX = "simpul.fold."
HOUR_SECONDS = 3600.0
#: Moments at which ends were seen that a partition keeps for a stage that is behind; older ones stay the first.
_MARKS_AT_MOST = 256
#: Points of a trend.
TREND_POINTS = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """What the broker said at a moment (monotonic seconds): ends, offsets done by stage, members by stage.

    `appended` are moments of the newest record by topic, microseconds since the epoch, as far as they were asked for.
    """

    at: float
    ends: Mapping[Partition, int]
    done: Mapping[str, Mapping[Partition, int]]
    members: Mapping[str, int]
    appended: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StageStatus:
    """A stage: seconds and records behind, whether the seconds are the least that it can be, members, its last hour."""

    name: str
    seconds: float
    is_least: bool
    records: int
    members: int
    trend: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """A topic: records that it ever took, and when it took the newest, microseconds since the epoch or None."""

    name: str
    records: int
    last: int | None


@cache
def stage_topics() -> Mapping[str, Sequence[str]]:
    """Return the topics that each stage of the fold reads, by its name."""
    provinces = load_regions().provinces()
    found: dict[str, list[str]] = {}
    for name, spec in VIEW_SPECS.items():
        found[f"{name}.partial"] = [event_topic(province, spec.event_type) for province in provinces]
        found[f"{name}.figure"] = [partial_topic(name)]
    found["completeness"] = [ROSTER_TOPIC]
    return found


@cache
def watched_topics() -> list[str]:
    """Return every topic whose newest record is told."""
    provinces = load_regions().provinces()
    events = [event_topic(province, spec.event_type) for spec in VIEW_SPECS.values() for province in provinces]
    folded = [make(name) for name in VIEW_SPECS for make in (partial_topic, view_topic, restatement_topic)]
    quarantines = [quarantine_topic(province) for province in provinces]
    return list(dict.fromkeys([*events, *folded, COVERAGE_TOPIC, ROSTER_TOPIC, *quarantines]))


@dataclass(slots=True)
class _Behind:
    """Ends of a partition with the moments at which they were first seen, as far as they are not done."""

    seen: int = 0
    began: bool = False
    marks: deque[tuple[int, float, bool]] = field(default_factory=deque)

    def look(self, end: int, done: int, at: float) -> tuple[float, bool]:
        """Take in a sample; returns since when there is something to do, and whether it may be older."""
        if end > self.seen and len(self.marks) < _MARKS_AT_MOST:
            self.marks.append((end, at, not self.began))
        elif end > self.seen:
            newest = self.marks.pop()
            self.marks.append((end, newest[1], newest[2]))
        self.seen, self.began = max(self.seen, end), True
        while self.marks and self.marks[0][0] <= done:
            self.marks.popleft()
        return (self.marks[0][1], self.marks[0][2]) if self.marks else (at, False)


class BusStatus:
    """Takes in samples and tells how the bus is."""

    def __init__(self) -> None:
        self._behind: dict[tuple[str, Partition], _Behind] = {}
        self._trends: dict[str, deque[tuple[float, float]]] = {}
        self._now: dict[str, StageStatus] = {}
        self._topics: dict[str, TopicStatus] = {}
        #: Monotonic seconds of the newest sample; None before the first.
        self.sampled_at: float | None = None

    def take(self, sample: Sample) -> None:
        """Take in a sample; they come in the order of time."""
        self.sampled_at = sample.at
        ends: dict[str, dict[Partition, int]] = {}
        for partition, end in sample.ends.items():
            ends.setdefault(partition.topic, {})[partition] = end
        for name, topics in stage_topics().items():
            found = {partition: end for topic in topics for partition, end in ends.get(topic, {}).items()}
            self._take_stage(name, found, sample)
        for topic, partitions in ends.items():
            known = self._topics.get(topic)
            last = sample.appended.get(topic, known.last if known else None)
            self._topics[topic] = TopicStatus(topic, sum(partitions.values()), last)

    def stages(self) -> list[StageStatus]:
        """Return every stage as it was in the newest sample, with its last hour."""
        now = self.sampled_at or 0.0
        return [replace(one, trend=thinned(self._trends[one.name], now)) for one in self._now.values()]

    def topics(self) -> list[TopicStatus]:
        """Return every topic that was seen, by name."""
        return [self._topics[name] for name in sorted(self._topics)]

    def workers(self) -> int:
        """Return how many workers are alive: as many as the stage with the most members has."""
        return max((stage.members for stage in self._now.values()), default=0)

    def _take_stage(self, name: str, ends: Mapping[Partition, int], sample: Sample) -> None:
        done = sample.done.get(name, {})
        since, is_least, records = sample.at, False, 0
        for partition, end in ends.items():
            finished = done.get(partition, 0)
            began, least = self._behind.setdefault((name, partition), _Behind()).look(end, finished, sample.at)
            records += max(0, end - finished)
            if began < since or (began == since and least):
                since, is_least = began, least
        trend = self._trends.setdefault(name, deque())
        trend.append((sample.at, sample.at - since))
        while trend and trend[0][0] < sample.at - HOUR_SECONDS:
            trend.popleft()
        members = sample.members.get(name, 0)
        self._now[name] = StageStatus(name, sample.at - since, is_least, records, members, ())


def thinned(trend: Sequence[tuple[float, float]], now: float) -> tuple[float, ...]:
    """Return the largest value of each minute of the last hour that was sampled, the oldest first."""
    found: dict[int, float] = {}
    for at, value in trend:
        slot = TREND_POINTS - 1 - int((now - at) // (HOUR_SECONDS / TREND_POINTS))
        found[slot] = max(found.get(slot, 0.0), value)
    return tuple(found[slot] for slot in sorted(found))


def spark_path(values: Sequence[float], width: float = 100.0, height: float = 20.0) -> str:
    """Return the path of a sparkline in a box; one value is a level line, and the ceiling is at least a second."""
    if not values:
        return ""
    top = max(1.0, *values)
    points = values if len(values) > 1 else [values[0], values[0]]
    step = width / (len(points) - 1)
    steps = (f"{number * step:.1f} {height - value / top * (height - 1):.1f}" for number, value in enumerate(points))
    return "M" + " L".join(steps)

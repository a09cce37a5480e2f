"""A nation made up for the portal's tests: figures, completeness, restatements and refusals in memory.

The numbers are drawn from a fixed seed; a few that tests speak of are set by hand.
"""

import asyncio
import io
import random
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from simpul_connectors.portal.app import Parts, make_app
from simpul_connectors.portal.bus_status import BusStatus, Sample, stage_topics
from simpul_connectors.portal.guard import Door
from simpul_connectors.portal.journal import Journal
from simpul_connectors.portal.metrics import PortalMetrics
from simpul_connectors.portal.operators import OperatorFile
from simpul_connectors.portal.quarantine_book import QuarantineBook
from simpul_connectors.portal.redriving import Redriver
from simpul_connectors.portal.server import make_server
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.follow import Follower
from simpul_connectors.testing import FigureBus
from simpul_schemas.coverage import COVERAGE_SCHEMA, ROSTER_SHIFT, Place
from simpul_schemas.log import Block, Partition, StartOffset
from simpul_schemas.quarantine import Origin, Refusal
from simpul_schemas.regions import NATION, level_of, load_regions
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.testing import InMemoryReader
from simpul_schemas.topics import COVERAGE_TOPIC, event_topic, restatement_topic

MONTH = ("MONTH", "2024-02")
#: 11 March 2024, 09.00 WIB.
AS_OF = 1_710_122_400_000_000


class PatientReader(InMemoryReader):
    """Waits a moment where there is nothing, as a broker would."""

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        found = await super().read(max_records, timeout_seconds)
        if not found:
            await asyncio.sleep(min(timeout_seconds, 0.05))
        return found


class PatientBus(FigureBus):
    """A bus in memory whose readers wait as a broker's do."""

    def reader(self, topics: Sequence[str], start: StartOffset) -> PatientReader:
        """See `FigureBus`."""
        return PatientReader(self.log, topics, start)


@dataclass
class Nation:
    """Figures on a bus in memory, read by the real follower into the real table."""

    bus: FigureBus = field(default_factory=PatientBus)
    table: FigureTable = field(default_factory=FigureTable)
    book: QuarantineBook = field(default_factory=QuarantineBook)
    status: BusStatus = field(default_factory=BusStatus)
    log: io.StringIO = field(default_factory=io.StringIO)
    _revision: int = 0

    def figure(self, view: str, region: str, period: tuple[str, str] = MONTH, **fields: Any) -> None:
        """Publish a figure."""
        self._revision += 1
        kind, text = period
        fields = {"as_of": AS_OF, **fields}
        self.bus.publish(view, region, self._revision, period_kind=kind, period=text, **fields)

    def completeness(self, event_type: str, region: str, period: tuple[str, str] = MONTH, **fields: Any) -> None:
        """Publish who reported."""
        self._revision += 1
        kind, text = period
        record: dict[str, Any] = Place(event_type, level_of(region).value, region, kind, text)._asdict()
        record |= {"revision": (1 << ROSTER_SHIFT) + self._revision, "closed": True, "direct": True, "as_of": AS_OF}
        record |= dict.fromkeys(
            ("expected", "reported", "on_time", "late", "silent", "nil", "claimed", "unexpected"), 0
        )
        record |= {name: [] for name in ("missing", "silent_units", "late_units")}
        self.bus.append(COVERAGE_TOPIC, COVERAGE_SCHEMA, record | fields)

    def restate(self, view: str, region: str, measure: str, before: int, after: int, why: str = "LATE") -> None:
        """Publish a restatement."""
        self._revision += 1
        record = {
            "view": view,
            "level": level_of(region).value,
            "region": region,
            "period_kind": MONTH[0],
            "period": MONTH[1],
            "dimensions": [{"name": "kind", "value": "DISASTER"}],
            "revision": self._revision,
            "revision_before": self._revision - 1,
            "changes": [{"measure": measure, "before": before, "after": after, "difference": after - before}],
            "why": why,
            "at": AS_OF + 86_400_000_000,
        }
        self.bus.append(restatement_topic(view), RESTATEMENT_SCHEMA, record)

    def refuse(self, province: str, code: str, offset: int, event_type: str = "incident") -> None:
        """Put a refusal into quarantine."""
        origin = Origin(Partition(event_topic(province, event_type), 0), offset)
        self.book.add(Refusal(origin, (code,), b"k", b"v", AS_OF, AS_OF + offset))

    def follower(self) -> Follower:
        """Return what reads the bus into the table."""
        return Follower(self.table, self.bus)

    def read(self) -> None:
        """Read all that was published."""

        async def read() -> None:
            follower = self.follower()
            task = asyncio.create_task(follower.run())
            await follower.caught_up()
            task.cancel()

        asyncio.run(read())

    def parts(self, folder: Path, redriver: Redriver | None = None, **more: Any) -> Parts:
        """Return the parts of a portal over this nation."""

        def now() -> int:
            return time.time_ns() // 1000

        return Parts(
            self.table,
            self.book,
            self.status,
            OperatorFile(folder / "operators.json", b"pepper of a test", now),
            Journal(self.log, now, folder / "audit.jsonl"),
            PortalMetrics(self.status),
            time.monotonic,
            redriver,
            **more,
        )

    def app(self, folder: Path, redriver: Redriver | None = None, **more: Any) -> Any:
        """Return the application of a portal over this nation."""
        return make_app(self.parts(folder, redriver, **more))


def full_nation(*, is_read: bool = True) -> Nation:
    """Make a nation with incidents in all provinces and the kabupaten of one, and other views in a few places.

    Without `is_read` its figures lie on the bus only, for a follower to read them.
    """
    nation = Nation()
    draw = random.Random(7)
    provinces = [region.code for region in load_regions().children(NATION)]
    totals: dict[str, int] = {}
    reported_all = expected_all = 0
    for number, province in enumerate(provinces):
        expected = len(load_regions().children(province)) + 1
        silent = 2 if province == "73" else expected * 3 // 5 if province == "95" else draw.choice((0, 0, 0, 1))
        late = 1 if province == "73" else draw.choice((0, 0, 1))
        reported = expected - silent
        reported_all, expected_all = reported_all + reported, expected_all + expected
        cover = _cover(expected, reported, late, province)
        quiet = {"96": reported, "94": reported - 1}.get(province, 1)
        nation.completeness("incident", province, **_row(cover, silent, province) | {"nil": quiet})
        if province in {"94", "96"}:  # all of 96 say that nothing happened; what one of 94 speaks of has not come
            continue
        for kind in ("CONFLICT", "DISASTER", "DISTURBANCE"):
            count = 12 if province == "73" and kind == "DISASTER" else draw.randint(0, 4 + 3 * (number % 7))
            totals[kind] = totals.get(kind, 0) + count
            nation.figure("incident", province, **_incident(kind, count, draw), **cover)
    cover = _cover(expected_all, reported_all, 9, NATION)
    nation.completeness("incident", NATION, **_row(cover, expected_all - reported_all, NATION))
    for kind, count in totals.items():
        nation.figure("incident", NATION, **_incident(kind, count, draw), **cover)
        nation.figure("incident", NATION, ("YEAR", "2024"), **_incident(kind, count * 9, draw), **cover)
        nation.figure("incident", NATION, ("MONTH", "2024-01"), **_incident(kind, count + 3, draw), **cover)
    _south_sulawesi(nation, draw)
    _other_views(nation, provinces, draw)
    nation.restate("incident", "73", "incidents", 11, 12)
    nation.restate("incident", NATION, "incidents", 311, 312, "CORRECTION")
    for offset in range(6):
        nation.refuse("53", "region.unknown" if offset % 2 else "incident.count_negative", offset)
    _sample(nation.status)
    if is_read:
        nation.read()
    return nation


def _cover(expected: int, reported: int, late: int, region: str) -> dict[str, Any]:
    missing = [f"kesbangpol.{region}.{number:02}" for number in range(1, min(20, expected - reported) + 1)]
    return {
        "expected": expected,
        "reported": reported,
        "on_time": reported - late,
        "late": late,
        "coverage": "CLOSED",
        "missing": missing,
    }


def _row(cover: dict[str, Any], silent: int, region: str) -> dict[str, Any]:
    counts = {name: cover[name] for name in ("expected", "reported", "on_time", "late", "missing")}
    late = [f"bpbd.{region}.{number:02}" for number in range(30, 30 + cover["late"])]
    return counts | {"silent": silent, "silent_units": cover["missing"], "late_units": late, "nil": 0}


def _incident(kind: str, count: int, draw: random.Random) -> dict[str, Any]:
    known = count * 3 // 4
    return {
        "kind": kind,
        "severity": "MINOR",
        "incidents": count,
        "verified": count // 2,
        "resolved": count // 3,
        "assessed": known,
        "killed": draw.randint(0, known) if kind != "DISTURBANCE" else 0,
        "killed_known": known if kind != "DISTURBANCE" else 0,
        "displaced": known * 1234,
        "displaced_known": known,
        "loss_idr": known * 1_250_000_000,
        "loss_idr_known": known,
    }


def _south_sulawesi(nation: Nation, draw: random.Random) -> None:
    for number, regency in enumerate(load_regions().children("73")):
        reports = number not in {8, 14}
        cover = _cover(1, int(reports), int(number == 1), regency.code)
        nation.completeness("incident", regency.code, **_row(cover, int(not reports), regency.code))
        if number % 3 != 2:
            nation.figure("incident", regency.code, **_incident("DISASTER", number % 5, draw), **cover)
    for number, district in enumerate(load_regions().children("73.71")):
        if number % 2:
            nation.figure("incident", district.code, **_incident("DISASTER", 1, draw), **_cover(1, 1, 0, "73.71"))


def _other_views(nation: Nation, provinces: list[str], draw: random.Random) -> None:
    election = "pilpres-2024"
    for place in (NATION, *provinces):
        size = 38 if place == NATION else 1
        registered = draw.randint(900_000, 9_000_000) * size
        came = int(registered * draw.uniform(0.72, 0.88))
        nation.figure(
            "participation",
            place,
            ("NONE", "-"),
            election=election,
            stations=registered // 250,
            stations_reported=registered // 251,
            registered=registered,
            turned_out=came,
            valid=came - came // 40,
            invalid=came // 40,
            rate_registered=registered,
            rate_turned_out=came,
        )
        for status, value in (("HANDED_OVER", 123_456_789_050), ("PLANNED", 999_999_999_999)):
            nation.figure("aid", place, aid_kind="GOODS", status=status, handovers=7, valued=7, value_sen=value * size)


def _sample(status: BusStatus) -> None:
    """Let an hour of samples pass, in which one stage falls behind and comes back."""
    stages = stage_topics()
    for minute in range(60):
        ends = {Partition(topic, 0): 1000 + minute * 10 for topics in stages.values() for topic in topics}
        done = {
            name: {Partition(topic, 0): ends[Partition(topic, 0)] for topic in topics}
            for name, topics in stages.items()
        }
        if 20 < minute < 32:
            behind = {Partition(topic, 0): 1200 for topic in stages["incident.partial"]}
            done["incident.partial"] = behind
        appended = {partition.topic: AS_OF + minute * 60_000_000 for partition in ends}
        at = time.monotonic() - (59 - minute) * 60
        status.take(Sample(at, ends, done, dict.fromkeys(stages, 2), appended))


class LivePortal:
    """A real server in a thread of its own, over a nation that a test goes on publishing to."""

    def __init__(self, nation: Nation, folder: Path, redriver: Redriver | None = None, **more: Any) -> None:
        self.nation = nation
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.parts = nation.parts(folder, redriver, **more)
        self._server = make_server(self.parts, Door(self.parts.limits))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listener)), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    async def _run(self, listener: socket.socket) -> None:
        follower = self.nation.follower()
        task = asyncio.create_task(follower.run())
        await self._server.serve(sockets=[listener])
        task.cancel()

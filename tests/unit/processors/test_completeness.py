"""Completeness: who was expected, who reported, when; told by the time of the log alone."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_processors.completeness import COUNTS, Roster, Statement, UnitPeriod, judge
from simpul_processors.completeness_stage import CompletenessStage
from simpul_processors.fold import settle
from simpul_processors.store import Space
from simpul_processors.testing import InMemoryStore
from simpul_schemas import rows
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.contract import event_type
from simpul_schemas.coverage import COVERAGE_SCHEMA, places
from simpul_schemas.log import Block, Partition
from simpul_schemas.periods import Period, containing
from simpul_schemas.regions import load_regions
from simpul_schemas.roster import ROSTER_SCHEMA, Held, RosterAction, RosterEntry, example, tick_record
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import COVERAGE_TOPIC, ROSTER_TOPIC, event_topic, value_subject
from simpul_schemas.wire import frame, unframe

REPORT = event_type("report")
ROSTER = fastavro.parse_schema(json.loads(ROSTER_SCHEMA))
COVERAGE = fastavro.parse_schema(json.loads(COVERAGE_SCHEMA))
PROVINCES = load_regions().provinces()
#: A record as it lies in the log: topic, key, Avro value, append time.
Logged = tuple[str, str, bytes, int]


def at(text: str) -> int:
    """Microseconds of a moment; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def a_registry() -> InMemoryRegistry:
    registry = InMemoryRegistry()
    registry.register(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA)
    registry.register(value_subject(COVERAGE_TOPIC), COVERAGE_SCHEMA)
    for province in PROVINCES:
        registry.register(value_subject(event_topic(province, "report")), REPORT.schema)
    return registry


REGISTRY = a_registry()
IDS = {
    "roster": REGISTRY.lookup(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA),
    "report": REGISTRY.lookup(value_subject(event_topic("53", "report")), REPORT.schema),
}


def an_entry(unit: str = "u1", region: str = "53.01", **values: Any) -> RosterEntry:
    """A monthly report of incidents from January 2024 on, with seven days."""
    standard: dict[str, Any] = {
        "name": f"Badan {unit}",
        "event_type": "incident",
        "period_kind": PeriodKind.MONTH,
        "valid_from": date(2024, 1, 1),
        "valid_to": None,
        "days_allowed": 7,
    }
    return RosterEntry(unit=unit, region=region, **(standard | values))


def roster(entry: RosterEntry, moment: int, revision: int = 1, action: RosterAction = RosterAction.SUBMIT) -> Logged:
    value = rows.encode(ROSTER, entry.to_record(action, revision))
    return ROSTER_TOPIC, entry.key, frame(IDS["roster"], value), moment


def tick(moment: int) -> Logged:
    return ROSTER_TOPIC, "tick", frame(IDS["roster"], rows.encode(ROSTER, tick_record(moment))), moment


def report(unit: str, region: str, moment: int, period: str = "2024-02", revision: int = 1, **values: Any) -> Logged:
    claims = values.pop("claims", {"incident": 3})
    topic = event_topic(region[:2], "report")
    record = dict.fromkeys((field["name"] for field in REPORT.parsed_schema["fields"]), None)
    record |= {
        "event_id": f"018e0000-0000-7000-8000-{values.pop('tie', revision):012x}",
        "subject": values.pop("subject", f"laporan:{unit}:{period}"),
        "revision": revision,
        "action": "SUBMIT",
        "region": region,
        "occurred_at": moment,
        "recorded_at": moment,
        "published_at": moment,
        "source": "uji",
        "mode": "ACTUAL",
        "unit": unit,
        "period_kind": "MONTH",
        "period": period,
        "claims": [{"event_type": name, "count": count} for name, count in claims.items()],
    }
    record |= values
    return topic, record["subject"], frame(IDS["report"], rows.encode(REPORT.parsed_schema, record)), moment


def blocks(logged: Sequence[Logged], start: dict[str, int]) -> list[Block]:
    """The records as blocks, one a topic; `start` counts the offsets on."""
    found = []
    for topic, group in groupby(sorted(logged, key=lambda one: one[0]), key=lambda one: one[0]):
        mine = list(group)
        first = start.get(topic, 0)
        start[topic] = first + len(mine)
        found.append(
            Block(
                Partition(topic, 0),
                [value for _, _, value, _ in mine],
                [key.encode() for _, key, _, _ in mine],
                range(first, first + len(mine)),
                [moment for _, _, _, moment in mine],
            )
        )
    return found


class Reader:
    """What a reader of the completeness topic holds: for each place the row of the highest revision."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], dict[str, Any]] = {}

    def take(self, values: Iterable[bytes | None]) -> None:
        for value in values:
            assert value is not None
            _, body = unframe(value)
            row = rows.decode(COVERAGE, body)
            place = tuple(row[name] for name in ("event_type", "level", "region", "period_kind", "period"))
            old = self.rows.get(place)
            if old is None or row["revision"] > old["revision"]:
                self.rows[place] = row

    def row(self, region: str = "ID", kind: str = "MONTH", period: str = "2024-02", what: str = "incident") -> Any:
        level = "nation" if region == "ID" else ("province", "regency", "district")[region.count(".")]
        return self.rows[what, level, region, kind, period]

    def said(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """All rows that say something, without what only tells them apart."""
        return {
            place: {name: value for name, value in row.items() if name not in {"revision", "as_of"}}
            for place, row in self.rows.items()
            if row["expected"] or row["unexpected"]
        }


def run(
    batches: Iterable[Sequence[Logged]], store: InMemoryStore | None = None, reader: Reader | None = None
) -> tuple[Reader, InMemoryStore]:
    reader = reader or Reader()
    store = store or InMemoryStore()
    start: dict[str, int] = {}
    stage = CompletenessStage(REGISTRY)
    for batch in batches:
        if batch:
            put(stage, store, blocks(batch, start), reader)
    return reader, store


def put(stage: CompletenessStage, store: InMemoryStore, batch: Sequence[Block], reader: Reader) -> None:
    """Put one batch through, and publish what is due."""
    with store.transaction() as transaction:
        assert stage.apply(transaction, batch) == []
    with store.snapshot() as snapshot:
        due = stage.due(snapshot)
    reader.take(one.value for one in due.records)
    with store.transaction() as transaction:
        settle(transaction, due.entries)


def the_nation() -> list[Logged]:
    """514 expected for February, 3 silent, 2 late, 1 nil; the last record of the log is a tick."""
    entries = example(date(2024, 2, 1))
    logged = [roster(entry, at("2024-02-01T08:00")) for entry in entries]
    for number, entry in enumerate(entries[3:]):
        moment = at("2024-03-09T08:00") if number < 2 else at("2024-03-05T08:00")
        claims = {"incident": 0 if number == 2 else 3}
        logged.append(report(entry.unit, entry.region, moment, claims=claims))
    return [*sorted(logged, key=lambda one: one[3]), tick(at("2024-03-09T17:00"))]


# What the issue asks for.


def test_of_514_expected_3_silent_2_late_and_1_nil_are_told_with_their_names_by_the_clock_alone() -> None:
    logged = the_nation()
    before, _ = run([logged[:-1]])
    assert before.row()["closed"] is True, "the late reports came after the deadline"
    without_late = [one for one in logged if one[3] < at("2024-03-08")]
    waiting, _ = run([without_late])
    row = waiting.row()
    assert (row["expected"], row["reported"], row["silent"], row["closed"]) == (514, 509, 0, False)
    closed, _ = run([without_late, [tick(at("2024-03-07T17:00"))]])
    row = closed.row()
    assert (row["expected"], row["reported"], row["on_time"], row["late"], row["nil"]) == (514, 509, 509, 0, 1)
    # The days allowed end at midnight: 15:00 UTC in WIT, 16:00 in WITA, and now in WIB.
    assert (row["silent"], row["closed"]) == (5, True)
    done, _ = run([logged])
    row = done.row()
    assert (row["expected"], row["reported"], row["on_time"], row["late"], row["silent"], row["nil"]) == (
        514,
        511,
        509,
        2,
        3,
        1,
    )
    entries = example(date(2024, 2, 1))
    assert row["silent_units"] == sorted(entry.name for entry in entries[:3]) == row["missing"]
    assert row["late_units"] == sorted(entry.name for entry in entries[3:5])
    assert row["claimed"] == 510 * 3
    province = done.row(entries[0].region[:2])
    assert (province["expected"] - province["reported"], province["missing"]) == (3, row["missing"])


def test_each_zone_closes_at_its_own_midnight() -> None:
    regions = {"u7": "53.01", "u8": "73.71", "u9": "91.03"}  # NTT is WITA as well
    entries = [roster(an_entry(unit, region), at("2024-02-01")) for unit, region in regions.items()]
    reader, store = run([entries])
    seen = []
    start: dict[str, int] = {ROSTER_TOPIC: 3}
    for hour in ("14:59", "15:00", "15:59", "16:00", "16:59", "17:00"):
        put(CompletenessStage(REGISTRY), store, blocks([tick(at(f"2024-03-07T{hour}"))], start), reader)
        seen.append(reader.row()["silent"])
    assert seen == [0, 1, 1, 3, 3, 3]


def test_a_report_is_on_time_until_the_last_moment_of_the_days_allowed() -> None:
    entries = [roster(an_entry(unit, "31.71"), at("2024-02-01")) for unit in ("a", "b")]
    due = at("2024-03-08T00:00+07:00")
    reader, _ = run([[*entries, report("a", "31.71", due - 1), report("b", "31.71", due)]])
    row = reader.row()
    assert (row["on_time"], row["late"], row["late_units"]) == (1, 1, ["Badan b"])


def test_a_corrected_report_stays_on_time_and_a_withdrawn_one_is_missing_again() -> None:
    entry = roster(an_entry(), at("2024-02-01"))
    first = report("u1", "53.01", at("2024-03-02"), claims={"incident": 3})
    correction = report("u1", "53.01", at("2024-04-02"), revision=2, claims={"incident": 5})
    withdrawal = report("u1", "53.01", at("2024-04-03"), revision=3, action="WITHDRAW")
    row = run([[entry, first, correction]])[0].row()
    assert (row["reported"], row["on_time"], row["claimed"]) == (1, 1, 5)
    row = run([[entry, first, correction, withdrawal]])[0].row()
    assert (row["expected"], row["reported"], row["silent"], row["claimed"], row["missing"]) == (
        1,
        0,
        1,
        0,
        ["Badan u1"],
    )


def test_a_report_that_was_meant_for_another_month_is_late_where_it_came_late() -> None:
    entry = roster(an_entry(), at("2024-01-01"))
    wrong = report("u1", "53.01", at("2024-02-02"), period="2024-01", subject="l")
    right = report("u1", "53.01", at("2024-04-02"), period="2024-02", subject="l", revision=2)
    reader, _ = run([[entry, wrong, right]])
    assert reader.row(period="2024-01")["reported"] == 0
    assert (reader.row()["reported"], reader.row()["on_time"]) == (1, 0)


@pytest.mark.parametrize("mode", ["TEST", "EXERCISE"])
def test_an_exercise_reports_nothing(mode: str) -> None:
    reader, _ = run([[roster(an_entry(), at("2024-02-01")), report("u1", "53.01", at("2024-03-02"), mode=mode)]])
    assert reader.row()["reported"] == 0


def test_a_report_that_nobody_expects_counts_nowhere_but_is_told() -> None:
    entry = roster(an_entry(), at("2024-02-01"))
    stranger = report("u9", "53.02", at("2024-03-02"))
    impostor = report("u1", "73.71", at("2024-03-02"))
    reader, store = run([[entry, stranger, impostor]])
    row = reader.row()
    assert (row["expected"], row["reported"], row["unexpected"]) == (1, 0, 2)
    assert (reader.row("53")["unexpected"], reader.row("73")["unexpected"]) == (1, 1)
    more = [roster(an_entry("u9", "53.02"), at("2024-03-03"))]
    run([[], more], store, reader)
    assert (reader.row()["expected"], reader.row()["reported"], reader.row()["unexpected"]) == (2, 1, 1)


def test_a_split_changes_expected_and_reported_alike_also_in_the_past() -> None:
    whole = an_entry("induk", "53.01")
    reports = [report("induk", "53.01", at("2024-03-02")), report("pemekaran", "53.02", at("2024-03-03"))]
    reader, store = run([[roster(whole, at("2024-01-01")), *reports]])
    assert (reader.row()["expected"], reader.row()["reported"]) == (1, 1)
    split = [
        roster(an_entry("induk", "53.01", valid_to=date(2024, 2, 15)), at("2024-04-01"), 2),
        roster(an_entry("pemekaran", "53.02", valid_from=date(2024, 2, 15)), at("2024-04-01")),
    ]
    start = {ROSTER_TOPIC: 1}
    put(CompletenessStage(REGISTRY), store, blocks(split, start), reader)
    # February belongs to the unit that is there on its last day; January still to the older one.
    assert (reader.row()["expected"], reader.row()["reported"], reader.row()["unexpected"]) == (1, 1, 1)
    assert reader.row("53.01")["expected"] == 0
    assert reader.row("53.02")["reported"] == 1
    assert reader.row(period="2024-01")["expected"] == 1
    assert reader.row("53.01", period="2024-03")["expected"] == 0


def test_longer_periods_are_the_sums_of_their_months() -> None:
    entry = roster(an_entry(), at("2024-01-01"))
    reports = [report("u1", "53.01", at("2024-05-03"), period=f"2024-0{month}") for month in (1, 2, 4)]
    reader, _ = run([[entry, *reports]])
    for kind, period, expected in (("CATURWULAN", "2024-C1", 4), ("CATURWULAN", "2024-C2", 1), ("YEAR", "2024", 5)):
        row = reader.row("53", kind, period)
        assert row["expected"] == expected
        assert row["closed"] is False
    row = reader.row("53", "CATURWULAN", "2024-C1")
    assert (row["reported"], row["on_time"], row["missing"]) == (3, 1, ["Badan u1"])


def test_a_report_covers_what_it_claims_and_itself() -> None:
    entries = [
        roster(an_entry(event_type=name), at("2024-02-01")) for name in ("incident", "aspiration", "report", "budget")
    ]
    reader, _ = run([[*entries, report("u1", "53.01", at("2024-03-02"), claims={"incident": 0, "aspiration": 4})]])
    found = {name: reader.row(what=name) for name in ("incident", "aspiration", "report", "budget")}
    assert {name: row["reported"] for name, row in found.items()} == {
        "incident": 1,
        "aspiration": 1,
        "report": 1,
        "budget": 0,
    }
    assert {name: row["nil"] for name, row in found.items()} == {
        "incident": 1,
        "aspiration": 0,
        "report": 0,
        "budget": 0,
    }
    assert found["report"]["unexpected"] == 0


def test_a_withdrawn_entry_expects_nothing_any_more() -> None:
    entry = an_entry()
    logged = [roster(entry, at("2024-02-01")), roster(entry, at("2024-02-02"), 2, RosterAction.WITHDRAW)]
    reader, store = run([logged[:1]])
    assert reader.row()["expected"] == 1
    put(CompletenessStage(REGISTRY), store, blocks(logged[1:], {ROSTER_TOPIC: 1}), reader)
    assert reader.row()["expected"] == 0


def test_a_record_of_the_roster_that_makes_no_sense_is_counted_as_refused() -> None:
    record = an_entry().to_record(RosterAction.SUBMIT, 1) | {"region": "99.99"}
    value = frame(IDS["roster"], rows.encode(ROSTER, record))
    reader, store = run([[(ROSTER_TOPIC, "k", value, 5), (ROSTER_TOPIC, "k", b"?", 6)]])
    position = store.positions()[Partition(ROSTER_TOPIC, 0)]
    assert (position.records, position.refused) == (2, 2)
    assert reader.rows == {}


# Laws.

REGIONS = ("53.01", "53.01.05", "53.02", "73.71", "91.03")
MOMENTS = tuple(at(f"2024-{month:02d}-{day:02d}T03:00") for month in range(2, 6) for day in (2, 7, 20))
units = st.sampled_from(["a", "b", "c"])
entries = st.builds(
    lambda unit, region, what, kind, start, length, days, moment, revision, action: roster(
        an_entry(
            unit,
            region,
            event_type=what,
            period_kind=kind,
            valid_from=date(2024, start, 1 if length else 15),
            valid_to=date(2024, start + length, 10) if length else None,
            days_allowed=days,
        ),
        moment,
        revision,
        action,
    ),
    units,
    st.sampled_from(REGIONS),
    st.sampled_from(["incident", "report"]),
    st.sampled_from([PeriodKind.MONTH, PeriodKind.WEEK]),
    st.sampled_from([1, 2, 3]),
    st.integers(0, 3),
    st.sampled_from([0, 7]),
    st.sampled_from(MOMENTS),
    st.integers(1, 4),
    st.sampled_from([RosterAction.SUBMIT, RosterAction.SUBMIT, RosterAction.WITHDRAW]),
)
reports = st.builds(
    lambda unit, region, moment, period, revision, tie, subject, action, mode, claims: report(
        unit,
        region,
        moment,
        period,
        revision,
        tie=tie,
        period_kind="WEEK" if "W" in period else "MONTH",
        subject=f"l:{subject}",
        action=action,
        mode=mode,
        claims=claims,
    ),
    units,
    st.sampled_from(REGIONS),
    st.sampled_from(MOMENTS),
    st.sampled_from(["2024-01", "2024-02", "2024-03", "2024-04", "2024-W07", "2024-W14"]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(["SUBMIT", "SUBMIT", "SUBMIT", "WITHDRAW"]),
    st.sampled_from(["ACTUAL", "ACTUAL", "ACTUAL", "TEST"]),
    st.sampled_from([{"incident": 3}, {"incident": 0}, {}, {"incident": 1, "report": 2}]),
)
seeds = st.integers(0, 2**32)
END = tick(at("2024-05-30T12:00"))


def lanes(logged: Sequence[Logged]) -> dict[str, list[Logged]]:
    """The records by topic, in the order of their append times."""
    found: dict[str, list[Logged]] = {}
    for one in sorted(logged, key=lambda one: one[3]):
        found.setdefault(one[0], []).append(one)
    return found


def interleave(logged: Sequence[Logged], chance: random.Random) -> Iterator[list[Logged]]:
    """Batches in which each topic keeps its order, and nothing else is kept."""
    waiting = {topic: list(mine) for topic, mine in lanes(logged).items()}
    while any(waiting.values()):
        batch = []
        for topic in sorted(waiting):
            count = chance.choice((0, 1, 2, 5))
            batch += waiting[topic][:count]
            del waiting[topic][:count]
        yield batch


def expected(logged: Sequence[Logged]) -> dict[tuple[str, ...], dict[str, int]]:  # noqa: C901, PLR0912, PLR0915  # one plain recomputation, to be read from top to bottom
    """Recompute coverage the plain way: from all records at once, unit by unit and month by month."""
    now = max(moment for *_, moment in logged)
    roster_now: dict[str, Any] = {}
    subjects: dict[str, Any] = {}
    firsts: dict[tuple[Any, ...], int] = {}
    for topic, mine in lanes(logged).items():
        for _, key, value, moment in mine:
            body = unframe(value)[1]
            if topic == ROSTER_TOPIC:
                record = rows.decode(ROSTER, body)
                if record["action"] != "TICK" and record["revision"] > roster_now.get(key, {"revision": 0})["revision"]:
                    roster_now[key] = record
                continue
            record = rows.decode(REPORT.parsed_schema, body)
            subject = topic + record["subject"]
            types = {claim["event_type"]: claim["count"] for claim in record["claims"]}
            record["types"] = {"report": None} | types
            record["stands"] = record["action"] == "SUBMIT" and record["mode"] == "ACTUAL"
            for what in record["types"] if record["stands"] else ():
                first = (subject, record["unit"], record["period"], what)
                firsts[first] = min(moment, firsts.get(first, moment))
            old = subjects.get(subject)
            if old is None or (record["revision"], record["event_id"]) > (old["revision"], old["event_id"]):
                subjects[subject] = record
    found: dict[tuple[str, ...], dict[str, int]] = {}

    def add(what: str, region: str, kind: str, period: str, **counts: int) -> None:
        codes = ["ID", region[:2]] + ([region[:5]] if len(region) > 2 else []) + ([region] if len(region) > 5 else [])
        for code in codes:
            for longer_kind, longer in containing(kind, period):
                level = "nation" if code == "ID" else ("province", "regency", "district")[code.count(".")]
                sums = found.setdefault((what, level, code, longer_kind, longer), {})
                for name, count in counts.items():
                    sums[name] = sums.get(name, 0) + count

    hours = {"53": 8, "73": 8, "91": 9}
    all_periods = [("MONTH", f"2024-{month:02d}") for month in range(1, 7)]
    all_periods += [("WEEK", f"2024-W{week:02d}") for week in range(1, 30)]
    for what in ("incident", "report"):
        for unit in "abc":
            for kind, text in all_periods:
                period = Period.read(kind, text)
                last = date.fromordinal(period.next().first.toordinal() - 1)
                standing = [
                    entry
                    for entry in roster_now.values()
                    if (entry["action"], entry["unit"], entry["event_type"], entry["period_kind"])
                    == ("SUBMIT", unit, what, kind)
                    and entry["valid_from"] <= last.isoformat() < (entry["valid_to"] or "9999")
                ]
                entry = max(standing, key=lambda one: one["valid_from"], default=None)
                mine, strange = [], []
                for subject, record in subjects.items():
                    if not record["stands"] or what not in record["types"]:
                        continue
                    if (record["unit"], record["period"]) != (unit, text):
                        continue
                    inside = entry is not None and (record["region"] + ".").startswith(entry["region"] + ".")
                    first = firsts[subject, unit, text, what]
                    told = record["types"][what] is not None or not record["claims"]
                    if inside:
                        mine.append((record["revision"], record["event_id"], first, record["types"][what]))
                    elif told:
                        strange.append(record["region"])
                for region in strange:
                    add(what, region[:2], kind, text, unexpected=1)
                if entry is None:
                    continue
                zone = hours[entry["region"][:2]] * 3_600_000_000
                begins = at(f"{period.first}T00:00") - zone
                due = at(f"{period.next().first}T00:00") - zone + entry["days_allowed"] * 86_400_000_000
                if begins > now:
                    continue
                counts = {"expected": 1}
                if mine:
                    on_time = int(min(one[2] for one in mine) < due)
                    newest = max(mine, key=lambda one: one[:2])[3]
                    claimed = 1 if newest is None else newest
                    counts |= {"reported": 1, "on_time": on_time, "late": 1 - on_time}
                    counts |= {"nil": int(claimed == 0), "claimed": claimed}
                else:
                    counts["silent"] = int(now >= due)
                add(what, entry["region"], kind, text, **counts)
    return found


NUMBERS = ("expected", "reported", "on_time", "late", "silent", "nil", "claimed", "unexpected")


@settings(max_examples=40)
@given(st.lists(entries, max_size=8), st.lists(reports, max_size=12), seeds)
def test_any_order_of_topics_copies_and_cuts_give_what_a_plain_recomputation_gives(
    some: list[Logged], more: list[Logged], seed: int
) -> None:
    chance = random.Random(seed)
    logged = [*sorted([*some, *more], key=lambda one: one[3]), END]  # the order of the log
    copies = [(topic, key, value, END[3]) for topic, key, value, _ in chance.choices(logged, k=3)]
    wanted = {
        place: {name: sums.get(name, 0) for name in NUMBERS}
        for place, sums in expected(logged).items()
        if sums.get("expected") or sums.get("unexpected")
    }
    whole, _ = run([logged])
    cut, _ = run(interleave([*logged, *copies], chance))
    assert {place: {name: row[name] for name in NUMBERS} for place, row in whole.said().items()} == wanted
    assert cut.said() == whole.said()
    for row in cut.rows.values():
        assert 0 <= row["on_time"] <= row["reported"] <= row["expected"]
        assert row["reported"] == row["on_time"] + row["late"]


@settings(max_examples=30)
@given(st.lists(entries, max_size=8), st.lists(reports, max_size=12), seeds)
def test_a_worker_that_takes_over_or_wakes_up_late_cannot_make_an_older_state_win(
    some: list[Logged], more: list[Logged], seed: int
) -> None:
    chance = random.Random(seed)
    logged = [*sorted([*some, *more], key=lambda one: one[3]), END]  # the order of the log
    stale = list(interleave(logged, chance))
    shared, _ = run(stale[: chance.randint(0, len(stale))])  # what the first worker had published when it died
    run(interleave(logged, chance), reader=shared)  # one with an empty store reads everything, in an order of its own
    run(stale[: chance.randint(0, len(stale))], reader=shared)  # and one that was frozen publishes what it had read
    truth, _ = run([logged])
    assert shared.said() == truth.said()


def test_ten_thousand_random_rosters_never_pass_100_percent_and_everyone_expected_has_reported_or_is_missing() -> None:
    chance = random.Random(20240214)
    periods = [Period.read("MONTH", f"2024-0{month}") for month in range(1, 7)]
    seen = 0
    for _ in range(10_000):
        sheet = Roster()
        held: dict[str, Held] = {}
        for revision in range(chance.randint(1, 6)):  # entries, splits, closures and corrections
            start = date(2024, chance.randint(1, 5), chance.randint(1, 28))
            end = (
                date(2024, chance.randint(start.month + 1, 7), chance.randint(1, 28)) if chance.random() < 0.5 else None
            )
            entry = an_entry(chance.choice("ab"), chance.choice(REGIONS), valid_from=start, valid_to=end)
            after = Held(revision, chance.random() < 0.8, entry)
            sheet.put(held.get(entry.key), after)
            held[entry.key] = after
        now = at(f"2024-0{chance.randint(1, 8)}-{chance.randint(10, 28)}")
        sums: dict[tuple[str, ...], list[int]] = {}
        missing: dict[tuple[str, ...], int] = {}
        for unit in "ab":
            for period in periods:
                said = [
                    Statement(
                        chance.randint(1, 3), "", now - chance.randint(0, 10**13), chance.choice(REGIONS), 1, True
                    )
                    for _ in range(chance.randint(0, 2))
                ]
                unit_period = UnitPeriod("incident", unit, "MONTH", period.text)
                adds = judge(period, sheet.entry_of(unit_period, period), said, now)
                for place in places("incident", adds.region, "MONTH", period.text) if adds.region else ():
                    before = sums.get(place, [0] * len(COUNTS))
                    sums[place] = [a + b for a, b in zip(before, adds.counts, strict=True)]
                    missing[place] = missing.get(place, 0) + (adds.counts[1] == 0)
        for place, counts in sums.items():
            total = dict(zip(COUNTS, counts, strict=True))
            assert 0 <= total["on_time"] <= total["reported"] <= total["expected"]
            assert total["expected"] == total["reported"] + missing[place]
            assert total["reported"] == total["on_time"] + total["late"]
            assert total["silent"] <= missing[place]
            seen += 1
    assert seen > 100_000


@pytest.mark.parametrize("cuts", [1, 7])
def test_a_store_that_was_killed_and_one_made_anew_hold_the_same_bytes(cuts: int) -> None:
    logged = [one for one in the_nation() if one[1].endswith(("53.01", "53.02")) or one[0].startswith("simpul.53")]
    logged = [*logged, roster(an_entry("u9", "53.03"), at("2024-03-09T09:00")), END]
    (_, anew), killed = run([logged]), InMemoryStore()
    start: dict[str, int] = {}
    stage = CompletenessStage(REGISTRY)
    waiting = sorted(logged, key=lambda one: one[3])
    step = max(1, len(waiting) // cuts)
    for number in range(0, len(waiting), step):
        batch = blocks(waiting[number : number + step], start)

        def crash(batch: Sequence[Block] = batch) -> None:
            with killed.transaction() as transaction:
                stage.apply(transaction, batch)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            crash()
        stage.forget()
        put(stage, killed, batch, Reader())
    for space in Space:
        assert list(killed.items(space)) == list(anew.items(space))
    assert killed.positions() == anew.positions()

"""The laws of completeness: any order, copies, cuts, kills and workers; and no rate above 100 %."""

import importlib.util
import random
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_processors.completeness import COUNTS, Roster, Statement, UnitPeriod, judge
from simpul_processors.completeness_stage import CompletenessStage
from simpul_processors.store import Space
from simpul_processors.testing import InMemoryStore
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.coverage import places
from simpul_schemas.log import Block
from simpul_schemas.periods import Period
from simpul_schemas.roster import Held, RosterAction


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).parents[2] / "oracle/completeness.py")
Logged, REGISTRY, Reader, an_entry, at, blocks, interleave, put, recomputed, report, roster, run, the_nation, tick = (
    oracle.Logged,
    oracle.REGISTRY,
    oracle.Reader,
    oracle.an_entry,
    oracle.at,
    oracle.blocks,
    oracle.interleave,
    oracle.put,
    oracle.recomputed,
    oracle.report,
    oracle.roster,
    oracle.run,
    oracle.the_nation,
    oracle.tick,
)


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
        for place, sums in recomputed(logged).items()
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

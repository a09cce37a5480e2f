"""Early warning: what stands follows from the figures and the day, whatever order, copies, restarts and twins."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_processors.alert_engine import AlertEngine, Coverage, DayFigure
from simpul_processors.alert_rules import AlertRule
from simpul_schemas.alerts import Alert, AlertState, read_alert
from simpul_schemas.calendars import PeriodKind

RAISED, CLEARED = AlertState.RAISED, AlertState.CLEARED
DAY_MICROS = 86_400_000_000
#: Noon in Jakarta on 2024-02-14.
NOON = 1_707_886_800_000_000
TODAY = date(2024, 2, 14).toordinal()
REGIONS = ("53.71", "53.01", "94.01")


def a_rule(**changes: Any) -> AlertRule:
    return AlertRule.model_validate(
        {
            "name": "uji",
            "text": {"id": "Uji", "en": "Test"},
            "figures": {"view": "incident", "measure": "incidents"},
            "level": "regency",
            "within_days": 3,
            "at_least": 5,
            **changes,
        }
    )


RULE = a_rule()
SILENT = AlertRule.model_validate(
    {
        "name": "diam",
        "text": {"id": "Diam", "en": "Silent"},
        "silence": {"event_type": "incident", "period_kind": "MONTH"},
        "level": "regency",
        "at_least_days": 40,
    }
)


def a_figure(day: int, value: int, revision: int = 1, region: str = "53.71", key: str = "k") -> DayFigure:
    return DayFigure("uji", region, TODAY + day, f"{region}{day}{key}", revision, value)


def an_engine(figures: Sequence[DayFigure] = (), known: Sequence[Alert] = (), rule: AlertRule = RULE) -> AlertEngine:
    engine = AlertEngine([rule])
    for alert in known:
        engine.take_alert(alert)
    for figure in figures:
        engine.take_figure(figure)
    return engine


def judged(engine: AlertEngine, days: int = 0, position: int = 7) -> list[tuple[str, str, int]]:
    found = engine.judge(NOON + days * DAY_MICROS, {"uji": position, "diam": position})
    return [(alert.id, alert.state.value, alert.count) for alert in found]


def test_so_many_within_the_window_raise_an_alert_once_and_it_clears_when_the_window_has_moved_on() -> None:
    engine = an_engine([a_figure(-2, 2), a_figure(0, 3)])
    assert judged(engine) == [("uji/53.71/2024-02-12", "RAISED", 5)]
    assert judged(engine) == []
    assert judged(engine, days=1) == [("uji/53.71/2024-02-12", "CLEARED", 5)]
    assert judged(engine, days=2) == []


def test_one_less_than_the_threshold_raises_nothing() -> None:
    assert judged(an_engine([a_figure(-2, 2), a_figure(0, 2)])) == []


def test_what_lies_before_the_window_or_in_the_future_does_not_count() -> None:
    assert judged(an_engine([a_figure(-3, 4), a_figure(0, 4), a_figure(1, 4)])) == []


def test_the_day_is_that_of_the_region_and_not_of_the_machine() -> None:
    # Two hours before midnight in Jakarta the next day has begun in Papua.
    late = NOON + 10 * 3_600_000_000
    engine = an_engine([a_figure(1, 5, region=region) for region in ("53.71", "94.01", "31.71")])
    found = [alert.region for alert in engine.judge(late, {})]
    # 94.01 (WIT) has begun; 53.71 (WITA) is at 23:00, 31.71 (WIB) at 22:00.
    assert found == ["94.01"]


def test_an_alert_that_goes_on_keeps_its_id_although_its_window_moves() -> None:
    engine = an_engine([a_figure(day, 2) for day in range(-6, 4)])
    ids = {name for days in range(4) for name, state, _ in judged(engine, days) if state == "RAISED"}
    assert ids == {"uji/53.71/2024-02-08"}


def test_a_correction_that_takes_it_below_the_threshold_clears_it_and_one_back_raises_it_again() -> None:
    engine = an_engine([a_figure(0, 5)])
    assert judged(engine, position=1) == [("uji/53.71/2024-02-12", "RAISED", 5)]
    engine.take_figure(a_figure(0, 4, revision=2))
    assert judged(engine, position=2) == [("uji/53.71/2024-02-12", "CLEARED", 5)]
    engine.take_figure(a_figure(0, 5, revision=1))
    assert judged(engine, position=3) == []
    engine.take_figure(a_figure(0, 6, revision=3))
    assert judged(engine, position=4) == [("uji/53.71/2024-02-12", "RAISED", 6)]


def test_an_alert_of_a_rule_that_is_gone_is_cleared() -> None:
    engine = an_engine([a_figure(0, 5)])
    (alert,) = engine.judge(NOON, {})
    after = AlertEngine([])
    after.take_alert(alert)
    assert [one.state for one in after.judge(NOON, {})] == [CLEARED]


figures = st.lists(
    st.builds(
        a_figure,
        st.integers(-9, 2),
        st.integers(0, 4),
        st.just(0),
        st.sampled_from(REGIONS),
        st.sampled_from("abc"),
    ),
    max_size=30,
)


def revised(found: Sequence[DayFigure]) -> list[DayFigure]:
    """Give every figure the revision that the fold would: its place in the topic."""
    return [figure._replace(revision=number) for number, figure in enumerate(found)]


def standing(engine: AlertEngine, days: int) -> dict[str, tuple[int, tuple[Any, ...]]]:
    found = engine.judge(NOON + days * DAY_MICROS, {"uji": 99})
    return {alert.id: (alert.count, alert.evidence) for alert in found if alert.state is RAISED}


@settings(max_examples=200)
@given(figures.map(revised), st.data(), st.integers(0, 4))
def test_any_order_and_copies_raise_the_same_alerts(found: list[DayFigure], data: st.DataObject, days: int) -> None:
    other = data.draw(st.permutations(found)) + data.draw(st.lists(st.sampled_from(found)) if found else st.just([]))
    assert standing(an_engine(found), days) == standing(an_engine(other), days)


@settings(max_examples=200)
@given(figures.map(revised))
def test_what_stands_is_what_a_plain_sum_says(found: list[DayFigure]) -> None:
    newest = {(figure.region, figure.key): figure for figure in found}
    expected = {}
    for region in REGIONS:
        mine = [figure for figure in newest.values() if figure.region == region]
        total = sum(figure.value for figure in mine if TODAY - 2 <= figure.day <= TODAY)
        if total >= 5:
            expected[region] = total
    raised = standing(an_engine(found), 0)
    assert {name.split("/")[1]: count for name, (count, _) in raised.items()} == expected
    assert all(sum(value for _, value in evidence) == count for count, evidence in raised.values())


@settings(max_examples=200)
@given(figures.map(revised), st.lists(st.integers(0, 30), max_size=4), st.lists(st.integers(0, 3), min_size=1))
def test_a_restart_or_a_twin_at_any_moment_ends_with_the_same_alerts_standing(
    found: list[DayFigure], kills: list[int], days: list[int]
) -> None:
    topic: dict[str, Alert] = {}

    def send(alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            held = topic.get(alert.id)
            if held is None or alert.revision > held.revision:
                topic[alert.id] = alert

    one, twin = an_engine(), an_engine()
    clock = 0
    for number, figure in enumerate(found):
        if number in kills:
            one = an_engine(found[:number], list(topic.values()))
        one.take_figure(figure)
        if number % 2:
            twin.take_figure(figure)  # a zombie that sees a part, and later than the others
        clock = max(clock, days[number % len(days)])
        for engine in (one, twin):
            send(engine.judge(NOON + clock * DAY_MICROS, {"uji": number + 1}))
    # Whoever has the seat in the end follows the topic, and so sees what the other wrote.
    for alert in topic.values():
        one.take_alert(alert)
    send(one.judge(NOON + clock * DAY_MICROS, {"uji": len(found)}))
    stands = {name: alert.count for name, alert in topic.items() if alert.state is RAISED}
    assert stands == {name: count for name, (count, _) in standing(an_engine(found), clock).items()}


@given(figures.map(revised))
def test_two_that_judge_the_same_write_the_same_bytes(found: list[DayFigure]) -> None:
    one, other = (an_engine(found).judge(NOON, {"uji": 5}) for _ in range(2))
    assert [alert.body() for alert in one] == [alert.body() for alert in other]
    assert [read_alert(alert.body()) for alert in one] == one


# --- silence ---


def a_row(month: int, expected: int, reported: int, silent: int, region: str = "53.71", revision: int = 1) -> Coverage:
    missing = tuple(f"Unit {number}" for number in range(expected - reported))
    first = date(2024 if month > 0 else 2023, month if month > 0 else month + 12, 1).toordinal()
    return Coverage("incident", region, "MONTH", first, revision, expected, reported, silent, missing)


def silent_engine(*rows: Coverage) -> AlertEngine:
    engine = AlertEngine([SILENT])
    for row in rows:
        engine.take_coverage(row)
    return engine


def test_a_region_that_reported_once_and_then_fell_silent_is_told_with_its_units() -> None:
    engine = silent_engine(a_row(0, 2, 2, 0), a_row(1, 2, 0, 2), a_row(2, 2, 0, 0))
    (alert,) = engine.judge(NOON, {})
    assert (alert.id, alert.count, alert.state) == ("diam/53.71/2024-01-01", 44, RAISED)
    assert [one.what for one in alert.evidence] == ["Unit 0", "Unit 1"]
    assert "44 hari tanpa laporan" in alert.text_id


def test_a_region_that_never_spoke_is_told_as_well() -> None:
    engine = silent_engine(a_row(-1, 1, 0, 1), a_row(0, 1, 0, 1), a_row(1, 1, 0, 1))
    assert judged(engine) == [("diam/53.71/2023-11-01", "RAISED", 105)]


@pytest.mark.parametrize(
    "rows",
    [
        [a_row(1, 2, 0, 0)],
        [a_row(1, 0, 0, 0)],
        [a_row(1, 2, 1, 1)],
        [a_row(-1, 2, 0, 2), a_row(1, 2, 1, 1)],
        [a_row(1, 2, 0, 2)._replace(period_kind="YEAR")],
        [a_row(1, 2, 0, 2)._replace(event_type="budget")],
        [a_row(1, 2, 0, 2, region="53")],
    ],
    ids=["not due", "nobody expected", "half came", "came since", "other kind", "other type", "other level"],
)
def test_who_is_not_silent_is_not_told(rows: list[Coverage]) -> None:
    assert judged(silent_engine(*rows)) == []


def test_a_late_report_clears_the_silence() -> None:
    engine = silent_engine(a_row(1, 1, 0, 1))
    assert [state for _, state, _ in judged(engine)] == ["RAISED"]
    engine.take_coverage(a_row(1, 1, 1, 0, revision=2))
    assert [state for _, state, _ in judged(engine)] == ["CLEARED"]


def test_silence_is_raised_by_the_clock_alone() -> None:
    engine = silent_engine(a_row(1, 1, 0, 1))
    assert judged(engine, days=-5) == []
    assert [state for _, state, _ in judged(engine, days=0)] == ["RAISED"]


def test_the_kinds_of_a_period_are_those_of_the_calendar() -> None:
    assert SILENT.silence is not None
    assert SILENT.silence.period_kind is PeriodKind.MONTH

"""Lifecycles: every pair of states, and that the tables name what the schemas have."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type
from simpul_schemas.lifecycles import CLOCKS, LIFECYCLES, Lifecycle, judge_transition

each = pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda one: f"{one.event_type}.{one.field}")
#: Written out anew, so that a change of a table is a change of two places.
ALLOWED = {
    "incident.phase": {
        ("PENCEGAHAN", "PENGHENTIAN"),
        ("PENGHENTIAN", "PEMULIHAN"),
        ("PEMULIHAN", "PENGHENTIAN"),
        ("PEMULIHAN", "PENCEGAHAN"),
    },
    "incident.verification": {("UNVERIFIED", "VERIFIED")},
    "aid_handover.status": {("PLANNED", "HANDED_OVER"), ("HANDED_OVER", "VERIFIED")},
    "aspiration.status": {
        ("DITERIMA", "DIVERIFIKASI"),
        ("DITERIMA", "DITUNDA"),
        ("DITERIMA", "BUKAN_WEWENANG"),
        ("DITERIMA", "DIARSIPKAN"),
        ("DIVERIFIKASI", "DIDISPOSISI"),
        ("DIVERIFIKASI", "DITUNDA"),
        ("DIVERIFIKASI", "BUKAN_WEWENANG"),
        ("DIVERIFIKASI", "DIARSIPKAN"),
        ("DITUNDA", "DIVERIFIKASI"),
        ("DITUNDA", "BUKAN_WEWENANG"),
        ("DITUNDA", "DIARSIPKAN"),
        ("DIDISPOSISI", "DITINDAKLANJUTI"),
        ("DIDISPOSISI", "BUKAN_WEWENANG"),
        ("DIDISPOSISI", "DITUNDA"),
        ("DITINDAKLANJUTI", "DITUTUP"),
        ("DITINDAKLANJUTI", "DIDISPOSISI"),
        ("BUKAN_WEWENANG", "DIDISPOSISI"),
        ("BUKAN_WEWENANG", "DIARSIPKAN"),
        ("BUKAN_WEWENANG", "DITUTUP"),
        ("DIARSIPKAN", "DIVERIFIKASI"),
    },
}


def symbols(lifecycle: Lifecycle) -> list[str]:
    schema = event_type(lifecycle.event_type).parsed_schema
    (declared,) = [field["type"] for field in schema["fields"] if field["name"] == lifecycle.field]
    found: list[str] = (declared[1] if isinstance(declared, list) else declared)["symbols"]
    return found


@each
def test_a_table_has_exactly_the_states_of_its_schema(lifecycle: Lifecycle) -> None:
    assert sorted(lifecycle.states) == sorted(symbols(lifecycle))
    assert lifecycle.initial <= set(lifecycle.states)
    for following in lifecycle.transitions.values():
        assert following <= set(lifecycle.states)


@each
def test_every_pair_of_states_is_judged_as_the_list_says(lifecycle: Lifecycle) -> None:
    expected = ALLOWED[f"{lifecycle.event_type}.{lifecycle.field}"]
    for before in lifecycle.states:
        for after in lifecycle.states:
            assert lifecycle.allows(before, after) is (before == after or (before, after) in expected)


@each
def test_a_state_that_is_not_known_is_not_judged(lifecycle: Lifecycle) -> None:
    for state in lifecycle.states:
        assert lifecycle.allows(None, state) is None
        assert lifecycle.allows(state, None) is None
        assert lifecycle.allows(state, "LAIN") is None


@each
def test_every_state_can_be_reached_from_a_beginning(lifecycle: Lifecycle) -> None:
    reached, todo = set(lifecycle.initial), list(lifecycle.initial)
    while todo:
        new = lifecycle.transitions[todo.pop()] - reached
        reached |= new
        todo.extend(new)
    assert reached == set(lifecycle.states)


@pytest.mark.parametrize(
    ("before", "after", "codes"),
    [
        ({"status": "PLANNED"}, {"status": "HANDED_OVER"}, ()),
        ({"status": "PLANNED"}, {"status": "VERIFIED"}, ("aid_handover.status_out_of_order",)),
        ({"status": "VERIFIED"}, {"status": "PLANNED"}, ("aid_handover.status_out_of_order",)),
        ({"status": "VERIFIED"}, {"status": "PLANNED", "action": "WITHDRAW"}, ()),
        ({"status": "VERIFIED", "action": "WITHDRAW"}, {"status": "PLANNED"}, ()),
        ({}, {"status": "VERIFIED"}, ()),
    ],
)
def test_a_step_from_one_record_to_the_next_is_judged(
    before: dict[str, Any], after: dict[str, Any], codes: tuple[str, ...]
) -> None:
    assert tuple(one.code for one in judge_transition("aid_handover", before, after)) == codes


def test_an_incident_is_judged_by_all_its_lifecycles() -> None:
    before = {"phase": "PENCEGAHAN", "verification": "VERIFIED"}
    after = {"phase": "PEMULIHAN", "verification": "UNVERIFIED"}
    codes = [one.code for one in judge_transition("incident", before, after)]
    assert codes == ["incident.phase_out_of_order", "incident.verification_taken_back"]


def test_every_clock_runs_between_two_moments_of_its_event_and_is_a_rule() -> None:
    for clock in CLOCKS:
        kind = event_type(clock.event_type)
        assert {clock.start, clock.end} <= set(kind.rules.kinds)
        assert clock.code in {rule.code for rule in kind.rules.rules}
    assert [clock.working_days for clock in CLOCKS] == [3, 5, 10]

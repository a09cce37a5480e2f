"""Redriving: what was refused is mended, judged, sent once, and known to be done."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from simpul_processors.errors import ChangeUnreadable, RefusalUnknown, RepairRefused
from simpul_processors.quarantine_changes import load_script, set_fields, whole_event
from simpul_processors.quarantine_events import MASK, EventReader, personal_fields
from simpul_processors.quarantine_ledger import Filter, Group, Ledger, find, items
from simpul_processors.quarantine_redrive import Redrive, Redriver
from simpul_processors.quarantine_repair import Mend, Wish
from simpul_processors.quarantine_show import found_document, groups_document
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.quarantine import Origin, Refusal, parse, refusal_record
from simpul_schemas.testing import InMemoryWriter

NOW = 1_700_000_100_000_000
TOPIC = "simpul.53.incident.v1"
Incident = Callable[..., dict[str, Any]]


def redriver(bus: Any, *, move: bool = False, dry_run: bool = False, writer: Any = None) -> Redriver:
    return Redriver(
        bus.registry, None if dry_run else writer or InMemoryWriter(bus.log), "rina", Wish("salah", move), lambda: NOW
    )


def by_hand(bus: Any, name: str, mend: Mend, *, whole: bool = False, **options: Any) -> Redrive:
    async def use() -> Redrive:
        found, result = await find(bus.snapshots, name), Redrive()
        decoded = EventReader(bus.registry).read(found.refusal)
        await redriver(bus, **options).one(found, decoded, mend, result, whole=whole)
        return result

    return asyncio.run(use())


def by_script(bus: Any, mend: Mend, wanted: Filter | None = None, **options: Any) -> Redrive:
    async def use() -> Redrive:
        result = Redrive()
        await redriver(bus, **options).all(bus.snapshots, wanted or Filter(["53"]), mend, result, lambda: None)
        return result

    return asyncio.run(use())


def ledger(bus: Any, wanted: Filter | None = None) -> list[Group]:
    async def use() -> list[Group]:
        found = Ledger(EventReader(bus.registry), wanted or Filter(["53"]))
        async for item in items(bus.snapshots, ["53"]):
            found.add(item)
        return found.groups()

    return asyncio.run(use())


def accepted(bus: Any, topic: str = TOPIC) -> list[int]:
    return [origin.offset for origin in bus.judge(topic)]


def as_it_is(event: dict[str, Any]) -> dict[str, Any]:
    return event


def test_a_field_set_by_hand_makes_the_event_accepted_with_its_lineage(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    assert accepted(bus) == []
    result = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1"]))
    (sent,) = result.sent
    assert [(name, before, after) for name, before, after in sent.changes if name == "killed"] == [("killed", -1, 1)]
    event = bus.events()[1]
    assert (event["killed"], event["subject"], event["revision"]) == (1, "incident:53:1", 1_700_000_000_000_000)
    assert "53.incident/0@0" in event["reason"]
    record = bus.log.topics[TOPIC][1][0]
    headers = {name: value.decode() for name, value in record.headers}
    assert record.key == b"incident:53:1"
    assert headers["simpul_redrive_of"] == "53.incident/0@0"
    assert (headers["simpul_redriven_by"], headers["simpul_redrive_reason"]) == ("rina", "salah")
    assert headers["ce_id"] == event["event_id"]
    assert accepted(bus) == [1]


def test_a_second_redrive_sends_nothing_and_names_the_first(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    mend = set_fields("incident", ["killed=1"])
    first = by_hand(bus, "53.incident/0@0", mend)
    before = len(bus.log.topics[TOPIC])
    for again in (by_hand(bus, "53.incident/0@0", mend), by_script(bus, mend)):
        assert not again.sent
        assert [marker.event_id for marker in again.already] == [first.sent[0].record["event_id"]]
        assert again.already[0].by == "rina"
    assert len(bus.log.topics[TOPIC]) == before


def test_a_kill_between_event_and_marker_ends_in_a_copy_of_the_same_event(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    mend = set_fields("incident", ["killed=1"])

    def die(records: Sequence[Outgoing]) -> None:
        if records[0].value is None:
            raise BrokerUnavailable("mati", "down")

    with pytest.raises(BrokerUnavailable):
        by_hand(bus, "53.incident/0@0", mend, writer=InMemoryWriter(bus.log, die))
    by_hand(bus, "53.incident/0@0", mend)
    first, second = bus.events()[1:]
    assert first == second
    assert ledger(bus)[0].redriven == 1


def test_what_is_still_wrong_is_not_sent_and_stays_open(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    result = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=-2"]))
    (error,) = result.refused
    assert error.codes == ("incident.count_negative",)
    assert "53.incident/0@0" in error.message_id
    assert result.exit_code == 1
    assert len(bus.log.topics[TOPIC]) == 1
    assert ledger(bus)[0].open == 1


def test_a_dry_run_shows_the_change_and_sends_nothing(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    result = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1"]), dry_run=True)
    assert ("killed", -1, 1) in result.sent[0].changes
    assert len(bus.log.topics[TOPIC]) == 1
    assert ledger(bus)[0].open == 1


def test_another_provinces_event_moves_only_when_it_is_told_to(bus: Any, incident: Incident) -> None:
    bus.publish(incident(region="73.71"))
    accepted(bus)
    (error,) = by_hand(bus, "53.incident/0@0", as_it_is).refused
    assert error.codes == ("region.outside_province",)
    assert "--move" in error.message_en
    (sent,) = by_hand(bus, "53.incident/0@0", as_it_is, move=True).sent
    assert sent.topic == "simpul.73.incident.v1"
    assert accepted(bus, "simpul.73.incident.v1") == [0]
    # The marker stands where the refusal stands.
    assert ledger(bus)[0].redriven == 1


@pytest.mark.parametrize(
    ("changes", "codes", "revision"),
    [
        ({"killed": -1}, (), 1_700_000_000_000_000),
        ({"revision": 0}, (), 1_700_000_000_500_000),
        ({}, ("subject.conflict",), 1_700_000_000_000_001),
    ],
    ids=["its own", "of when it was published where it was below 1", "one higher where it was in conflict"],
)
def test_the_revision_stays_unless_it_is_what_was_wrong(
    bus: Any, incident: Incident, changes: dict[str, Any], codes: tuple[str, ...], revision: int
) -> None:
    bus.publish(incident(**changes))
    if codes:
        record, _ = bus.log.topics[TOPIC][0]
        refusal = Refusal(Origin(Partition(TOPIC, 0), 0), codes, record.key, record.value, NOW)
        bus.log.append(refusal_record(refusal))
    else:
        accepted(bus)
    (sent,) = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1"])).sent
    assert sent.record["revision"] == revision
    assert sent.record == bus.events()[-1]


def test_a_revision_that_the_operator_gives_is_kept(bus: Any, incident: Incident) -> None:
    bus.publish(incident(revision=0))
    accepted(bus)
    (sent,) = by_hand(bus, "53.incident/0@0", set_fields("incident", ["revision=7"])).sent
    assert sent.record["revision"] == 7


def test_the_subject_cannot_be_changed(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    result = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1", "subject=lain"]))
    assert "subjek" in result.refused[0].message_id


def test_a_whole_event_from_a_file_replaces_bytes_that_nobody_can_read(
    bus: Any, incident: Incident, tmp_path: Path
) -> None:
    bus.publish(incident(killed=-1))
    bus.append(b"\x01garbage")
    accepted(bus)
    found = asyncio.run(find(bus.snapshots, "53.incident/0@0"))
    document = found_document(found, EventReader(bus.registry).read(found.refusal), unmask=True)
    document["event"] |= {"killed": 3, "subject": "incident:53:2"}
    file = tmp_path / "fix.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    event = whole_event(file)
    assert by_hand(bus, "53.incident/0@1", set_fields("incident", ["killed=1"])).unreadable == ["53.incident/0@1"]
    (sent,) = by_hand(bus, "53.incident/0@1", lambda _: event, whole=True).sent
    assert sent.record["killed"] == 3
    assert accepted(bus) == [2]


def test_a_masked_event_is_not_sent(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    result = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1", f"chronology={MASK}"]))
    assert "--unmask" in result.refused[0].message_en


def test_a_script_mends_all_that_it_wants_and_errors_name_the_record(
    bus: Any, incident: Incident, tmp_path: Path
) -> None:
    for number in range(4):
        bus.publish(incident(killed=-number, subject=f"incident:53:{number}"))
    bus.append(b"\x01garbage")
    assert accepted(bus) == [0]
    script = tmp_path / "fix.py"
    script.write_text(
        "def repair(event):\n"
        "    if event['killed'] == -3:\n"
        "        return None\n"
        "    if event['killed'] == -2:\n"
        "        raise ValueError('dua')\n"
        "    return event | {'killed': 0}\n",
        encoding="utf-8",
    )
    result = by_script(bus, load_script(script))
    assert [one.refusal.origin.id for one in result.sent] == ["53.incident/0@1"]
    assert result.skipped == ["53.incident/0@3"]
    assert result.unreadable == ["53.incident/0@4"]
    (error,) = result.refused
    assert "53.incident/0@2" in error.message_en
    assert "dua" in error.message_en
    assert result.exit_code == 4


@pytest.mark.parametrize(
    "text",
    ["def repair(:", "1/0", "x = 1", "import sys\nsys.modules['ada'].tidak"],
    ids=["syntax", "run", "none", "key"],
)
def test_a_script_that_cannot_be_used_is_said_in_a_sentence(text: str, tmp_path: Path) -> None:
    script = tmp_path / "fix.py"
    script.write_text(text, encoding="utf-8")
    with pytest.raises(ChangeUnreadable, match=r"fix\.py"):
        load_script(script)


def test_a_script_that_returns_no_json_is_refused_with_the_records_name(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    result = by_script(bus, lambda event: event | {"killed": object()})
    assert "53.incident/0@0" in result.refused[0].message_en


def test_a_filter_takes_only_what_it_names(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    bus.publish(incident(region="99.99", subject="b"))
    accepted(bus)
    taken = by_script(bus, lambda event: event | {"region": "53.71"}, Filter(["53"], codes=["region.unknown"]))
    assert [one.refusal.origin.id for one in taken.sent] == ["53.incident/0@1"]


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("region=53.71", "region", "53.71"),
        ("killed=2", "killed", 2),
        ("killed=null", "killed", None),
        ("latitude=-9.5", "latitude", -9.5),
        ("occurred_at=2023-11-14T22:13:20+07:00", "occurred_at", "2023-11-14T22:13:20+07:00"),
        ('agencies=["BPBD"]', "agencies", ["BPBD"]),
    ],
)
def test_a_value_is_read_as_the_type_of_its_field(assignment: str, path: str, value: object) -> None:
    assert set_fields("incident", [assignment])({"subject": "x"}) == {"subject": "x", path: value}


def test_a_field_inside_a_list_can_be_set() -> None:
    mend = set_fields("incident", ["parties.1.name=B"])
    assert mend({"parties": [{"name": "A"}, {"name": None}]}) == {"parties": [{"name": "A"}, {"name": "B"}]}
    with pytest.raises(RepairRefused):
        mend({"parties": None})


@pytest.mark.parametrize("assignment", ["killed", "matinya=1", "killed=dua", "killed.x=1", "agencies=[", "parties.x=1"])
def test_an_assignment_that_fits_no_field_says_what_there_is(assignment: str) -> None:
    with pytest.raises(ChangeUnreadable):
        set_fields("incident", [assignment])


@pytest.mark.parametrize("name", ["x", "53.incident/0@99", "53.incident/1@0"])
def test_an_id_that_is_not_there_is_said_in_a_sentence(bus: Any, name: str) -> None:
    with pytest.raises(RefusalUnknown):
        asyncio.run(find(bus.snapshots, name))


def test_the_list_groups_by_reason_counts_each_record_once_and_tells_open_from_redriven(
    bus: Any, incident: Incident
) -> None:
    for number in range(3):
        bus.publish(incident(killed=-1, subject=f"incident:53:{number}"))
    bus.append(b"\x01garbage")
    accepted(bus)
    accepted(bus)  # a fold that starts anew writes the same refusals again
    by_hand(bus, "53.incident/0@2", set_fields("incident", ["killed=1"]))
    groups = ledger(bus)
    assert [(group.code, group.source, group.open, group.redriven) for group in groups] == [
        ("incident.count_negative", "uji.53", 2, 1),
        ("record.magic_byte_wrong", "-", 1, 0),
    ]
    assert groups[0].example == "53.incident/0@1"
    document = groups_document(groups)
    assert (document["open"], document["redriven"]) == (3, 1)
    assert document["groups"][0]["remedy"]["id"].startswith("Isi dengan 0 atau lebih")


def test_what_was_redriven_stays_so_where_a_new_fold_writes_its_refusal_again_behind_the_marker(
    bus: Any, incident: Incident
) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1"]))
    after = bus.log.topics["simpul.53.quarantine.v1"][-1][1] + 1
    accepted(bus)
    since = Filter(["53"], since=after)
    assert ledger(bus, since) == []
    assert by_script(bus, as_it_is, since) == Redrive()
    assert [group.redriven for group in ledger(bus)] == [1]


def test_a_conflict_is_told_as_a_notice(bus: Any, incident: Incident) -> None:
    bus.publish(incident())
    record, _ = bus.log.topics[TOPIC][0]
    refusal = Refusal(Origin(Partition(TOPIC, 0), 0), ("subject.conflict",), record.key, record.value, NOW)
    bus.log.append(refusal_record(refusal))
    (group,) = groups_document(ledger(bus))["groups"]
    assert group["kind"] == "notice"
    assert "revisi lebih tinggi" in group["remedy"]["id"]


def test_personal_data_is_masked_until_it_is_asked_for(bus: Any) -> None:
    from simpul_schemas.catalogue.examples import accepted_examples

    record = accepted_examples()["aid_handover"].event.to_record() | {"region": "99.99"}
    topic = "simpul.53.aid_handover.v1"
    bus.publish(record, "aid_handover", topic)
    bus.judge(topic, "aid_handover")
    found = asyncio.run(find(bus.snapshots, "53.aid_handover/0@0"))
    decoded = EventReader(bus.registry).read(found.refusal)
    masked = found_document(found, decoded, unmask=False)
    assert masked["value_base64"] is None
    personal = {name for name, value in masked["event"].items() if value == MASK}
    tagged = {name for name in personal_fields("aid_handover") if "." not in name}
    assert personal == {name for name in tagged if record[name] is not None}
    assert len(personal) > 3
    secrets = [record[name] for name in personal]
    assert not any(secret in json.dumps(masked, ensure_ascii=False) for secret in secrets)
    shown = found_document(found, decoded, unmask=True)
    assert all(secret in json.dumps(shown["event"], ensure_ascii=False) for secret in secrets)


def test_what_is_read_as_an_event_comes_back_the_same_through_json(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1, latitude=-9.5, longitude=120.25, resolved_at=1_700_000_000_000_001))
    accepted(bus)
    (sent,) = by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=0"])).sent
    original, mended = bus.events()
    same = {"event_id", "reason", "killed"}
    assert {name: value for name, value in mended.items() if name not in same} == {
        name: value for name, value in original.items() if name not in same
    }
    assert mended["resolved_at"] == 1_700_000_000_000_001
    assert sent.record == mended


def test_the_marker_is_the_only_other_record_in_quarantine(bus: Any, incident: Incident) -> None:
    bus.publish(incident(killed=-1))
    accepted(bus)
    by_hand(bus, "53.incident/0@0", set_fields("incident", ["killed=1"]))
    found = [
        parse(record.key, record.value, record.headers, at) for record, at in bus.log.topics["simpul.53.quarantine.v1"]
    ]
    assert [type(item).__name__ for item in found] == ["Refusal", "Marker"]

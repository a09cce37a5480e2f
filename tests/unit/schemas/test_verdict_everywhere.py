"""100,000 generated events of all seven types get one verdict, whichever way they are judged.

The model's way (strict model, record, rules), the row's (Avro bytes, record, rules) and the column's (Avro bytes,
Arrow, polars) are compared to the code. The generator is seeded: a clean event is made coherent, then most are broken
in a few fields by values on and around the boundaries.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from simpul_schemas import door, rows
from simpul_schemas.avro_types import read_parsed
from simpul_schemas.columns import BlockDecoder, ColumnRules, judge
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.errors import InvalidEvent, MalformedRecord
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.rows import RowDecoder
from simpul_schemas.rules import DAY_MICROS, NOW, PROVINCE
from simpul_schemas.words import write_rupiah

EVENTS = 100_000
JUDGED_AT = 1_716_000_000_000_000
TIMES = (JUDGED_AT, JUDGED_AT - 91 * DAY_MICROS, JUDGED_AT - 90 * DAY_MICROS, JUDGED_AT - 400 * DAY_MICROS)
#: What a datetime holds; the year 1 to 9999.
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
REGIONS = ("17", "17.01", "17.01.01", "31.71", "94", "91.03", "73.71.01")

Record = dict[str, Any]
Make = Callable[[random.Random], Record]

BOUNDARIES: dict[str, tuple[Any, ...]] = {
    "int": (-(2**31), -1, 0, 1, 100, 101, 120, 121, 1000, 1001, 2000, 2024, 10_000, 10_001, 2**31 - 1),
    "long": (
        *(-(2**63), -1, 0, 1, 1000, 99_999, 100_000, 2_097_152, 2_097_153, 10**12, 10**12 + 1),
        *(10**16, 10**16 + 1, 10**18, 10**18 + 1, 2**63 - 1),
    ),
    "double": (-0.0, -90.0, 90.0, math.nextafter(90.0, 91.0), 180.0, -180.0, -180.5, 6.0, 7.5, 106.8, -6.2, 1e308),
    "string": (
        "",
        "x",
        "é" * 100,
        "é" * 101,
        "x" * 201,
        "a\0b",
        "satu",
        "\U0010ffff",
        "2024",
        "5",
        "6.2",
        "'; --",
        "٣",
    ),
    "time": (
        *(FIRST, 0, 631_151_999_999_999, 631_152_000_000_000, *TIMES, JUDGED_AT + DAY_MICROS),
        *(JUDGED_AT + DAY_MICROS + 1, JUDGED_AT + 30 * DAY_MICROS, LAST),
    ),
}
#: Values for fields whose rules look at the text.
BY_NAME: dict[str, tuple[Any, ...]] = {
    "region": (*REGIONS, "99.01", "", "17.1", "17.01.01.2001", "9"),
    "period": (
        "2024-02-30",
        "2024-W53",
        "2020-W53",
        "2024-W52",
        "2024-02",
        "2023-12",
        "2024-13",
        "0000",
        "2024-C4",
        "",
    ),
    "account_code": ("5", "5.1", "5.1.01", "5.1.01.01.01.001", "5.1.01.01.01.0001", "6.2", "4.1", "5.1.1", "0", ""),
    "nip": ("198001012005011001", "198002302005011001", "198001012005013001", "19800101200501100", "1" * 18, ""),
    "nik": (
        "1701014101800001",
        "1701013202800001",
        "1701017202000001",
        "9901010101800001",
        "170101410180000",
        "0" * 16,
    ),
    "date": ("2024-05-17", "2024-02-30", "2023-02-28", "2024-5-17", "0000-01-01", "9999-12-31", ""),
    "in_words": ("seribu rupiah", "Satu  Ribu Rupiah", "sejuta", "nol", "uang", "", "dua rupiah lima puluh sen"),
    "village": ("2001", "1001", "4001", "201", "", "٢٠٠١"),
    "code": ("1.01", "1.01.02", "1.01.02.2.01", "X.XX", "2.01", ""),
    "event_type": (*EVENT_TYPES, "weather", ""),
}


def pool(name: str) -> str | None:
    """Return which of the pools of texts a field draws from."""
    if name in BY_NAME:
        return name
    ends = {"_nip": "nip", "_nik": "nik", "_date": "date", "_on": "date", "_code": "code"}
    return next((found for end, found in ends.items() if name.endswith(end)), None)


def any_value(rng: random.Random, name: str, declared: Any) -> Any:
    """Return any value that Avro lets a field have, around the boundaries of the rules."""
    match declared:
        case ["null", inner]:
            return None if rng.random() < 0.2 else any_value(rng, name, inner)
        case {"type": "enum", "symbols": symbols}:
            return rng.choice(symbols)
        case {"type": "array", "items": items}:
            return [any_value(rng, name, items) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
        case {"type": "record", "fields": fields}:
            return {part["name"]: any_value(rng, part["name"], part["type"]) for part in fields}
    found = pool(name) if declared == "string" else None
    if found and rng.random() < 0.9:
        return rng.choice(BY_NAME[found])
    return rng.choice(BOUNDARIES[declared if isinstance(declared, str) else "time"])


def envelope(rng: random.Random) -> Record:
    moment = JUDGED_AT - rng.randrange(300) * DAY_MICROS
    return {
        "event_id": f"018e0000-0000-7000-8000-{rng.getrandbits(48):012x}",
        "subject": f"uji:{rng.getrandbits(20)}",
        "revision": rng.randrange(1, 2**50),
        "action": rng.choice(("SUBMIT", "WITHDRAW")),
        "region": rng.choice(REGIONS),
        "occurred_at": moment,
        "recorded_at": moment,
        "published_at": moment,
        "source": "uji.17",
        "mode": "ACTUAL",
        "reason": rng.choice((None, "salah ketik")),
    }


def a_report(rng: random.Random) -> Record:
    kind = rng.choice(("DAY", "WEEK", "MONTH", "QUARTER", "CATURWULAN", "SEMESTER", "YEAR"))
    period = {
        "DAY": "2024-02-29",
        "WEEK": "2020-W53",
        "MONTH": "2024-02",
        "QUARTER": "2024-Q4",
        "CATURWULAN": "2024-C1",
    }
    period |= {"SEMESTER": "2024-S2", "YEAR": "2024"}
    types = rng.sample(sorted(EVENT_TYPES), rng.randrange(4))
    return {
        "unit": "kesbangpol",
        "period_kind": kind,
        "period": period[kind],
        "claims": [{"event_type": name, "count": rng.randrange(100)} for name in types],
    }


def an_incident(rng: random.Random) -> Record:
    found: Record = {"category": "banjir", "severity": "MINOR", "verification": "VERIFIED", "time_precision": "DAY"}
    found |= {"kind": "DISASTER", "killed": rng.choice((None, 0, 3)), "loss_idr": rng.choice((None, 10**9))}
    if rng.random() < 0.5:
        found |= {"latitude": -6.2, "longitude": 106.8, "geo_precision": "POINT"}
    if rng.random() < 0.5:
        begin = JUDGED_AT - 60 * DAY_MICROS
        found |= {"kind": "CONFLICT", "phase": "PENGHENTIAN", "conflict_status": "PROVINSI"}
        found |= {"conflict_status_from": begin, "conflict_status_until": rng.choice((None, begin + 90 * DAY_MICROS))}
        found |= {"parties": [{"name": "warga", "kind": None}], "agencies": ["polres"]}
    return found


def a_handover(rng: random.Random) -> Record:
    lines = [(rng.randrange(1, 10**5), rng.randrange(1, 10**7) * 1000) for _ in range(rng.randrange(1, 4))]
    total = sum(quantity * value for quantity, value in lines) // 1000
    items = [
        {
            **dict.fromkeys(("brand", "unit", "condition", "note")),
            "name": "beras",
            "quantity_thousandths": quantity,
            "unit_value_sen": value,
        }
        for quantity, value in lines
    ]
    found: Record = {"status": "HANDED_OVER", "aid_kind": "GOODS", "bast_number": "591/BAST/2024"}
    found |= {"handover_date": "2024-05-17", "legal_basis_date": rng.choice((None, "2024-02-29"))}
    found |= {"verified_on": rng.choice((None, "2024-06-01")), "second_party_name": "A", "recipient_count": 3}
    found |= {"first_party_nip": "198001012005011001", "second_party_nik": "1701014101800001"}
    found |= {"items": items, "total_value_sen": total, "in_words": write_rupiah(total)}
    return found | {"attachments": [{"kind": "PHOTO", "reference": None}]}


def an_aspiration(rng: random.Random) -> Record:
    start = JUDGED_AT - rng.randrange(400, 500) * DAY_MICROS
    moments = ("occurred_at", "submitted_at", "verified_at", "forwarded_at", "first_answered_at", "last_replied_at")
    found: Record = {name: start + place * DAY_MICROS for place, name in enumerate(moments[: rng.randrange(1, 7)])}
    found |= {"classification": "PENGADUAN", "status": "DITERIMA", "title": "Jalan rusak", "identity": "NAMED"}
    found |= {"disclosure": "PUBLIC", "reporter_name": "A", "tags": ["jalan"]}
    return found | {"attachments": [{"media_type": "image/jpeg", "size_bytes": rng.choice((None, 2_097_152))}]}


def a_finding(rng: random.Random) -> Record:
    found: Record = {"athg_kind": "GANGGUAN", "sphere": "SOSIAL", "information": "isu", "recommendation": "pantau"}
    found |= {"verification": "UNVERIFIED", "time_precision": "DAY", "village": rng.choice((None, "2001"))}
    return found | ({"latitude": -6.2, "longitude": 106.8} if rng.random() < 0.5 else {})


def a_station(rng: random.Random) -> Record:
    found: Record = {"election": "uji", "station": "001", "village": "2001"}
    for name in ("voted_dpt", "voted_dptb", "voted_dpk"):
        men, women = rng.randrange(9), rng.randrange(9)
        found |= {f"{name}_male": men, f"{name}_female": women, name: men + women}
    for suffix in ("", "_male", "_female"):
        found[f"turned_out{suffix}"] = sum(
            found[f"{name}{suffix}"] for name in ("voted_dpt", "voted_dptb", "voted_dpk")
        )
    turned_out = found["turned_out"]
    found |= {"registered_male": turned_out, "registered_female": 7, "registered": turned_out + 7}
    found |= {"votes_total": turned_out, "invalid": 0, "valid": turned_out}
    return found | {"candidates": rng.choice((None, [{"candidate": "01", "votes": turned_out}]))}


def a_budget(rng: random.Random) -> Record:
    level, code = rng.choice((("AKUN", "5"), ("JENIS", "5.1.01"), ("SUB_RINCIAN_OBJEK", "5.1.01.01.01.001")))
    found: Record = {"budget_year": 2024, "skpd_code": "8.01", "account_level": level, "account_code": code}
    found |= {"ceiling_sen": 10**12, "ceiling_original_sen": 10**12, "programme_code": "8.01.02"}
    found |= {"activity_code": "8.01.02.2.01", "sub_activity_code": "8.01.02.2.01.0003"}
    spent: Record = {"period": "2024-05", "cash_plan_sen": 10**11, "realisation_sen": 10**12}
    return found | (spent | {"physical_basis_points": 10_000} if rng.random() < 0.7 else {})


MAKERS: dict[str, Make] = {
    "report": a_report,
    "incident": an_incident,
    "aid_handover": a_handover,
    "aspiration": an_aspiration,
    "prevention": a_finding,
    "participation": a_station,
    "budget": a_budget,
}


def generate(rng: random.Random, kind: EventType, fields: list[dict[str, Any]]) -> tuple[Record, Record]:
    """Return an event, in the order of its fields, and what is known outside of it: topic's province and clock."""
    record = dict.fromkeys(field["name"] for field in fields) | envelope(rng) | MAKERS[kind.name](rng)
    outside: Record = {PROVINCE: record["region"][:2], NOW: JUDGED_AT}
    if rng.random() < 0.7:
        for field in rng.choices(fields, k=rng.choice((1, 1, 2, 3, 8))):
            record[field["name"]] = any_value(rng, field["name"], field["type"])
        outside[PROVINCE] = rng.choice((outside[PROVINCE], outside[PROVINCE], "17", None))
        outside[NOW] = rng.choice((JUDGED_AT, JUDGED_AT, None))
    return record, outside


def test_the_generator_knows_every_type() -> None:
    assert set(MAKERS) == set(EVENT_TYPES)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_model_row_and_column_give_one_verdict_to_every_event(kind: EventType) -> None:
    rng = random.Random(f"simpul {kind.name}")
    fields = kind.parsed_schema["fields"]
    times = [field["name"] for field in fields if "timestamp-micros" in json.dumps(field["type"])]
    made = [generate(rng, kind, fields) for _ in range(EVENTS // len(EVENT_TYPES) + 1)]
    bodies = [rows.encode(kind.parsed_schema, record) for record, _ in made]

    by_model = []
    for record, outside in made:
        values = record | {name: from_micros(record[name]) for name in times if record[name] is not None}
        by_model.append(kind.rules.judge(door.to_record(kind, values) | outside))
    decoder = RowDecoder(read_parsed(kind.parsed_schema))
    by_row = [kind.rules.judge(decoder.decode(body) | outside) for body, (_, outside) in zip(bodies, made, strict=True)]
    decoded = BlockDecoder(kind.schema).decode(bodies)
    assert not decoded.malformed
    frame = decoded.frame.with_columns(
        pl.Series(PROVINCE, [outside[PROVINCE] for _, outside in made], pl.String),
        pl.Series(NOW, [outside[NOW] for _, outside in made], pl.Int64),
    )
    by_column = judge(frame, kind.rules).to_list()
    assert ColumnRules(kind.rules).refuses(frame).to_list() == [kind.rules.refuses(verdict) for verdict in by_column]

    assert by_model == by_row == by_column
    assert [kind.rules.codes(verdict) for verdict in by_row] == [kind.rules.codes(verdict) for verdict in by_column]
    seen = Counter(code for verdict in by_row for code in kind.rules.codes(verdict))
    assert set(seen) == {rule.code for rule in kind.rules.rules}
    assert by_row.count(0) * 5 >= len(made)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_every_way_before_any_rule(number: float) -> None:
    kind = EVENT_TYPES["incident"]
    rng = random.Random(7)
    record = dict.fromkeys(kind.model.model_fields) | envelope(rng) | an_incident(rng) | {"latitude": number}
    body = rows.encode(kind.parsed_schema, record)
    moments = {name: from_micros(record[name]) for name in ("occurred_at", "recorded_at", "published_at")}
    with pytest.raises(InvalidEvent) as by_model:
        door.to_record(kind, record | moments)
    with pytest.raises(MalformedRecord) as by_row:
        rows.decode(kind.parsed_schema, body)
    assert by_model.value.codes == ("event.field_invalid",)
    assert BlockDecoder(kind.schema).decode([body]).malformed == {0: by_row.value.code}

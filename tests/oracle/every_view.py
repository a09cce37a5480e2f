"""The referee of all views: random events of every type, and what must come of them, in plain loops.

It shares no code with the project but the names of fields: zones, weeks, terms, working days and levels are worked out
here anew. Tests load this file by its path, since tests are not a package.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Event: TypeAlias = dict[str, Any]
#: View, level, region, period kind, period, and the values of its dimensions.
Key: TypeAlias = tuple[str, ...]
#: Period kind, period, dimensions, measures of one event.
Part: TypeAlias = tuple[str, str, tuple[str, ...], dict[str, int]]

#: A province in each zone, with regions of every level.
REGIONS = {
    "17": ("17", "17.01", "17.01.01", "17.01.02", "17.02.07"),
    "73": ("73", "73.71", "73.71.01", "73.71.02"),
    "94": ("94", "94.01", "94.01.01"),
}
ZONES = {"17": ZoneInfo("Asia/Jakarta"), "73": ZoneInfo("Asia/Makassar"), "94": ZoneInfo("Asia/Jayapura")}
UTC = ZoneInfo("UTC")
HOUR = 3_600_000_000
DAY = 24 * HOUR
#: From the last days of 2022, whose ISO week reaches into 2023, up to November 2023.
FIRST = int(datetime(2022, 12, 28, tzinfo=UTC).timestamp()) * 1_000_000
DAYS = 300
TYPES = ("report", "incident", "aid_handover", "aspiration", "prevention", "participation", "budget")
#: Free text that a careless key would confuse.
UNITS = (None, "kg", " KG ", "Kg", 'a","b', "\\", "]", "", "  ", "lembar", "x" * 60, "satu\nbaris", "-")


# --- events ---


def events(rng: random.Random, kind: str, count: int) -> list[Event]:
    """Make events of a type: several revisions of few subjects, some withdrawn, some exercises, some ties."""
    made = []
    for number in range(count):
        province = rng.choice(sorted(REGIONS))
        moment = FIRST + rng.randrange(DAYS) * DAY + rng.choice((0, 14, 15, 16, 17, 23)) * HOUR + rng.randrange(-1, 2)
        event: Event = {
            "event_id": f"018e0000-0000-7000-8000-{number:012x}",
            "subject": f"uji:{province}:{rng.randrange(count // 4 + 1)}",
            "revision": rng.randrange(1, 6),
            "action": rng.choice(("SUBMIT",) * 6 + ("WITHDRAW",)),
            "region": rng.choice(REGIONS[province]),
            "occurred_at": moment,
            "recorded_at": moment,
            "published_at": moment,
            "source": f"uji.{province}",
            "mode": rng.choice(("ACTUAL",) * 8 + ("TEST", "EXERCISE")),
        }
        made.append(event | _PAYLOADS[kind](rng, moment))
    return made


def _maybe(rng: random.Random, most: int) -> int | None:
    return rng.choice((None, 0, rng.randrange(most)))


def _report(rng: random.Random, moment: int) -> Event:
    day = datetime.fromtimestamp(moment / 1e6, UTC).date()
    kind = rng.choice(("DAY", "WEEK", "MONTH", "QUARTER", "CATURWULAN", "SEMESTER", "YEAR"))
    types = rng.sample(TYPES, rng.choice((0, 1, 2, 7)))
    most = rng.choice((1, 50))
    return {
        "unit": rng.choice(("kesbangpol.73.71", "kesbangpol.17", "bpbd", 'Dinas "X"', "dinsos.a.b", ".x")),
        "period_kind": kind,
        "period": _written(kind, day),
        "claims": [{"event_type": name, "count": rng.randrange(most)} for name in types],
        "approved_at": rng.choice((None, moment)),
    }


def _incident(rng: random.Random, moment: int) -> Event:
    return {
        "kind": rng.choice(("CONFLICT", "DISASTER", "DISTURBANCE")),
        "category": "uji",
        "phase": rng.choice((None, "PENCEGAHAN", "PENGHENTIAN", "PEMULIHAN")),
        "severity": rng.choice(("UNKNOWN", "MINOR", "EXTREME")),
        "verification": rng.choice(("VERIFIED", "UNVERIFIED")),
        "time_precision": rng.choice(("MINUTE", "DAY", "MONTH", "YEAR")),
        **{name: _maybe(rng, 99) for name in ("killed", "injured", "displaced", "buildings_damaged")},
        "loss_idr": _maybe(rng, 10**15),
        "resolved_at": rng.choice((None, moment + HOUR)),
    }


def _handover(rng: random.Random, _moment: int) -> Event:
    status = rng.choice(("PLANNED", "HANDED_OVER", "VERIFIED"))
    lines = [
        {
            "name": "beras",
            "brand": None,
            "quantity_thousandths": _maybe(rng, 10**7),
            "unit": rng.choice(UNITS),
            "unit_value_sen": _maybe(rng, 10**8),
            "condition": None,
            "note": None,
        }
        for _ in range(rng.choice((0, 1, 2, 5)))
    ]
    known = all(line[name] is not None for line in lines for name in ("quantity_thousandths", "unit_value_sen"))
    exact = sum((line["quantity_thousandths"] or 0) * (line["unit_value_sen"] or 0) for line in lines) // 1000
    return {
        "status": status,
        "aid_kind": rng.choice(("CASH", "GOODS")),
        "bast_number": "1/BAST",
        "handover_date": "2023-05-17",
        "items": rng.choice((lines, lines, lines, None)),
        "total_value_sen": rng.choice((None, exact if known and lines else rng.randrange(10**12)))
        if not (known and lines)
        else exact,
        "recipient_count": _maybe(rng, 500),
    }


def _aspiration(rng: random.Random, moment: int) -> Event:
    names = ("submitted_at", "verified_at", "forwarded_at", "first_answered_at", "last_replied_at", "closed_at")
    found: Event = {
        "classification": rng.choice(("ASPIRASI", "PENGADUAN")),
        "status": rng.choice(("DITERIMA", "DIDISPOSISI", "DITUTUP")),
        "title": "Jalan rusak",
        "identity": "ANONYMOUS",
        "disclosure": "PUBLIC",
    }
    for name in names:
        moment = min(moment + rng.choice((0, 1, 7, 24, 30, 24 * 9, 24 * 16)) * HOUR, FIRST + (DAYS + 15) * DAY)
        found[name] = rng.choice((moment, moment, None))
    return found


def _prevention(rng: random.Random, moment: int) -> Event:
    return {
        "athg_kind": rng.choice(("ANCAMAN", "GANGGUAN")),
        "sphere": rng.choice(("IDEOLOGI", "SOSIAL", "HANKAM")),
        "information": "isu",
        "verification": rng.choice(("VERIFIED", "UNVERIFIED")),
        "time_precision": rng.choice(("MINUTE", "DAY", "MONTH", "YEAR")),
        "responded_at": rng.choice((None, moment + HOUR)),
        "incident_subject": rng.choice((None, "kejadian:1")),
    }


def _participation(rng: random.Random, _moment: int) -> Event:
    registered = _maybe(rng, 300)
    most = 200 if registered is None else registered + 1
    return {
        "election": rng.choice(("pilpres-2024", 'pil"kada', "[pemilu]")),
        "station": "001",
        "registered": registered,
        "turned_out": rng.choice((None, rng.randrange(most))),
        "valid": _maybe(rng, 300),
        "invalid": _maybe(rng, 10),
        "voted_dpk_male": rng.choice((None, None, 4)),
    }


def _budget(rng: random.Random, _moment: int) -> Event:
    level, code = rng.choice(
        (("AKUN", "5"), ("KELOMPOK", "5.1"), ("JENIS", "5.1.01"), ("JENIS", "4.1.02"), ("OBJEK", "6.2.01.03"))
    )
    found: Event = {"budget_year": 2023, "skpd_code": "8.01", "account_level": level, "account_code": code}
    found |= {name: _maybe(rng, 10**13) for name in ("ceiling_original_sen", "ceiling_sen")}
    if rng.random() < 0.7:
        found |= {"period": f"2023-{rng.randrange(1, 13):02d}"}
        found |= {name: _maybe(rng, 10**13) for name in ("cash_plan_sen", "realisation_sen")}
    return found


_PAYLOADS: dict[str, Callable[[random.Random, int], Event]] = {
    "report": _report,
    "incident": _incident,
    "aid_handover": _handover,
    "aspiration": _aspiration,
    "prevention": _prevention,
    "participation": _participation,
    "budget": _budget,
}


# --- what must come of them ---


def figures(view: str, published: list[Event]) -> dict[Key, dict[str, int]]:
    """Return every figure of a view that is not nothing, by level, region, period kind, period and dimensions."""
    winners: dict[str, Event] = {}
    for event in published:
        old = winners.get(event["subject"])
        if old is None or (event["revision"], event["event_id"]) > (old["revision"], old["event_id"]):
            winners[event["subject"]] = event
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in winners.values():
        if event["action"] != "SUBMIT" or event["mode"] != "ACTUAL":
            continue
        for kind, period, dimensions, measures in _VIEWS[view](defaultdict(lambda: None, event)):
            for level, region in _places(event["region"]):
                for length in _periods(view, kind, period):
                    for name, value in measures.items():
                        found[level, region, *length, *dimensions][name] += value
    return {key: dict(figure) for key, figure in found.items() if any(figure.values())}


def _places(code: str) -> list[tuple[str, str]]:
    parts = code.split(".")
    names = ("province", "regency", "district")
    return [("nation", "ID"), *((names[at], ".".join(parts[: at + 1])) for at in range(len(parts)))]


def _periods(view: str, kind: str, period: str) -> list[tuple[str, str]]:
    if kind == "NONE" or view == "budget":
        return [(kind, period)]
    longer = {
        "DAY": ("DAY", "WEEK", "MONTH", "CATURWULAN", "YEAR"),
        "WEEK": ("WEEK",),
        "MONTH": ("MONTH", "CATURWULAN", "YEAR"),
    }.get(kind, (kind, "YEAR") if kind != "YEAR" else ("YEAR",))
    if kind == "WEEK":
        return [(kind, period)]
    return [(each, period if each == kind else _written(each, _some_day(kind, period))) for each in longer]


def _some_day(kind: str, period: str) -> date:
    if kind == "DAY":
        return date.fromisoformat(period)
    year = int(period[:4])
    months = {"MONTH": 1, "QUARTER": 3, "CATURWULAN": 4, "SEMESTER": 6}
    if kind == "YEAR":
        return date(year, 7, 1)
    number = int(period[5:].lstrip("QCS"))
    return date(year, number * months[kind], 1)


def _written(kind: str, day: date) -> str:
    if kind == "WEEK":
        return "{}-W{:02d}".format(*day.isocalendar()[:2])
    return {
        "DAY": day.isoformat(),
        "MONTH": f"{day.year}-{day.month:02d}",
        "QUARTER": f"{day.year}-Q{-(-day.month // 3)}",
        "CATURWULAN": f"{day.year}-C{-(-day.month // 4)}",
        "SEMESTER": f"{day.year}-S{-(-day.month // 6)}",
        "YEAR": str(day.year),
    }[kind]


def _local(event: Event, moment: int) -> date:
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    return whole.astimezone(ZONES[event["region"][:2]]).date()


def _by_day(event: Event) -> tuple[str, str]:
    kind = {"MONTH": "MONTH", "YEAR": "YEAR"}.get(event["time_precision"], "DAY")
    return kind, _written(kind, _local(event, event["occurred_at"]))


def _known(value: object) -> int:
    return int(value is not None)


def _of_incident(event: Event) -> Iterator[Part]:
    names = ("killed", "injured", "displaced", "buildings_damaged", "loss_idr")
    measures = {
        "incidents": 1,
        "verified": int(event["verification"] == "VERIFIED"),
        "resolved": _known(event["resolved_at"]),
        "assessed": int(any(event[name] is not None for name in names)),
        **{name: event[name] or 0 for name in names},
        **{f"{name}_known": _known(event[name]) for name in names},
    }
    yield *_by_day(event), (event["kind"], event["phase"] or "-", event["severity"]), measures


def _of_aid(event: Event) -> Iterator[Part]:
    measures = {
        "handovers": 1,
        "valued": _known(event["total_value_sen"]),
        "value_sen": event["total_value_sen"] or 0,
        "recipients_known": _known(event["recipient_count"]),
        "recipients": event["recipient_count"] or 0,
        "listed": int(bool(event["items"])),
    }
    yield *_by_day(event), (event["aid_kind"], event["status"]), measures


def _of_aid_items(event: Event) -> Iterator[Part]:
    by_unit: dict[str, list[Event]] = defaultdict(list)
    for line in event["items"] or ():
        by_unit[(line["unit"] or "").strip().lower()[:40] or "-"].append(line)
    for unit, lines in by_unit.items():
        counted = [line["quantity_thousandths"] for line in lines if line["quantity_thousandths"] is not None]
        valued = [
            line["quantity_thousandths"] * line["unit_value_sen"]
            for line in lines
            if line["quantity_thousandths"] is not None and line["unit_value_sen"] is not None
        ]
        measures = {
            "handovers": 1,
            "lines": len(lines),
            "lines_counted": len(counted),
            "quantity_thousandths": sum(counted),
            "lines_valued": len(valued),
            "value_sen": sum(valued) // 1000,
        }
        yield *_by_day(event), (event["aid_kind"], event["status"], unit), measures


def _of_aspiration(event: Event) -> Iterator[Part]:
    measures = {"aspirations": 1}
    waits = (
        ("response", "submitted_at", "first_answered_at", None),
        ("verification", "submitted_at", "verified_at", 3),
        ("answer", "forwarded_at", "first_answered_at", 5),
        ("closing", "last_replied_at", "closed_at", 10),
    )
    for name, start, end, limit in waits:
        if event[start] is None or event[end] is None:
            continue
        day, last, days = _local(event, event[start]), _local(event, event[end]), 0
        while day < last:
            day += timedelta(days=1)
            days += day.weekday() < 5
        measures |= {f"{name}_count": 1, f"{name}_working_days": days}
        if limit is not None:
            measures[f"{name}_late"] = int(days > limit)
    yield *_by_day(event), (event["classification"], event["status"]), measures


def _of_prevention(event: Event) -> Iterator[Part]:
    measures = {
        "findings": 1,
        "verified": int(event["verification"] == "VERIFIED"),
        "responded": _known(event["responded_at"]),
        "became_incident": _known(event["incident_subject"]),
    }
    yield *_by_day(event), (event["sphere"], event["athg_kind"]), measures


def _of_participation(event: Event) -> Iterator[Part]:
    names = ("registered", "turned_out", "valid", "invalid")
    both = event["registered"] is not None and event["turned_out"] is not None
    measures = {
        "stations": 1,
        "stations_reported": int(any(event[name] is not None for name in (*names, "voted_dpk_male"))),
        **{name: event[name] or 0 for name in names},
        "rate_registered": event["registered"] if both else 0,
        "rate_turned_out": event["turned_out"] if both else 0,
    }
    yield "NONE", "-", (event["election"],), measures


def _of_budget(event: Event) -> Iterator[Part]:
    amounts = ("ceiling_original_sen", "ceiling_sen", "cash_plan_sen", "realisation_sen")
    both = event["ceiling_sen"] is not None and event["realisation_sen"] is not None
    measures = {
        "lines": 1,
        "lines_realised": _known(event["realisation_sen"]),
        **{name: event[name] or 0 for name in amounts},
        **{f"{name}_known": _known(event[name]) for name in amounts[:3]},
        "rate_ceiling_sen": event["ceiling_sen"] if both else 0,
        "rate_realisation_sen": event["realisation_sen"] if both else 0,
    }
    group = ".".join(event["account_code"].split(".")[:2])
    when = ("MONTH", event["period"]) if event["period"] else ("YEAR", str(event["budget_year"]))
    yield *when, (event["account_level"], group), measures


def _of_report(event: Event) -> Iterator[Part]:
    claims = {claim["event_type"]: claim["count"] for claim in event["claims"]}
    measures = {
        "reports": 1,
        "claiming": int(bool(claims)),
        "nil": int(bool(claims) and not any(claims.values())),
        "approved": _known(event["approved_at"]),
        **{f"claimed_{name}": count for name, count in claims.items()},
    }
    yield event["period_kind"], event["period"], (event["unit"].split(".")[0], event["period_kind"]), measures


_VIEWS: dict[str, Callable[[Event], Iterator[Part]]] = {
    "incident": _of_incident,
    "aid": _of_aid,
    "aid_items": _of_aid_items,
    "aspiration": _of_aspiration,
    "prevention": _of_prevention,
    "participation": _of_participation,
    "budget": _of_budget,
    "report": _of_report,
}

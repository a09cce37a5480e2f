"""How the quarantine is shown: plain documents for `--json`, tables for people."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simpul_processors.errors import RepairRefused
from simpul_processors.quarantine_events import MASK, Decoded, Plain, mask
from simpul_processors.quarantine_ledger import Found, Group
from simpul_processors.quarantine_redrive import Redrive
from simpul_processors.quarantine_repair import Repaired
from simpul_schemas.quarantine import NOTICES, Explained, Marker, explain
from simpul_schemas.regions import load_regions
from simpul_schemas.times import iso_utc

#: Characters of a record that cannot be read which a terminal shows.
_PREVIEW = 200

Document = dict[str, Any]


def groups_document(groups: Sequence[Group]) -> Document:
    """Return the grouped refusals as plain data."""
    return {
        "open": sum(group.open for group in groups),
        "redriven": sum(group.redriven for group in groups),
        "groups": [_group(group) for group in groups],
    }


def _group(group: Group) -> Document:
    said = explain(group.event_type, group.code)
    return {
        "code": group.code,
        "kind": "notice" if group.code in NOTICES else "refusal",
        "event_type": group.event_type,
        "province": group.province,
        "source": group.source,
        "open": group.open,
        "redriven": group.redriven,
        "first": iso_utc(group.first),
        "last": iso_utc(group.last),
        "example": group.example,
        **_said(said),
    }


def _said(said: Explained) -> Document:
    return {
        "field": said.path,
        "message": {"id": said.message.indonesian, "en": said.message.english},
        "remedy": {"id": said.remedy.indonesian, "en": said.remedy.english},
    }


def found_document(found: Found, decoded: Decoded | None, *, unmask: bool) -> Document:
    """Return one refusal as plain data; personal values are masked, and bytes that cannot be read are left out."""
    refusal, origin = found.refusal, found.refusal.origin
    event = None if decoded is None else decoded.event if unmask else decoded.masked
    value = refusal.value
    return {
        "id": origin.id,
        "state": "open" if found.marker is None else "redriven",
        "kind": "notice" if refusal.is_notice else "refusal",
        "origin": {
            "topic": origin.partition.topic,
            "partition": origin.partition.number,
            "offset": origin.offset,
            "appended_at": None if refusal.appended_at is None else iso_utc(refusal.appended_at),
        },
        "quarantined_at": iso_utc(refusal.quarantined_at),
        "codes": [{"code": code, **_said(explain(origin.event_type, code))} for code in refusal.codes],
        "redriven": None if found.marker is None else marker_document(found.marker),
        "bytes": 0 if value is None else len(value),
        "value_base64": base64.b64encode(value).decode() if unmask and value is not None else None,
        "read_as": decoded.kind.name if decoded and decoded.kind else None,
        "masked": event is not None and not unmask,
        "event": event,
    }


def marker_document(marker: Marker) -> Document:
    """Return what became of a refusal as plain data."""
    return {
        "id": marker.id,
        "event_id": marker.event_id,
        "topic": marker.topic,
        "by": marker.by,
        "reason": marker.reason,
        "at": iso_utc(marker.at),
    }


def redrive_document(result: Redrive, *, dry_run: bool, unmask: bool) -> Document:
    """Return what a redrive did as plain data."""
    return {
        "dry_run": dry_run,
        "sent": [_repaired(one, unmask=unmask) for one in result.sent],
        "already_redriven": [marker_document(marker) for marker in result.already],
        "refused": [_refused(error) for error in result.refused],
        "skipped": result.skipped,
        "unreadable": result.unreadable,
    }


def _refused(error: RepairRefused) -> Document:
    return {"codes": list(error.codes), "message": {"id": error.message_id, "en": error.message_en}}


def _repaired(one: Repaired, *, unmask: bool) -> Document:
    return {
        "id": one.refusal.origin.id,
        "topic": one.topic,
        "event_id": one.after["event_id"],
        "subject": one.after["subject"],
        "revision": one.after["revision"],
        "warnings": [rule.code for rule in one.warnings],
        "changes": [
            {"field": name, "before": before, "after": after} for name, before, after in _changes(one, unmask=unmask)
        ],
    }


def _changes(one: Repaired, *, unmask: bool) -> list[tuple[str, Any, Any]]:
    if unmask:
        return one.changes
    before: Plain = mask(one.kind, one.before) if one.before is not None else {}
    after = mask(one.kind, one.after)
    return [(name, before.get(name), after.get(name)) for name, _, _ in one.changes]


def show_groups(document: Mapping[str, Any]) -> None:
    """Show the grouped refusals."""
    out = Console()
    if not document["groups"]:
        out.print("Karantina kosong untuk saringan ini. / Nothing in quarantine for this filter.")
        return
    table = Table(
        title=f"Karantina / quarantine: {document['open']:,} terbuka / open, {document['redriven']:,} sudah "
        "dikirim ulang / redriven",
        title_justify="left",
        show_lines=True,
    )
    for title in ("Sebab / reason", "Asal / origin"):
        table.add_column(title, overflow="fold")
    table.add_column("Terbuka / open", justify="right")
    table.add_column("Ulang / redriven", justify="right")
    table.add_column("Sebab dan cara / reason and remedy", overflow="fold")
    for group in document["groups"]:
        code = f"{group['code']}{' (catatan / notice)' if group['kind'] == 'notice' else ''}"
        place = f"{load_regions().name(group['province'])} ({group['province']})\n{group['event_type']}"
        when = f"{group['first'][:16]} .. {group['last'][:16]}\n{group['example']}"
        table.add_row(
            escape(code),
            escape(f"{place}\n{group['source']}\n{when}"),
            f"{group['open']:,}",
            f"{group['redriven']:,}",
            escape(_words(group)),
        )
    out.print(table)


def _words(said: Mapping[str, Any]) -> str:
    field = f" ({said['field']})" if said["field"] else ""
    return (
        f"{said['message']['id']}{field} {said['remedy']['id']}\n{said['message']['en']}{field} {said['remedy']['en']}"
    )


def show_found(document: Mapping[str, Any]) -> None:
    """Show one refusal."""
    out = Console(soft_wrap=True)
    origin = document["origin"]
    lines = [
        ("id", document["id"]),
        ("keadaan / state", document["state"]),
        ("asal / origin", f"{origin['topic']}/{origin['partition']} @ {origin['offset']}"),
        ("diterima broker / appended", origin["appended_at"] or "-"),
        ("dikarantina / quarantined", document["quarantined_at"]),
    ]
    marker = document["redriven"]
    if marker:
        lines.append(("dikirim ulang / redriven", f"{marker['event_id']} -> {marker['topic']}"))
        lines.append(("oleh / by", f"{marker['by']}, {marker['at']}: {marker['reason']}"))
    for name, value in lines:
        out.print(f"{name:<28}{escape(str(value))}", highlight=False)
    for code in document["codes"]:
        out.print(f"\n[bold]{escape(code['code'])}[/bold]\n{escape(_words(code))}", highlight=False)
    out.print()
    if document["event"] is not None:
        out.print(escape(json.dumps(document["event"], ensure_ascii=False, indent=2)), highlight=False)
        if document["masked"] and MASK in json.dumps(document["event"]):
            _say("Data pribadi disamarkan; --unmask menampilkannya.", "Personal data is masked; --unmask shows it.")
    elif document["value_base64"]:
        out.print(escape(repr(base64.b64decode(document["value_base64"])[:_PREVIEW])), highlight=False)
    else:
        _say(
            f"Catatan ini ({document['bytes']} bita) tidak dapat dibaca; --unmask menampilkan bitanya.",
            "This record cannot be read; --unmask shows its bytes.",
        )


def show_redrive(document: Mapping[str, Any]) -> None:
    """Show what a redrive did."""
    out = Console(soft_wrap=True)
    for one in document["sent"]:
        out.print(f"[bold]{escape(one['id'])}[/bold] -> {escape(one['topic'])}  {one['event_id']}", highlight=False)
        for change in one["changes"]:
            before, after = (json.dumps(change[side], ensure_ascii=False) for side in ("before", "after"))
            out.print(f"  {escape(change['field'])}: {escape(before)} -> {escape(after)}", highlight=False)
        for code in one["warnings"]:
            out.print(f"  peringatan / warning: {code}", highlight=False)
    for marker in document["already_redriven"]:
        _say(
            f"{marker['id']} sudah dikirim ulang sebagai {marker['event_id']} oleh {marker['by']}; tidak diulang.",
            "Redriven before; not again.",
        )
    for error in document["refused"]:
        _say(error["message"]["id"], error["message"]["en"])
    for name in document["unreadable"]:
        _say(
            f"{name}: catatan tidak dapat dibaca; perbaiki dengan --id {name} --edit BERKAS.json.",
            f"The record cannot be read; mend it with --id {name} --edit FILE.json.",
        )
    numbers = (
        ("akan dikirim / would be sent" if document["dry_run"] else "dikirim ulang / redriven", "sent"),
        ("sudah sebelumnya / before", "already_redriven"),
        ("ditolak / refused", "refused"),
        ("dilewati skrip / skipped", "skipped"),
        ("tidak terbaca / unreadable", "unreadable"),
    )
    for title, name in numbers:
        if document[name] or name == "sent":
            out.print(f"{title:<34}{len(document[name]):,}", highlight=False)


def _say(indonesian: str, english: str) -> None:
    Console(stderr=True, soft_wrap=True).print(escape(f"{indonesian} / {english}"), highlight=False)

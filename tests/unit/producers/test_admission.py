"""The one door: the importer's way and the SDK's way end in the same verdict and the same bytes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.publisher import Draft, Publisher
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import from_micros, to_micros
from simpul_schemas.events.participation import COUNTS
from simpul_schemas.rows import decode

NOW = to_micros(datetime(2024, 4, 1, tzinfo=UTC))


def test_a_row_imported_and_the_same_event_by_the_sdk_are_the_same_bytes(
    write_table: Callable[..., Path], a_station: Callable[..., str]
) -> None:
    by_import, by_sdk = InMemoryOutbox(), InMemoryOutbox()
    importer = Importer(load_mapping("pilpres2024_tps"), "m", by_import, RefusalReport(None), lambda: NOW)
    importer.run(write_table([a_station()]), ImportResult())
    (imported,) = by_import.pending(1)
    record = decode(event_type("participation").parsed_schema, imported.row.body)
    moment = from_micros(record["occurred_at"])
    draft = Draft(
        event_type="participation",
        subject=record["subject"],
        region=record["region"],
        occurred_at=moment,
        recorded_at=moment,
        revision=record["revision"],
        event_id=record["event_id"],
        payload={name: record[name] for name in ("election", "village", "station", *COUNTS)},
    )
    Publisher(by_sdk, "sirekap.kpu", lambda: NOW).publish(draft)
    assert by_sdk.pending(1)[0].row == imported.row

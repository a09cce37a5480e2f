"""Kirim satu kejadian dan tunggu tanda terimanya. / Send one incident and wait for its receipt.

    pip install "simpul[producers]"
    export SIMPUL_CONFIG=simpul.yaml        # ditulis oleh / written by: simpul connect
    python kirim.py 53.13 kejadian:2026-0014

Keluar / exits: 0 diterima, 1 ditolak, 3 belum ada tanda terima (peristiwa aman di kotak keluar).
"""

import sys
from datetime import UTC, datetime

from simpul_producers.link import open_publisher
from simpul_producers.publisher import Draft
from simpul_producers.receipts import Standing
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.events.envelope import Mode

region, subject = sys.argv[1:3]
draft = Draft(
    event_type="incident",
    subject=subject,
    region=region,
    occurred_at=datetime.now(UTC),
    mode=Mode.TEST,  # hapus baris ini bila sungguhan / leave this out in earnest
    payload={
        "kind": "DISASTER",
        "category": "banjir",
        "severity": "MINOR",
        "verification": "UNVERIFIED",
        "time_precision": "MINUTE",
        "displaced": 120,
    },
)
with open_publisher() as publisher:
    try:
        answer = publisher.publish(draft)  # sesudah ini peristiwa ada di disk / from here on it is on disk
    except InvalidEvent as error:
        sys.exit(f"{error.codes}: {error}")
    receipt = publisher.wait(answer.event_id, seconds=30)
print(f"{receipt.event_id} {receipt.standing}: {receipt.message_id} / {receipt.message_en}")
print(receipt.remedy_id or receipt.remedy_en)
sys.exit({Standing.ACCEPTED: 0, Standing.SUPERSEDED: 0, Standing.REFUSED: 1}.get(receipt.standing, 3))

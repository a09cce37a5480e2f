"""Templates that another library fills in as a clerk would, and imports of them into an outbox in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from simpul_producers.imports.filled import FilledImporter, FilledResult, read_filled
from simpul_producers.imports.marked import write_answer
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.template import write_template
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.events.envelope import to_micros

NOW = to_micros(datetime(2026, 4, 3, 1, tzinfo=UTC))
Row = Mapping[str, object]

#: The catalogue's examples as a clerk types them: labels, rupiah, days; by the names of the columns.
TYPED: dict[str, list[dict[str, object]]] = {
    "report": [
        {
            "region": "73.71 Kota Makassar",
            "unit": "kesbangpol.73.71",
            "period_kind": "Bulanan",
            "period": "2026-03",
            "note": "Satu kejadian bulan ini masih diverifikasi.",
            "prepared_by": "Contoh Penyusun",
            "approved_by": "Contoh Atasan",
            "approved_at": datetime(2026, 4, 2, 14, 30),  # noqa: DTZ001  # a cell has no zone
            "claims@incident": 4,
            "claims@prevention": 11,
            "claims@aid_handover": 0,
        }
    ],
    "incident": [
        {
            "_agency": "Kesbangpol Kota Makassar",
            "_number": "2026-0014",
            "occurred_at": "28/03/2026 16:30",
            "region": "73.71.01 Mariso",
            "kind": "Konflik",
            "category": "bentrokan",
            "phase": "Pemulihan",
            "severity": "Ringan",
            "verification": "Sudah diverifikasi",
            "time_precision": "Menit",
            "village": "1001",
            "latitude": -5.148,
            "longitude": "119,4080",
            "geo_precision": "Desa/kelurahan",
            "issue": "Perselisihan lahan parkir antarwarga",
            "form": "bentrokan",
            "conflict_source": "KETIMPANGAN",
            "parties#1.name": "Warga lorong utara",
            "parties#1.kind": "warga",
            "parties#3.name": "Warga lorong selatan",
            "parties#3.kind": "warga",
            "chronology": "Adu mulut di depan pasar berlanjut menjadi saling lempar; aparat memisahkan kedua pihak "
            "dalam satu jam.",
            "killed": 0,
            "injured": "2",
            "displaced": 0,
            "buildings_damaged": 1,
            "loss_idr": "Rp 7.500.000",
            "source_kind": "Polri",
            "urgency": "Sudah lewat",
            "certainty": "Teramati",
            "conflict_status": "Kabupaten/kota",
            "conflict_status_from": "28/03/2026 18:00",
            "conflict_status_until": "2026-03-30 11:00",
            "response": "Mediasi di kantor kecamatan bersama tokoh warga; kedua pihak menandatangani kesepakatan.",
            "agencies": "Kesbangpol Kota Makassar; Polsek Mariso",
            "resolved_at": "30 Maret 2026 11.00",
        }
    ],
    "aid_handover": [
        {
            "region": "73.71.01 Mariso",
            "status": "Sudah diverifikasi",
            "aid_kind": "Barang",
            "bast_number": "591/BAST/4.11/3/2026",
            "handover_date": date(2026, 3, 17),
            "place": "Kantor Kecamatan Mariso",
            "village": "1001",
            "legal_basis_number": "188.4/112/2026",
            "legal_basis_date": "20-02-2026",
            "legal_basis_subject": "Penetapan penerima bantuan logistik",
            "programme": "Penanggulangan bencana",
            "fund_source": "APBD 2026",
            "first_party_name": "Contoh Pejabat",
            "first_party_nip": "198001012005011000",
            "first_party_position": "Pejabat Pembuat Komitmen",
            "first_party_agency": "BPBD Kota Makassar",
            "second_party_name": "Contoh Penerima",
            "second_party_nik": "7371014101800000",
            "second_party_organisation": "Kelompok Siaga Contoh",
            "second_party_address": "Jalan Contoh Nomor 1, Mariso",
            "witness_name": "Contoh Saksi",
            "witness_nip": "197906152003122000",
            "witness_position": "Camat",
            "items.name": "Beras",
            "items.brand": "Contoh",
            "items.quantity_thousandths": 250,
            "items.unit": "kg",
            "items.unit_value_sen": 14500,
            "items.condition": "baik",
            "items.note": "Kemasan 10 kg",
            "total_value_sen": 7025000,
            "in_words": "tujuh juta dua puluh lima ribu rupiah",
            "recipient_count": 40,
            "acceptance": "Barang diterima dalam keadaan baik dan cukup; tanggung jawab beralih sejak ditandatangani.",
            "attachments#1.kind": "Foto",
            "attachments#1.reference": "foto-591-01",
            "attachments#2.kind": "Daftar penerima",
            "attachments#2.reference": "daftar-591",
            "verified_on": "24 Mar 2026",
            "verified_by": "Contoh Pemeriksa",
        },
        {
            "items.name": "Selimut",
            "items.brand": "Contoh",
            "items.quantity_thousandths": 40,
            "items.unit": "lembar",
            "items.unit_value_sen": 85000,
            "items.condition": "baik",
            "items.note": "Untuk lansia",
        },
    ],
    "aspiration": [
        {
            "occurred_at": datetime(2026, 3, 7, 7),  # noqa: DTZ001  # a cell has no zone
            "region": "73.71.01",
            "classification": "Pengaduan",
            "status": "Ditutup",
            "title": "Lampu jalan padam di depan pasar",
            "body": "Tiga tiang lampu padam sejak Sabtu; jalan gelap pada malam hari.",
            "category": "infrastruktur",
            "tags": "penerangan jalan;pasar",
            "tracking_id": "20260309-0007",
            "target_agency": "Dinas Perhubungan Kota Makassar",
            "channel": "Aplikasi",
            "identity": "Bernama",
            "disclosure": "Terbuka",
            "reporter_name": "Contoh Pelapor",
            "reporter_contact": "pelapor@contoh.invalid",
            "location": "Depan Pasar Contoh, Mariso",
            "village": "1001",
            "attachments#1.media_type": "image/jpeg",
            "attachments#1.size_bytes": 412000,
            "submitted_at": "09/03/2026 09:00",
            "verified_at": "10/03/2026 10:30",
            "forwarded_at": "10/03/2026 10:35",
            "first_answered_at": "12/03/2026 14:00",
            "last_replied_at": "13/03/2026 16:20",
            "closed_at": "27/03/2026 09:00",
            "answer": "Ketiga lampu sudah diganti.",
        }
    ],
    "prevention": [
        {
            "_agency": "FKDM Kota Makassar",
            "_number": "2026-0031",
            "occurred_at": "11/03/2026 19:00",
            "region": "Mariso",
            "athg_kind": "Gangguan",
            "sphere": "Sosial",
            "information": "Kabar bohong tentang pembagian bantuan beredar di grup percakapan warga.",
            "recommendation": "Camat menyampaikan penjelasan resmi melalui RT dan RW.",
            "verification": "Sudah diverifikasi",
            "time_precision": "Hari",
            "village": "1001",
            "latitude": -5.148,
            "longitude": 119.408,
            "geo_precision": "Desa/kelurahan",
            "location": "Kelurahan contoh, Kecamatan Mariso",
            "source_kind": "Masyarakat",
            "urgency": "Dalam waktu dekat",
            "certainty": "Kemungkinan besar",
            "reported_by": "Contoh Anggota FKDM",
            "response": "Penjelasan disampaikan pada 13 Maret.",
            "responded_at": "13/03/2026 16:00",
            "incident_subject": "kejadian:kesbangpol.73.71:2026-0014",
        }
    ],
    "participation": [
        {
            "occurred_at": "14/02/2024 13:00",
            "region": "73.71.01 Mariso",
            "election": "pilpres-2024",
            "village": "1001",
            "station": "001",
            "vote_kind": "Biasa",
            "registered": 268,
            "registered_male": 129,
            "registered_female": 139,
            "voted_dpt": 214,
            "voted_dpt_male": 101,
            "voted_dpt_female": 113,
            "voted_dptb": 3,
            "voted_dptb_male": 2,
            "voted_dptb_female": 1,
            "voted_dpk": 5,
            "voted_dpk_male": 2,
            "voted_dpk_female": 3,
            "turned_out": 222,
            "turned_out_male": 105,
            "turned_out_female": 117,
            "valid": 217,
            "invalid": 5,
            "votes_total": 222,
            "candidates@01": 58,
            "candidates@02": 124,
            "candidates@03": 35,
        }
    ],
    "budget": [
        {
            "occurred_at": "31/03/2026 23:59",
            "region": "73.71",
            "budget_year": 2026,
            "period": "2026-03",
            "skpd_code": "8.01.0.00.0.00.01.0000",
            "skpd_name": "Badan Kesatuan Bangsa dan Politik",
            "sub_skpd_code": "8.01.0.00.0.00.01.0000",
            "sub_skpd_name": "Badan Kesatuan Bangsa dan Politik",
            "affair_code": "8",
            "affair_name": "Unsur pemerintahan umum",
            "affair_field_code": "8.01",
            "affair_field_name": "Kesatuan bangsa dan politik",
            "programme_code": "8.01.06",
            "programme_name": "Peningkatan kewaspadaan nasional",
            "activity_code": "8.01.06.2.01",
            "activity_name": "Pelaksanaan kebijakan kewaspadaan nasional",
            "sub_activity_code": "8.01.06.2.01.0003",
            "sub_activity_name": "Forum kewaspadaan dini masyarakat",
            "account_level": "Sub rincian objek",
            "account_code": "5.1.02.01.01.0024",
            "account_name": "Belanja alat tulis kantor",
            "fund_code": "1.1.01",
            "fund_name": "Pendapatan asli daerah",
            "detail": "Alat tulis untuk rapat forum",
            "ceiling_original_sen": 48_000_000,
            "ceiling_sen": "54.000.000",
            "cash_plan_sen": 4_500_000.0,
            "realisation_sen": "11.875.500,00",
            "physical_basis_points": 24,
        }
    ],
}


class Desk:
    """A clerk's desk: fills in templates, imports them, gets answers; the clock stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = InMemoryOutbox()
        self.report = RefusalReport(None)
        self.now = NOW

    def fill(self, event_type: str, rows: Sequence[Row], scope: str = "73.71", name: str = "isian.xlsx") -> Path:
        """Write a template, and let another library put rows into it."""
        path = self.folder / name
        write_template(path, event_type, scope)
        self.edit(path, dict(enumerate(rows, 3)))
        return path

    def edit(self, path: Path, rows: Mapping[int, Row]) -> None:
        """Put values into rows of the data sheet, by the names of the columns."""
        book = openpyxl.load_workbook(path)
        sheet = book["Data"]
        columns = {cell.value: cell.column for cell in sheet[2] if cell.value}
        for number, row in rows.items():
            for name, value in row.items():
                sheet.cell(number, columns[name]).value = value
        book.save(path)

    def take(self, path: Path, *, dry_run: bool = False) -> FilledResult:
        """Import a filled template."""
        result = FilledResult()
        importer = FilledImporter(None if dry_run else self.outbox, self.report, lambda: self.now)
        importer.run(read_filled(path), result)
        return result

    def answer(self, path: Path, name: str = "jawaban.xlsx") -> Path:
        """Import a filled template, and write the answer."""
        result = self.take(path)
        answer = self.folder / name
        write_answer(answer, read_filled(path), result)
        return answer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def typed() -> Callable[..., list[dict[str, Any]]]:
    """Return rows that are right, of which the first may be changed."""

    def rows(event_type: str, **changes: object) -> list[dict[str, Any]]:
        copied = [dict(row) for row in TYPED[event_type]]
        copied[0].update({name.replace("__", "."): value for name, value in changes.items()})
        return copied

    return rows

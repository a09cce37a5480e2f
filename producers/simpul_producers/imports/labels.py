"""The words of the contract's enums as a form shows them; an import takes the word of the contract as well."""

from collections.abc import Mapping
from types import MappingProxyType

#: Where the word itself is English; words that are Indonesian already are only written in small letters.
_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "DAY": "Harian",
        "WEEK": "Mingguan",
        "MONTH": "Bulanan",
        "QUARTER": "Triwulan",
        "YEAR": "Tahunan",
        "CONFLICT": "Konflik",
        "DISASTER": "Bencana",
        "DISTURBANCE": "Gangguan",
        "UNKNOWN": "Tidak diketahui",
        "MINOR": "Ringan",
        "MODERATE": "Sedang",
        "SEVERE": "Berat",
        "EXTREME": "Ekstrem",
        "UNVERIFIED": "Belum diverifikasi",
        "VERIFIED": "Sudah diverifikasi",
        "MINUTE": "Menit",
        "POINT": "Titik",
        "VILLAGE": "Desa/kelurahan",
        "DISTRICT": "Kecamatan",
        "REGENCY": "Kabupaten/kota",
        "PROVINCE": "Provinsi",
        "GOVERNMENT": "Pemerintah",
        "POLICE": "Polri",
        "MILITARY": "TNI",
        "COMMUNITY": "Masyarakat",
        "MEDIA": "Media",
        "OTHER": "Lain-lain",
        "IMMEDIATE": "Segera",
        "EXPECTED": "Dalam waktu dekat",
        "FUTURE": "Kelak",
        "PAST": "Sudah lewat",
        "OBSERVED": "Teramati",
        "LIKELY": "Kemungkinan besar",
        "POSSIBLE": "Mungkin",
        "UNLIKELY": "Kecil kemungkinan",
        "PLANNED": "Direncanakan",
        "HANDED_OVER": "Diserahterimakan",
        "CASH": "Dana",
        "GOODS": "Barang",
        "PHOTO": "Foto",
        "RECIPIENT_LIST": "Daftar penerima",
        "LETTER": "Surat",
        "VISIT": "Datang langsung",
        "SMS": "SMS",
        "APP": "Aplikasi",
        "X": "X",
        "NAMED": "Bernama",
        "ANONYMOUS": "Anonim",
        "PUBLIC": "Terbuka",
        "SECRET": "Rahasia",
        "REGULAR": "Biasa",
        "PSU": "Pemungutan suara ulang (PSU)",
        "SARA": "SARA",
        "KABUPATEN_KOTA": "Kabupaten/kota",
        "POLEKSOSBUD": "Politik, ekonomi, sosial budaya",
        "HANKAM": "Pertahanan dan keamanan",
        "WHISTLEBLOWING": "Pelaporan pelanggaran (whistleblowing)",
    }
)
#: Where a word says something else in one field: how exactly a time is known is no kind of period.
_BY_FIELD: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("time_precision", "DAY"): "Hari",
        ("time_precision", "MONTH"): "Bulan",
        ("time_precision", "YEAR"): "Tahun",
    }
)
#: Event types, as a report's claims name them.
EVENT_TYPE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "report": "Laporan",
        "incident": "Kejadian",
        "aid_handover": "BAST",
        "aspiration": "Aspirasi",
        "prevention": "Temuan kewaspadaan dini",
        "participation": "Partisipasi pemilih",
        "budget": "Anggaran",
    }
)


def label(field: str, symbol: str) -> str:
    """Return what a form shows for a word of an enum."""
    return _BY_FIELD.get((field, symbol)) or _LABELS.get(symbol) or symbol.replace("_", " ").capitalize()

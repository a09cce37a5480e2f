"""What the values of dimensions are called, and the dimensions themselves; a value without a name stands for itself."""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.figures import NOT_STATED
from simpul_schemas.rules import Text

DIMENSIONS: Mapping[str, Text] = MappingProxyType(
    {
        "kind": Text("Jenis", "Kind"),
        "phase": Text("Tahap", "Phase"),
        "severity": Text("Keparahan", "Severity"),
        "aid_kind": Text("Jenis bantuan", "Kind of aid"),
        "status": Text("Status", "Status"),
        "unit": Text("Satuan", "Unit"),
        "classification": Text("Klasifikasi", "Class"),
        "sphere": Text("Bidang", "Field"),
        "athg_kind": Text("Jenis ATHG", "Kind of threat"),
        "election": Text("Pemilu", "Election"),
        "account_level": Text("Level akun", "Account level"),
        "account_group": Text("Kelompok akun", "Account group"),
        "unit_kind": Text("Jenis unit", "Kind of unit"),
        "report_kind": Text("Jenis laporan", "Kind of report"),
    }
)
_VALUES: Mapping[str, Text] = MappingProxyType(
    {
        NOT_STATED: Text("Tidak disebut", "Not stated"),
        "CONFLICT": Text("Konflik", "Conflict"),
        "DISASTER": Text("Bencana", "Disaster"),
        "DISTURBANCE": Text("Gangguan", "Disturbance"),
        "PENCEGAHAN": Text("Pencegahan", "Prevention"),
        "PENGHENTIAN": Text("Penghentian", "Ending"),
        "PEMULIHAN": Text("Pemulihan", "Recovery"),
        "UNKNOWN": Text("Tidak diketahui", "Unknown"),
        "MINOR": Text("Ringan", "Minor"),
        "MODERATE": Text("Sedang", "Moderate"),
        "SEVERE": Text("Berat", "Severe"),
        "EXTREME": Text("Sangat berat", "Extreme"),
        "CASH": Text("Dana", "Cash"),
        "GOODS": Text("Barang", "Goods"),
        "PLANNED": Text("Direncanakan", "Planned"),
        "HANDED_OVER": Text("Diserahkan", "Handed over"),
        "VERIFIED": Text("Terverifikasi", "Verified"),
        "ASPIRASI": Text("Aspirasi", "Wish"),
        "PENGADUAN": Text("Pengaduan", "Complaint"),
        "PERMINTAAN_INFORMASI": Text("Permintaan informasi", "Request for information"),
        "WHISTLEBLOWING": Text("Pelaporan pelanggaran", "Whistleblowing"),
        "PENGADAAN": Text("Pengadaan", "Procurement"),
        "DITERIMA": Text("Diterima", "Received"),
        "DIVERIFIKASI": Text("Diverifikasi", "Verified"),
        "DITUNDA": Text("Ditunda", "Deferred"),
        "BUKAN_WEWENANG": Text("Bukan wewenang", "Not competent"),
        "DIARSIPKAN": Text("Diarsipkan", "Archived"),
        "DIDISPOSISI": Text("Didisposisi", "Assigned"),
        "DITINDAKLANJUTI": Text("Ditindaklanjuti", "Acted on"),
        "DITUTUP": Text("Ditutup", "Closed"),
        "IDEOLOGI": Text("Ideologi", "Ideology"),
        "POLITIK": Text("Politik", "Politics"),
        "EKONOMI": Text("Ekonomi", "Economy"),
        "SOSIAL": Text("Sosial", "Social"),
        "BUDAYA": Text("Budaya", "Culture"),
        "HANKAM": Text("Pertahanan dan keamanan", "Defence and security"),
        "ANCAMAN": Text("Ancaman", "Threat"),
        "TANTANGAN": Text("Tantangan", "Challenge"),
        "HAMBATAN": Text("Hambatan", "Obstacle"),
        "GANGGUAN": Text("Gangguan", "Disturbance"),
        "AKUN": Text("Akun", "Account"),
        "KELOMPOK": Text("Kelompok", "Group"),
        "JENIS": Text("Jenis", "Kind"),
        "OBJEK": Text("Objek", "Object"),
        "RINCIAN_OBJEK": Text("Rincian objek", "Detail"),
        "SUB_RINCIAN_OBJEK": Text("Sub rincian objek", "Sub-detail"),
        "DAY": Text("Hari", "Day"),
        "WEEK": Text("Minggu", "Week"),
        "MONTH": Text("Bulan", "Month"),
        "QUARTER": Text("Triwulan", "Quarter"),
        "CATURWULAN": Text("Caturwulan", "Four-month term"),
        "SEMESTER": Text("Semester", "Half-year"),
        "YEAR": Text("Tahun", "Year"),
        "NONE": Text("Tanpa periode", "No period"),
    }
)


#: Views in a word or two, for a row of links.
VIEWS: Mapping[str, Text] = MappingProxyType(
    {
        "incident": Text("Kejadian", "Incidents"),
        "aid": Text("Bantuan", "Aid"),
        "aid_items": Text("Rincian bantuan", "Aid by item"),
        "aspiration": Text("Aspirasi", "Aspirations"),
        "prevention": Text("Kewaspadaan dini", "Early warning"),
        "participation": Text("Partisipasi pemilih", "Voter turnout"),
        "budget": Text("Anggaran", "Budget"),
        "report": Text("Laporan berkala", "Periodic reports"),
    }
)


def view_title(name: str) -> Text:
    """Return what a view is called."""
    plain = name.replace("_", " ").capitalize()
    return VIEWS.get(name, Text(plain, plain))


def dimension_title(name: str) -> Text:
    """Return what a dimension is called."""
    plain = name.replace("_", " ").capitalize()
    return DIMENSIONS.get(name, Text(plain, plain))


def value_title(value: str) -> Text:
    """Return what a value of a dimension is called."""
    return _VALUES.get(value, Text(value, value))

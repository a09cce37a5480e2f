"""What each event type is, in a sentence for Indonesian readers; the `doc` of a schema says it in English only."""

from collections.abc import Mapping
from types import MappingProxyType

#: By event type.
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "report": (
            "Laporan suatu unit kerja untuk satu periode, beserta jumlah kendali: berapa peristiwa tiap jenis yang "
            "diakuinya, termasuk 0."
        ),
        "incident": "Konflik, bencana, atau gangguan; satu subjek mengikutinya dari kabar pertama sampai selesai.",
        "aid_handover": (
            "Bantuan yang diserahkan suatu instansi kepada orang atau organisasi. Subjek memuat instansi, tahun, dan "
            "nomor, karena satu nomor hanya dipakai sekali oleh satu instansi dalam setahun."
        ),
        "aspiration": (
            "Pengaduan, harapan, atau permintaan informasi dari masyarakat, seperti yang ditangani SP4N-LAPOR!."
        ),
        "prevention": "Kemungkinan ancaman yang ditemukan FKDM dan dilaporkan kepada Tim Kewaspadaan Dini.",
        "participation": "Partisipasi pemilih di satu TPS, atau di wilayah di atasnya.",
        "budget": (
            "Pagu, rencana kas, dan realisasi satu baris akun suatu unit kerja, seperti yang disimpan SIPD; data "
            "bulanan yang sama juga melayani SIKD Kemenkeu."
        ),
    }
)

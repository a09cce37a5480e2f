"""The sentences of the pages, Indonesian and English."""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_connectors.portal.numbers import Language
from simpul_schemas.rules import Text

_WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "about": Text("Angka daerah se-Indonesia", "Figures of Indonesia's regions"),
        "skip": Text("Langsung ke isi", "Skip to content"),
        "menu": Text("Menu utama", "Main menu"),
        "figures": Text("Angka", "Figures"),
        "restatements": Text("Ralat", "Restatements"),
        "quarantine": Text("Karantina", "Quarantine"),
        "status": Text("Keadaan bus", "Bus status"),
        "api": Text("Data terbuka (API)", "Open data (API)"),
        "other_language": Text("English", "Bahasa Indonesia"),
        "path": Text("Jalur wilayah", "Path of regions"),
        "choose": Text("Pilih angka", "Choose figures"),
        "view": Text("Tampilan", "View"),
        "measure": Text("Ukuran", "Measure"),
        "period": Text("Periode", "Period"),
        "all": Text("Semua", "All"),
        "show": Text("Tampilkan", "Show"),
        "map": Text("Peta provinsi", "Map of provinces"),
        "map_note": Text(
            "Satu petak satu provinsi, menurut letaknya. Warna: nilai. Garis di bawah petak: laporan yang masuk.",
            "One tile a province, about where it lies. Colour: the value. Line at the foot: reports that came.",
        ),
        "legend": Text("Keterangan warna", "Legend"),
        "no_value": Text("tidak ada angka", "no figure"),
        "low_cover": Text("laporan kurang dari separuh", "less than half reported"),
        "to": Text("sampai", "to"),
        "regions_in": Text("Wilayah di dalamnya", "Regions inside"),
        "region": Text("Wilayah", "Region"),
        "value": Text("Nilai", "Value"),
        "coverage": Text("Laporan masuk", "Reports in"),
        "on_time": Text("Tepat waktu", "On time"),
        "late": Text("Terlambat", "Late"),
        "not_reported": Text("Belum melapor", "Not reported"),
        "of": Text("dari", "of"),
        "no_roster": Text("tanpa daftar pelapor", "no roster"),
        "open": Text("masih berjalan", "still open"),
        "closed": Text("ditutup", "closed"),
        "as_of": Text("Per", "As of"),
        "sort_by": Text("urutkan menurut", "sort by"),
        "sorted_up": Text("urut naik", "ascending"),
        "sorted_down": Text("urut turun", "descending"),
        "other_measures": Text("Ukuran lain di sini", "Other measures here"),
        "by": Text("Menurut", "By"),
        "who": Text("Siapa yang belum melapor", "Who has not reported"),
        "who_none": Text("Semua yang ditunggu sudah melapor.", "All that were expected have reported."),
        "who_no_roster": Text(
            "Tidak ada daftar pelapor untuk tempat dan periode ini, jadi kelengkapannya tidak diketahui.",
            "There is no roster for this place and period, so how complete it is is not known.",
        ),
        "silent": Text("Diam, batas waktu sudah lewat", "Silent, past the days allowed"),
        "waiting": Text("Ditunggu, batas waktu belum lewat", "Awaited, within the days allowed"),
        "late_units": Text("Melapor, tetapi terlambat", "Reported, but late"),
        "and_more": Text("dan {count} lagi", "and {count} more"),
        "nil": Text("Laporan nihil", "Nil reports"),
        "unexpected": Text("Laporan dari unit di luar daftar", "Reports of units outside the roster"),
        "restated_here": Text("Ralat angka di sini", "Restatements here"),
        "restated_note": Text(
            "Angka yang berubah setelah periodenya ditutup.", "Figures that changed after their period was closed."
        ),
        "restated_none": Text("Belum ada ralat.", "No restatements so far."),
        "restated_all": Text("Semua ralat", "All restatements"),
        "when": Text("Kapan", "When"),
        "before": Text("Sebelum", "Before"),
        "after": Text("Sesudah", "After"),
        "difference": Text("Selisih", "Difference"),
        "why": Text("Sebab", "Why"),
        "LATE": Text("Laporan terlambat masuk", "A report came late"),
        "CORRECTION": Text("Koreksi", "Correction"),
        "download": Text("Unduh", "Download"),
        "download_note": Text(
            "Isi halaman ini dengan semua ukuran dan kelengkapannya.",
            "What this page shows, with all measures and their coverage.",
        ),
        "none_yet": Text("Belum ada angka untuk tampilan ini.", "There are no figures of this view yet."),
        "live": Text("Halaman ini berubah sendiri saat angkanya berubah.", "This page changes as its figures do."),
        "updated": Text("Diperbarui", "Updated"),
        "quarantine_note": Text(
            "Yang ditolak bus, dengan sebab dan cara memperbaikinya. Isi catatannya tidak ditampilkan di sini.",
            "What the bus refused, with the reason and how to mend it. The records themselves are not shown here.",
        ),
        "quarantine_empty": Text("Tidak ada yang ditolak.", "Nothing was refused."),
        "province": Text("Provinsi", "Province"),
        "open_refusals": Text("Terbuka", "Open"),
        "redriven": Text("Sudah dikirim ulang", "Sent again"),
        "reason": Text("Sebab", "Reason"),
        "remedy": Text("Cara memperbaiki", "How to mend it"),
        "event_type": Text("Jenis peristiwa", "Event type"),
        "first": Text("Pertama", "First"),
        "last": Text("Terakhir", "Last"),
        "notice": Text("catatan, bukan penolakan", "a notice, no refusal"),
        "at_least": Text("sedikitnya; yang lebih baru tidak dihitung lagi", "at least; newer ones are not counted"),
        "records": Text("Catatan terbuka", "Open records"),
        "records_note": Text(
            "Hanya untuk operator. Data pribadi disamarkan.", "For operators only. Personal data is masked."
        ),
        "sign_in": Text("Masuk operator", "Operator sign-in"),
        "sign_out": Text("Keluar", "Sign out"),
        "token": Text("Kunci operator", "Operator key"),
        "token_note": Text(
            "Dibuat dengan 'simpul portal operator create'. Sesi berakhir sendiri setelah 30 menit tanpa kegiatan.",
            "Made by 'simpul portal operator create'. The session ends by itself after 30 idle minutes.",
        ),
        "token_wrong": Text(
            "Kunci tidak berlaku. Periksa kuncinya, atau minta yang baru.",
            "The key is not valid. Check it, or ask for a new one.",
        ),
        "signed_in_as": Text("Masuk sebagai", "Signed in as"),
        "changes": Text("Perubahan, satu isian=nilai per baris", "Changes, one field=value a line"),
        "redrive_reason": Text("Alasan; ikut tersimpan", "Reason; it is kept"),
        "preview": Text("Periksa dulu", "Check first"),
        "redrive": Text("Kirim ulang", "Send again"),
        "would_send": Text("Akan dikirim ulang seperti ini:", "Would be sent again like this:"),
        "was_sent": Text("Sudah dikirim ulang.", "Was sent again."),
        "was_before": Text("Sudah dikirim ulang sebelumnya; tidak diulang.", "Was sent again before; not repeated."),
        "field": Text("Isian", "Field"),
        "content": Text("Isi", "Content"),
        "unreadable": Text("Catatan ini tidak dapat dibaca.", "This record cannot be read."),
        "status_note": Text(
            "Seberapa jauh tiap tahap tertinggal, dalam detik, dan satu jam terakhirnya.",
            "How far each stage is behind, in seconds, and its last hour.",
        ),
        "stage": Text("Tahap", "Stage"),
        "lag": Text("Tertinggal", "Behind"),
        "lag_records": Text("Catatan menunggu", "Records waiting"),
        "trend": Text("Satu jam terakhir", "Last hour"),
        "trend_text": Text("paling jauh {most}", "at most {most}"),
        "workers": Text("Pekerja hidup", "Workers alive"),
        "topic": Text("Topik", "Topic"),
        "last_append": Text("Catatan terakhir", "Last record"),
        "total_records": Text("Catatan", "Records"),
        "topics_note": Text("Kapan tiap topik terakhir menerima catatan.", "When each topic last took a record."),
        "not_sampled": Text(
            "Broker belum menjawab; halaman ini terisi begitu ia menjawab.",
            "The broker has not answered yet; this page fills once it does.",
        ),
        "broker_away": Text(
            "Broker tidak menjawab sejak {ago}; yang tampak adalah keadaan terakhir.",
            "The broker has not answered for {ago}; this is the last that is known.",
        ),
        "ago": Text("{ago} lalu", "{ago} ago"),
        "never": Text("belum pernah", "never"),
        "problem": Text("Tidak dapat ditampilkan", "Cannot be shown"),
        "help_on": Text("Kembali ke halaman yang ada", "Back to a page that exists"),
        "footer": Text(
            "Angka tanpa data pribadi. Setiap angka disertai laporan yang masuk.",
            "Figures without personal data. Each number stands with the reports that came.",
        ),
        "page": Text("Halaman {page} dari {pages}", "Page {page} of {pages}"),
        "newer": Text("Lebih baru", "Newer"),
        "older": Text("Lebih lama", "Older"),
        "not_held": Text(
            "Tingkat ini terlalu banyak untuk portal ini; bacalah dengan 'simpul subscribe'. Garis di sini bukan nol.",
            "There is too much of this level for this portal; read it by 'simpul subscribe'. A dash here is no zero.",
        ),
        "loading": Text(
            "Portal masih membaca angka dari bus; angka di bawah bisa belum yang terbaru.",
            "The portal is still reading figures from the bus; those below may not be the newest.",
        ),
    }
)


def say(key: str, language: Language, **values: object) -> str:
    """Return a sentence in a language."""
    return in_language(_WORDS[key], language).format(**values)


def in_language(text: Text, language: Language) -> str:
    """Return a text in a language."""
    return text.indonesian if language == "id" else text.english

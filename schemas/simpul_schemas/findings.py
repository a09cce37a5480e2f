"""What the compatibility gate may find: every rule with its stable code, what it says, and its remedy in one line.

`schema.*` speaks of one schema alone (`simpul_schemas.schema_guard`), `compat.*` of a change
(`simpul_schemas.compatibility`). A code never changes its meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from simpul_schemas.rules import Text

#: A piece of a schema as JSON has it; None where one side has no such piece.
Fragment: TypeAlias = object


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule of the gate says, and how to mend it."""

    meaning: Text
    fix: Text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be.

    `path` leads from the root `/` over field names; `[]` stands for the items of an array, `{}` for the values of a
    map; names are escaped as in a JSON pointer. `before` and `after` are the pieces of schema it is about.
    """

    path: str
    rule: str
    before: Fragment = None
    after: Fragment = None

    @property
    def advice(self) -> Advice:
        """What the rule says."""
        return ADVICE[self.rule]

    @property
    def fix(self) -> str:
        """The remedy in one line, Indonesian first."""
        return str(self.advice.fix)

    def document(self) -> dict[str, object]:
        """Return it as plain data."""
        return {"path": self.path, "rule": self.rule, "before": self.before, "after": self.after, "fix": self.fix}


def below(path: str, step: str) -> str:
    """Return the path of a step below another; a name is escaped, and cut where it is longer than names may be."""
    safe = step if step.isascii() and step.isprintable() else ascii(step)[1:-1]
    return f"{path.rstrip('/')}/{safe[:64].replace('~', '~0').replace('/', '~1')}"


def _advice(meaning_id: str, meaning_en: str, fix_id: str, fix_en: str) -> Advice:
    return Advice(Text(meaning_id, meaning_en), Text(fix_id, fix_en))


#: Every rule of the gate by its code.
ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "schema.too_large": _advice(
            "Teks skema terlalu besar.",
            "The text of the schema is too large.",
            "Perkecil skema sampai paling banyak 262.144 aksara.",
            "Cut the schema down to at most 262,144 characters.",
        ),
        "schema.not_json": _advice(
            "Teks skema bukan JSON yang sah, atau satu objek memuat kunci yang sama dua kali.",
            "The text of the schema is no valid JSON, or an object holds the same key twice.",
            "Perbaiki JSON-nya; setiap kunci hanya satu kali.",
            "Mend the JSON; give each key once.",
        ),
        "schema.too_deep": _advice(
            "Tipe bersarang lebih dari 16 tingkat.",
            "Types are nested more than 16 levels deep.",
            "Ratakan skema: paling banyak 16 tingkat record, array, map dan union.",
            "Flatten the schema: at most 16 levels of record, array, map and union.",
        ),
        "schema.too_wide": _advice(
            "Skema terurai menjadi lebih dari 1.000 tipe.",
            "The schema unfolds to more than 1,000 types.",
            "Kurangi bidang, atau pemakaian ulang tipe yang besar.",
            "Use fewer fields, or reuse large types less often.",
        ),
        "schema.recursive": _advice(
            "Tipe memuat dirinya sendiri; data yang dalam mematikan pembaca.",
            "A type contains itself; deep data kills its reader.",
            "Ganti dengan daftar rata yang menunjuk induknya lewat kunci.",
            "Use a flat list whose entries name their parent by key.",
        ),
        "schema.malformed": _advice(
            "Bagian ini bukan skema Avro yang sah.",
            "This part is no valid Avro schema.",
            "Tulis menurut spesifikasi Avro 1.12.",
            "Write it as the Avro 1.12 specification says.",
        ),
        "schema.type_unknown": _advice(
            "Nama tipe tidak dikenal.",
            "There is no type of this name.",
            "Definisikan tipe itu sebelum dipakai, atau perbaiki namanya.",
            "Define the type before it is used, or mend its name.",
        ),
        "schema.type_redefined": _advice(
            "Satu nama tipe didefinisikan dua kali.",
            "A type name is defined twice.",
            "Definisikan sekali, lalu sebut namanya.",
            "Define it once and refer to it by name.",
        ),
        "schema.not_a_record": _advice(
            "Skema teratas bukan record.",
            "The schema's outermost type is no record.",
            "Bungkus dalam sebuah record bernama.",
            "Wrap it in a named record.",
        ),
        "schema.name_invalid": _advice(
            "Nama tidak berpola [A-Za-z_][A-Za-z0-9_]{0,62}.",
            "A name is not of the form [A-Za-z_][A-Za-z0-9_]{0,62}.",
            "Pakai huruf latin, angka dan garis bawah, paling banyak 63 aksara, tidak diawali angka.",
            "Use latin letters, digits and underscores, at most 63 characters, no digit first.",
        ),
        "schema.name_duplicate": _advice(
            "Nama ini ada dua kali di satu record, union atau enum (huruf besar dan kecil sama bagi basis data).",
            "The same name stands twice in one record, union or enum (to a database, upper and lower case are one).",
            "Beri nama yang berbeda.",
            "Give different names.",
        ),
        "schema.default_invalid": _advice(
            "Nilai `default` tidak sesuai tipenya (untuk union: tipe pertamanya).",
            "The `default` is not of its type (in a union: of the first branch).",
            'Sesuaikan `default`, atau letakkan tipenya paling depan, misalnya ["null", ...] dengan null.',
            'Mend the `default`, or put its type first, for example ["null", ...] with null.',
        ),
        "schema.zero_width_items": _advice(
            "Butir array tidak memakan bita; tujuh bita dapat mengaku berisi 2^40 butir.",
            "The array's items take no bytes; seven bytes can claim 2^40 of them.",
            "Pakai butir yang berisi, misalnya record dengan sedikitnya satu bidang, atau sebuah long.",
            "Use items with content, for example a record with at least one field, or a long.",
        ),
        "schema.logical_type_invalid": _advice(
            "Tipe logis tidak dikenal, atau tidak cocok dengan tipe dasarnya.",
            "The logical type is unknown, or does not fit its base type.",
            "Perbaiki ejaan, tipe dasar, presisi atau skalanya; kalau tidak, pembaca mengabaikannya diam-diam.",
            "Mend its spelling, base type, precision or scale; else readers ignore it silently.",
        ),
        "schema.not_carried": _advice(
            "Pengurai kolom tidak dapat membawa tipe ini.",
            "The columnar decoder cannot carry this type.",
            'Pakai string, long, int, double, boolean, enum, record, array atau ["null", T]; uang sebagai long.',
            'Use string, long, int, double, boolean, enum, record, array or ["null", T]; money as long.',
        ),
        "schema.pii_missing": _advice(
            "Nama bidang menunjukkan data pribadi, tetapi tanpa tanda `pii`.",
            "The field's name speaks of personal data, but it has no `pii` tag.",
            'Tambahkan "pii": "nama", "nik", "nip", "alamat" atau "kontak", atau ganti nama bidang.',
            'Add "pii": "nama", "nik", "nip", "alamat" or "kontak", or rename the field.',
        ),
        "schema.pii_unknown": _advice(
            "Tanda `pii` tidak dikenal.",
            "The `pii` tag is unknown.",
            'Pakai "nama", "nik", "nip", "alamat" atau "kontak".',
            'Use "nama", "nik", "nip", "alamat" or "kontak".',
        ),
        "schema.pii_forbidden": _advice(
            "Data pribadi dalam angka parsial atau nasional.",
            "Personal data in a partial or national figure.",
            "Keluarkan bidang itu dari tampilan; angka hanya memuat jumlah per wilayah.",
            "Take the field out of the view; figures hold counts by region only.",
        ),
        "compat.unreadable": _advice(
            "Versi terdahulu bukan skema yang dapat dibandingkan.",
            "The earlier version is no schema that can be compared.",
            "Pasang skema ini pada topik versi baru; versi itu tidak dapat diperbaiki.",
            "Put this schema on a topic of a new version; that version cannot be mended.",
        ),
        "compat.schema_removed": _advice(
            "Jenis peristiwa dihapus dari kontrak.",
            "An event type was removed from the contract.",
            "Kembalikan berkas .avsc-nya; topik yang ada tetap memuat catatannya.",
            "Bring its .avsc file back; its topics still hold its records.",
        ),
        "compat.name_changed": _advice(
            "Nama tipe berubah.",
            "A type's name changed.",
            "Kembalikan nama dan namespace; ganti `doc` kalau artinya perlu dijelaskan.",
            "Bring name and namespace back; change `doc` where the meaning needs words.",
        ),
        "compat.field_added_without_default": _advice(
            "Bidang baru tanpa `default`: catatan lama tidak terbaca.",
            "A new field without a default: older records cannot be read.",
            'Beri `default`, atau jadikan ["null", ...] dengan default null.',
            'Give it a `default`, or make it ["null", ...] with default null.',
        ),
        "compat.field_removed_without_default": _advice(
            "Bidang tanpa `default` dihapus: pembaca lama tidak dapat membaca catatan baru.",
            "A field without a default was removed: older readers cannot read new records.",
            "Kembalikan bidang itu; kalau tidak terisi lagi, katakan dalam `doc`.",
            "Bring the field back; where it is no longer filled, say so in `doc`.",
        ),
        "compat.used_field_removed": _advice(
            "Bidang yang dipakai amplop atau sebuah tampilan dihapus: angkanya diam-diam menjadi kosong.",
            "A field that the envelope or a view uses was removed: its figures silently become empty.",
            "Kembalikan bidang itu; ubah tampilannya lebih dulu kalau memang tidak diperlukan.",
            "Bring the field back; change the view first where it is needed no more.",
        ),
        "compat.field_renamed": _advice(
            "Bidang berganti nama lewat alias; pembaca kolom memakai nama, jadi nilainya hilang.",
            "A field was renamed by an alias; columns go by name, so its values are lost.",
            "Kembalikan namanya; untuk nama baru, tambahkan bidang baru di sampingnya.",
            "Bring its name back; for a new name add a new field beside it.",
        ),
        "compat.type_widened": _advice(
            "Tipe diperlebar: pembaca lama tidak dapat membaca catatan baru.",
            "The type was widened: older readers cannot read new records.",
            "Kembalikan tipenya; tambahkan bidang baru dengan tipe yang lebih lebar.",
            "Bring the type back; add a new field of the wider type.",
        ),
        "compat.type_narrowed": _advice(
            "Tipe dipersempit: catatan lama tidak terbaca.",
            "The type was narrowed: older records cannot be read.",
            "Kembalikan tipenya; tambahkan bidang baru dengan tipe yang lebih sempit.",
            "Bring the type back; add a new field of the narrower type.",
        ),
        "compat.type_changed": _advice(
            "Tipe berubah.",
            "The type changed.",
            "Kembalikan tipenya; tambahkan bidang baru dengan tipe yang lain.",
            "Bring the type back; add a new field of the other type.",
        ),
        "compat.size_changed": _advice(
            "Panjang fixed berubah.",
            "The size of a fixed changed.",
            "Kembalikan panjangnya; tambahkan tipe fixed baru dengan nama lain.",
            "Bring the size back; add a new fixed type of another name.",
        ),
        "compat.symbol_added": _advice(
            "Simbol enum ditambah: pembaca lama tanpa `default` enum tidak mengenalnya.",
            "An enum symbol was added: older readers without an enum default do not know it.",
            "Kembalikan daftarnya; tambahkan bidang baru, atau pakai string yang diperiksa oleh aturan.",
            "Bring the list back; add a new field, or use a string that a rule checks.",
        ),
        "compat.symbol_removed": _advice(
            "Simbol enum dihapus: catatan lama memuatnya.",
            "An enum symbol was removed: older records hold it.",
            "Kembalikan simbol itu; tolak pemakaiannya dengan aturan.",
            "Bring the symbol back; refuse its use by a rule.",
        ),
        "compat.branch_added": _advice(
            "Cabang union ditambah: pembaca lama tidak dapat membaca catatan baru.",
            "A union branch was added: older readers cannot read new records.",
            'Kembalikan tipenya; tambahkan bidang baru ["null", ...] dengan default null.',
            'Bring the type back; add a new field ["null", ...] with default null.',
        ),
        "compat.branch_removed": _advice(
            "Cabang union dihapus: catatan lama memuatnya.",
            "A union branch was removed: older records hold it.",
            "Kembalikan cabang itu; tolak pemakaiannya dengan aturan.",
            "Bring the branch back; refuse its use by a rule.",
        ),
        "compat.decimal_scale_changed": _advice(
            "Skala desimal berubah: 1,25 dibaca menjadi 0,0125.",
            "The decimal's scale changed: 1.25 reads as 0.0125.",
            "Kembalikan skalanya; tambahkan bidang baru dengan skala yang lain.",
            "Bring the scale back; add a new field of the other scale.",
        ),
        "compat.decimal_precision_changed": _advice(
            "Presisi desimal berubah: angka yang panjang dibulatkan diam-diam.",
            "The decimal's precision changed: long numbers are rounded silently.",
            "Kembalikan presisinya; tambahkan bidang baru dengan presisi yang lain.",
            "Bring the precision back; add a new field of the other precision.",
        ),
        "compat.time_unit_changed": _advice(
            "Satuan waktu berubah: saat yang sama dibaca seribu kali lebih awal atau lebih akhir.",
            "The unit of time changed: the same moment reads a thousand times sooner or later.",
            "Kembalikan satuannya; tambahkan bidang baru dengan satuan yang lain.",
            "Bring the unit back; add a new field of the other unit.",
        ),
        "compat.logical_type_changed": _advice(
            "Tipe logis berubah: bilangan yang sama mendapat arti lain.",
            "The logical type changed: the same number means something else.",
            "Kembalikan tipe logisnya; tambahkan bidang baru untuk arti yang lain.",
            "Bring the logical type back; add a new field for the other meaning.",
        ),
        "compat.pii_tag_removed": _advice(
            "Tanda `pii` hilang, padahal catatan lama tetap memuat data pribadi.",
            "The `pii` tag is gone, but older records still hold personal data.",
            "Kembalikan tanda `pii`.",
            "Bring the `pii` tag back.",
        ),
    }
)

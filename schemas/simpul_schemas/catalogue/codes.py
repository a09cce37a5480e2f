"""The codes that are no rule of an event type: a record, an event, a row or a schema that is refused before any rule.

They are given where the fault is found (framing, decoding, SDK, import, compatibility gate); here they are told to
whoever got one. A test looks through the source of every package for a code that is missing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simpul_schemas import import_texts
from simpul_schemas.findings import ADVICE
from simpul_schemas.rules import Text
from simpul_schemas.wire import MALFORMED


@dataclass(frozen=True, slots=True)
class Code:
    """What a code says, and how to mend it."""

    message: Text
    remedy: Text


_CONFLUENT = Text(
    "Pakai serializer Confluent: bita 0, nomor skema 4 bita, lalu Avro.",
    "Use a Confluent serializer: a byte 0, 4 bytes of schema id, then Avro.",
)
_AVRO_LIBRARY = Text(
    "Kodekan ulang dengan pustaka Avro, tanpa bita tambahan.",
    "Encode it again with an Avro library, and put nothing after it.",
)
_REMEDIES: Mapping[str, Text] = MappingProxyType(
    {
        "record.empty": Text(
            "Untuk menarik peristiwa, kirim revisi baru dengan action WITHDRAW.",
            "To take an event back, send a new revision with action WITHDRAW.",
        ),
        "record.too_large": Text(
            "Pecah menjadi beberapa peristiwa; lampiran besar disimpan di tempat lain.",
            "Split it into several events; keep large attachments elsewhere.",
        ),
        "record.truncated": _CONFLUENT,
        "record.magic_byte_wrong": _CONFLUENT,
        "record.schema_unknown": Text(
            "Pakai registri yang sama dengan bus; jangan mengarang nomor skema.",
            "Use the registry of the bus; never make up a schema id.",
        ),
        "record.wrong_type": Text("Kirim ke topik jenis peristiwa itu.", "Send it to the topic of its own event type."),
        "record.schema_incompatible": Text(
            "Tulis dengan skema dari katalog ini.", "Write with the schema of this catalogue."
        ),
        "record.undecodable": _AVRO_LIBRARY,
        "record.not_canonical": _AVRO_LIBRARY,
        "record.number_not_finite": Text(
            "Kirim null bila nilainya tidak diketahui.", "Send null where the value is unknown."
        ),
        "record.time_out_of_range": Text(
            "Periksa satuannya: waktu dalam mikrodetik sejak 1970, UTC.",
            "Check the unit: times are microseconds since 1970, UTC.",
        ),
        "record.batch_too_large": Text(
            "Kirim dalam kelompok yang lebih kecil, dengan pengaturan baku klien.",
            "Send smaller batches, with the client's default settings.",
        ),
    }
)


def _record_codes() -> dict[str, Code]:
    """Return the codes of a record that cannot be decoded, as the framing says them, with their remedies."""
    return {code: Code(Text(*message), _REMEDIES[code]) for code, message in MALFORMED.items()}


def _gate_codes() -> dict[str, Code]:
    """Return the codes of the compatibility gate."""
    return {code: Code(advice.meaning, advice.fix) for code, advice in ADVICE.items()}


#: Codes of an event that an application hands in.
_EVENT: Mapping[str, Code] = MappingProxyType(
    {
        "envelope.revision_exhausted": Code(
            Text("Revisi subjek ini sudah yang tertinggi.", "The revision of this subject is the highest there is."),
            Text("Pakai subjek baru.", "Use a new subject."),
        ),
        "event.field_missing": Code(
            Text("Isian wajib tidak ada.", "A required field is missing."),
            Text("Isi isian yang disebut dalam pesan.", "Fill in the field that the message names."),
        ),
        "event.field_unknown": Code(
            Text("Isian ini tidak ada dalam kontrak.", "The contract has no such field."),
            Text("Periksa ejaan nama isian di katalog ini.", "Check the field's spelling in this catalogue."),
        ),
        "event.not_object": Code(
            Text("Peristiwa harus berupa objek JSON.", "An event must be a JSON object."),
            Text("Kirim satu objek, atau daftar objek.", "Send an object, or a list of objects."),
        ),
        "event.type_unknown": Code(
            Text("Jenis peristiwa ini tidak ada.", "There is no such event type."),
            Text("Pakai salah satu jenis di katalog ini.", "Use one of the types of this catalogue."),
        ),
        "event.field_reserved": Code(
            Text("Isian ini diisi oleh bus, bukan oleh pengirim.", "The bus fills in this field, not the sender."),
            Text("Hapus isian itu.", "Leave the field out."),
        ),
        "event.conflict": Code(
            Text("Id peristiwa ini sudah dipakai dengan isi lain.", "This event id was used with another content."),
            Text("Pakai id baru untuk isi baru.", "Use a new id for a new content."),
        ),
        "event.not_found": Code(
            Text("Peristiwa dengan id ini tidak dikenal.", "There is no event with this id."),
            Text("Periksa id-nya, dan kunci yang dipakai.", "Check the id, and the key that is used."),
        ),
        "region.otherwise": Code(
            Text("Wilayah ditemukan dengan cara cadangan.", "The region was found by the second way of the mapping."),
            Text("Periksa nama wilayah di sumbernya.", "Check the region's name at the source."),
        ),
        "event.field_invalid": Code(
            Text("Isian tidak sesuai jenisnya.", "The field is not of its type."),
            Text("Lihat jenis isian itu di katalog ini.", "See the field's type in this catalogue."),
        ),
    }
)
#: Codes of what the fold finds between two events, each of which is right by itself.
_SUBJECT: Mapping[str, Code] = MappingProxyType(
    {
        "subject.conflict": Code(
            Text(
                "Subjek dan revisi ini sudah ada dengan isi atau event_id lain; berlaku event_id tertinggi.",
                "This subject and revision exist with another content or event_id; the highest event_id counts.",
            ),
            Text(
                "Bandingkan keduanya. Bila yang ini yang benar, kirim lagi dengan revisi lebih tinggi; jangan memakai "
                "satu revisi untuk dua isi, dan jangan menyalin kotak keluar.",
                "Compare the two. If this one is right, send it with a higher revision; never use one revision for two "
                "contents, and never copy an outbox.",
            ),
        ),
    }
)
#: Codes of a row of a file, before it is an event.
_IMPORT: Mapping[str, Code] = MappingProxyType({code: Code(*texts) for code, texts in import_texts.TEXTS.items()})
#: Codes of an accepted record that a ministry's database refuses.
_SINK: Mapping[str, Code] = MappingProxyType(
    {
        "sink.row_refused": Code(
            Text(
                "Basis data kementerian menolak baris ini; kata-katanya ada pada kepala rekaman.",
                "A ministry's database refuses the row; its words stand in the record's headers.",
            ),
            Text(
                "Longgarkan kolom di tabel itu, atau kirim koreksi yang muat.",
                "Widen the table's column, or send a correction that fits.",
            ),
        ),
    }
)
#: Codes of a cell of a workbook, before it is part of an event.
_WORKBOOK: Mapping[str, Code] = MappingProxyType(
    {
        "cell.error": Code(
            Text("Sel berisi galat Excel.", "The cell holds an error of Excel."),
            Text("Perbaiki rumusnya, atau ketik nilainya.", "Mend the formula, or type the value."),
        ),
        "cell.formula_without_value": Code(
            Text("Rumus di sel ini tidak menyimpan hasil.", "The formula in this cell has no stored result."),
            Text("Ketik nilainya, atau simpan ulang di Excel.", "Type the value, or save it anew in Excel."),
        ),
        "cell.number_not_text": Code(
            Text(
                "Kode atau nomor ini tersimpan sebagai angka; nol di depan atau digit terakhir bisa hilang.",
                "This code is stored as a number, which may have lost leading zeros or last digits.",
            ),
            Text("Format sel sebagai Teks, lalu ketik ulang.", "Format the cell as Text, then type it again."),
        ),
        "cell.number_too_fine": Code(
            Text("Terlalu banyak angka di belakang koma.", "Too many digits behind the decimal comma."),
            Text(
                "Uang dan persen paling banyak dua angka, jumlah barang tiga.",
                "Money and percent have at most two, quantities three.",
            ),
        ),
        "cell.date_unreadable": Code(
            Text("Tanggal tidak terbaca.", "The date cannot be read."),
            Text("Tulis 17/05/2024, atau 17/05/2024 10:30.", "Write 17/05/2024, or 17/05/2024 10:30."),
        ),
        "cell.region_unreadable": Code(
            Text("Wilayah tidak dikenali.", "The region is not known."),
            Text(
                "Pilih dari daftar, atau tulis kode Kemendagri, misalnya 73.71.01.",
                "Choose from the list, or write Kemendagri's code, such as 73.71.01.",
            ),
        ),
        "cell.region_outside_template": Code(
            Text("Wilayah di luar daerah templat ini.", "The region lies outside the area of this template."),
            Text(
                "Pilih dari daftar; untuk daerah lain, buat templat lain.",
                "Choose from the list; make another template for another area.",
            ),
        ),
        "cell.rows_differ": Code(
            Text(
                "Baris-baris satu dokumen berbeda isinya di kolom ini.",
                "The rows of one document say different things in this column.",
            ),
            Text("Kosongkan, atau samakan dengan baris pertamanya.", "Leave it empty, or as in the first row."),
        ),
        "cell.document_twice": Code(
            Text("Dokumen ini sudah ada di baris lain.", "This document is in another row already."),
            Text("Hapus salah satunya, atau perbaiki nomornya.", "Delete one of them, or correct the number."),
        ),
    }
)
#: Every code that is no rule of an event type.
OTHER_CODES: Mapping[str, Code] = MappingProxyType(
    {**_EVENT, **_SUBJECT, **_IMPORT, **_WORKBOOK, **_SINK, **_record_codes(), **_gate_codes()}
)

"""What the gateway says: every code of its own with its sentence in two languages, and the choice between them.

Codes of the contract's rules are not here; they come with their own words.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from simpul_schemas.rules import Text

Language: TypeAlias = Literal["id", "en"]

WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "http.malformed": Text("Permintaan HTTP tidak sah.", "This is no valid HTTP request."),
        "http.line_end": Text("Baris kepala harus diakhiri CR LF.", "Lines of the head must end with CR LF."),
        "http.header_folded": Text(
            "Baris kepala tidak boleh disambung ke baris berikut.", "A header field must not go on in the next line."
        ),
        "http.header_repeated": Text(
            "Ada isian kepala yang hanya boleh sekali.", "A header field that may come once comes twice."
        ),
        "http.length_ambiguous": Text(
            "Kirim Content-Length saja, tanpa Transfer-Encoding.", "Send Content-Length only, no Transfer-Encoding."
        ),
        "http.length_required": Text(
            "Kirim Content-Length; Transfer-Encoding tidak diterima.",
            "Send Content-Length; Transfer-Encoding is not taken.",
        ),
        "http.length_invalid": Text("Content-Length bukan bilangan.", "Content-Length is no number."),
        "http.head_too_large": Text("Kepala permintaan terlalu besar.", "The head of the request is too large."),
        "http.target_too_long": Text("Alamat permintaan terlalu panjang.", "The address of the request is too long."),
        "http.head_too_slow": Text(
            "Kepala permintaan terlalu lambat datang.", "The head of the request came too slowly."
        ),
        "http.body_too_slow": Text(
            "Isi permintaan terlalu lambat datang; kirim kelompok yang lebih kecil.",
            "The body of the request came too slowly; send a smaller batch.",
        ),
        "http.body_too_large": Text(
            "Isi permintaan terlalu besar; kirim dalam beberapa bagian.",
            "The body of the request is too large; send it in parts.",
        ),
        "http.encoding_refused": Text(
            "Kirim isi tanpa kompresi (tanpa Content-Encoding).", "Send the body as it is, without Content-Encoding."
        ),
        "http.expectation_refused": Text("Isian Expect ini tidak dikenal.", "This Expect field is not known."),
        "http.too_many_connections": Text(
            "Terlalu banyak sambungan; pakai ulang sambungan, lalu coba lagi.",
            "Too many connections; reuse them, and try again.",
        ),
        "http.not_found": Text("Alamat ini tidak ada; lihat /openapi.json.", "No such address; see /openapi.json."),
        "http.method_not_allowed": Text(
            "Cara (method) ini tidak berlaku di alamat ini.", "This method does not apply to this address."
        ),
        "http.media_type": Text(
            "Kirim application/json, application/cloudevents+json atau application/cloudevents-batch+json, UTF-8.",
            "Send application/json, application/cloudevents+json or application/cloudevents-batch+json, in UTF-8.",
        ),
        "http.disconnected": Text("Sambungan terputus sebelum selesai.", "The connection ended before the request."),
        "gateway.internal": Text(
            "Gerbang mengalami kesalahan; coba lagi, dan laporkan bila berulang.",
            "The gateway made a mistake; try again, and report it if it comes back.",
        ),
        "gateway.unavailable": Text(
            "Gerbang belum dapat menyimpan peristiwa; tidak ada yang diterima, coba lagi nanti.",
            "The gateway cannot store events now; none was taken, try again later.",
        ),
        "key.missing": Text(
            "Kirim kunci di kepala: Authorization: Bearer <kunci>.", "Send your key: Authorization: Bearer <key>."
        ),
        "key.unknown": Text(
            "Kunci tidak dikenal, kedaluwarsa, atau dicabut; minta kunci baru ke operator.",
            "The key is unknown, expired or revoked; ask the operator for a new one.",
        ),
        "key.guessed": Text(
            "Terlalu banyak kunci salah dari alamat ini; tunggu.", "Too many wrong keys from this address; wait."
        ),
        "rate.requests": Text(
            "Terlalu banyak permintaan; tunggu, lalu kirim beberapa peristiwa sekaligus.",
            "Too many requests; wait, and send several events in one.",
        ),
        "rate.events": Text("Terlalu banyak peristiwa; tunggu.", "Too many events; wait."),
        "batch.empty": Text("Tidak ada peristiwa di dalamnya.", "There is no event in it."),
        "batch.too_many": Text(
            "Terlalu banyak peristiwa dalam satu permintaan; bagi.", "Too many events in one request; split it."
        ),
        "json.malformed": Text("Isi bukan JSON dalam UTF-8.", "The body is no JSON in UTF-8."),
        "json.duplicate_key": Text("Satu kunci muncul dua kali.", "A key comes twice in one object."),
        "json.number_not_finite": Text("Bilangan tak hingga atau NaN.", "A number is infinite or NaN."),
        "json.number_too_large": Text("Bilangan bulat melebihi 64 bit.", "A whole number exceeds 64 bits."),
        "json.too_deep": Text("Susunan JSON terlalu dalam.", "The JSON is nested too deep."),
        "json.too_many": Text("Terlalu banyak nilai dalam satu peristiwa.", "Too many values in one event."),
        "json.text_invalid": Text("Teks bukan Unicode yang utuh.", "A text is not whole Unicode."),
        "event.not_object": Text("Peristiwa harus berupa objek JSON.", "An event must be a JSON object."),
        "event.type_unknown": Text(
            "Jenis peristiwa tidak dikenal; lihat /openapi.json.", "No such event type; see /openapi.json."
        ),
        "event.field_missing": Text("Isian wajib tidak ada.", "A required field is missing."),
        "event.field_unknown": Text(
            "Isian tidak ada dalam kontrak; periksa ejaannya.", "The contract has no such field; check its spelling."
        ),
        "event.field_invalid": Text("Isian tidak sesuai kontrak.", "The field breaks the contract."),
        "event.field_reserved": Text(
            "Isian ini dibuat oleh gerbang; jangan dikirim.", "The gateway makes this field; leave it out."
        ),
        "event.conflict": Text(
            "Pengenal ini sudah dipakai peristiwa dengan isi lain; koreksi memakai pengenal baru dan subjek yang sama.",
            "This id was taken with other content; a correction has a new id and the same subject.",
        ),
        "envelope.revision_exhausted": Text(
            "Revisi subjek ini sudah yang tertinggi; pakai subjek baru.",
            "The revision of this subject is the highest there is; use a new subject.",
        ),
        "broker.refused": Text(
            "Peristiwa ini ditolak broker; kirim lagi dengan pengenal baru, lebih kecil.",
            "The broker refused this event; send it again under a new id, and smaller.",
        ),
        "event.not_found": Text(
            "Peristiwa ini tidak dikenal di gerbang ini.", "This gateway does not know this event."
        ),
        "cloudevents.version": Text("specversion harus 1.0.", "specversion must be 1.0."),
        "cloudevents.attribute": Text(
            "Atribut CloudEvents tidak ada atau bukan teks.", "A CloudEvents attribute is missing or is no text."
        ),
        "cloudevents.data": Text(
            "Data CloudEvents harus objek JSON (application/json, tanpa data_base64).",
            "CloudEvents data must be a JSON object (application/json, no data_base64).",
        ),
        "cloudevents.twice": Text(
            "Isian ini sudah dikatakan oleh atribut CloudEvents.", "A CloudEvents attribute says this already."
        ),
        "key.region_differs": Text(
            "Wilayah di luar wilayah kunci ini.", "The region lies outside the region of this key."
        ),
        "key.source_differs": Text(
            "Sistem pengirim bukan sistem kunci ini.", "The publishing system is not that of this key."
        ),
        "key.type_differs": Text("Kunci ini tidak untuk jenis peristiwa ini.", "This key is not for this event type."),
        "key.subject_differs": Text("Subjek ini milik wilayah lain.", "This subject belongs to another region."),
    }
)


def language_of(accept_language: str) -> Language:
    """Return the language that an `Accept-Language` field asks for: English where it is preferred, else Indonesian."""
    weights = {"id": 0.0, "en": 0.0}
    for entry in accept_language.lower().split(","):
        tag, _, parameters = entry.strip().partition(";")
        language = tag.strip().partition("-")[0]
        if language in weights:
            weights[language] = max(weights[language], _weight(parameters))
    return "en" if weights["en"] > weights["id"] else "id"


def say(text: Text, language: Language) -> str:
    """Return a sentence in a language."""
    return text.english if language == "en" else text.indonesian


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0

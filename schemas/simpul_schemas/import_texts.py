"""The words of every code that the import itself refuses a row under: what is wrong, and what to do.

All other codes are those of the contract's rules.
"""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.resolve import Caution, Reason
from simpul_schemas.rules import Text

_CELLS = {
    "import.row_malformed": (
        Text("Baris tidak dapat dibagi menjadi sel.", "The row cannot be cut into cells."),
        Text("Periksa pemisah, tanda kutip, dan penyandian.", "Check delimiter, quotes and encoding."),
    ),
    "import.part_missing": (
        Text("Isi sel tidak berbentuk seperti yang diharapkan.", "The cell does not have the expected shape."),
        Text("Periksa isi sel itu.", "Check what the cell holds."),
    ),
    "import.time_unreadable": (
        Text("Waktu tidak terbaca.", "The time cannot be read."),
        Text("Tulis waktu seperti pada pemetaan.", "Write the time as the mapping says."),
    ),
    "import.date_is_filler": (
        Text("Tanggal ini hanya pengisi; tanggal sebenarnya tidak diketahui.", "This date only fills the cell."),
        Text("Isi tanggal yang sebenarnya.", "Give the true date."),
    ),
    "import.not_a_number": (
        Text("Bukan bilangan.", "It is not a number."),
        Text(
            "Tulis bilangan seperti pada pemetaan; kosongkan bila tidak diketahui.",
            "Write the number as the mapping says; leave it empty if unknown.",
        ),
    ),
    "import.number_not_exact": (
        Text("Bilangan tidak bulat dalam satuan isian ini.", "The number is not whole in the unit of the field."),
        Text("Jangan dibulatkan; periksa satuannya.", "Do not round it; check its unit."),
    ),
    "import.number_too_large": (
        Text("Bilangan terlalu besar.", "The number is too large."),
        Text("Periksa jumlah digitnya.", "Check the number of its digits."),
    ),
    "import.not_a_choice": (
        Text("Bukan salah satu pilihan.", "It is not one of the choices."),
        Text("Pakai kata yang ada di kontrak.", "Use a word of the contract."),
    ),
    "import.not_in_lookup": (
        Text("Kata ini tidak ada di tabel pemetaan.", "The mapping's table does not have this word."),
        Text("Perbaiki kata itu, atau tambahkan di lookups.", "Mend the word, or add it under lookups."),
    ),
    "import.value_missing": (
        Text("Sel wajib ini kosong.", "This cell must not be empty."),
        Text("Isi sel ini.", "Fill in the cell."),
    ),
}

_EVENTS = {
    "import.aggregate_not_event": (
        Text("Angka gabungan banyak kejadian, bukan satu peristiwa.", "A count of many things, and not one event."),
        Text("Kirim peristiwanya satu per satu dari sumbernya.", "Publish each event from where it was recorded."),
    ),
    "import.part_of_other_event": (
        Text("Bagian dari peristiwa yang ada di baris lain.", "A part of an event that another row tells of."),
        Text("Gabungkan dengan baris peristiwanya.", "Add it to the row of its event."),
    ),
    "import.not_certain": (
        Text("Arti baris ini tidak pasti.", "What this row means is not certain."),
        Text("Minta kode yang pasti kepada sumbernya.", "Ask its source for a code that makes it certain."),
    ),
    "import.subject_repeated": (
        Text(
            "Baris lain menyebut hal yang sama dengan isi lain.", "Another row says something else of the same thing."
        ),
        Text("Tentukan baris yang benar, lalu hapus yang lain.", "Find out which row is right, and remove the other."),
    ),
    "import.group_disagrees": (
        Text(
            "Baris-baris satu peristiwa tidak sepakat di luar rinciannya.",
            "The rows of one event disagree beyond its list.",
        ),
        Text("Samakan isinya, atau pisahkan peristiwanya.", "Make them agree, or make them events of their own."),
    ),
}

_REGIONS = {
    Reason.UNKNOWN_SCHEME: ("Nama wilayah berupa angka.", "The name of the region is a number."),
    Reason.MALFORMED_CODE: ("Kode wilayah salah bentuk.", "The region code does not have its shape."),
    Reason.UNKNOWN_CODE: ("Kode wilayah tidak dikenal.", "The region code is not known."),
    Reason.ENDED: ("Kode wilayah tidak berlaku lagi.", "The region code was no longer valid."),
    Reason.NOT_YET_VALID: ("Kode wilayah belum berlaku.", "The region code was not yet valid."),
    Reason.NO_PARENT: ("Bukan nama provinsi.", "It is no name of a province."),
    Reason.UNKNOWN_PARENT: ("Wilayah induk tidak dikenal.", "The parent region is not known."),
    Reason.OUTSIDE_PARENT: ("Wilayah di luar induknya.", "The region does not lie in its parent."),
    Reason.UNKNOWN_NAME: ("Nama wilayah tidak dikenal.", "The name of the region is not known."),
    Reason.AMBIGUOUS: ("Nama atau kode cocok dengan beberapa wilayah.", "It fits more than one region."),
}
_PLACES = {
    "import.region_missing": (
        Text("Wilayah tidak disebut.", "No region is told."),
        Text("Isi kode atau nama wilayah.", "Give the code or name of the region."),
    ),
    "import.region_not_told": (
        Text(
            "Hanya ada koordinat, dan wilayahnya tidak pasti dari itu.",
            "There is only a position, from which the region is not certain.",
        ),
        Text("Tambahkan kode atau nama wilayah.", "Add the code or name of the region."),
    ),
    **{
        f"import.region_{reason}": (
            Text(*words),
            Text("Periksa dengan: simpul regions resolve.", "Check it by: simpul regions resolve."),
        )
        for reason, words in _REGIONS.items()
    },
    **{
        f"import.region_{caution}": (
            Text("Wilayah tidak pasti.", "The region is not certain."),
            Text("Sebutkan wilayah dengan namanya.", "Tell the region by its name."),
        )
        for caution in Caution
        if caution.value not in {reason.value for reason in Reason}
    },
}

#: Message and remedy of every code.
TEXTS: Mapping[str, tuple[Text, Text]] = MappingProxyType({**_CELLS, **_EVENTS, **_PLACES})

"""What several event types say alike: how sure, how exact and from whom, and the rules about shared fields."""

from collections.abc import Sequence
from enum import StrEnum

from simpul_schemas import calendars, persons
from simpul_schemas.expressions import Expression, Field, Predicate
from simpul_schemas.rules import DAY_MICROS, NOW, Rule, Text, any_of, reject, warn

_DATE_MISSING = Predicate("date_is_missing", calendars.date_is_missing)
_PERIOD_MISSING = Predicate("period_is_missing", calendars.period_is_missing)
_NIP_DOUBTFUL = Predicate("nip_is_doubtful", persons.nip_is_doubtful)
_NIK_DOUBTFUL = Predicate("nik_is_doubtful", persons.nik_is_doubtful)


class Verification(StrEnum):
    """Whether somebody has checked it."""

    UNVERIFIED = "UNVERIFIED"
    VERIFIED = "VERIFIED"


class TimePrecision(StrEnum):
    """How exactly the time of occurrence is known."""

    MINUTE = "MINUTE"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


class GeoPrecision(StrEnum):
    """The area that a position stands for."""

    POINT = "POINT"
    VILLAGE = "VILLAGE"
    DISTRICT = "DISTRICT"
    REGENCY = "REGENCY"
    PROVINCE = "PROVINCE"


class SourceKind(StrEnum):
    """Who an information came from."""

    GOVERNMENT = "GOVERNMENT"
    POLICE = "POLICE"
    MILITARY = "MILITARY"
    COMMUNITY = "COMMUNITY"
    MEDIA = "MEDIA"
    OTHER = "OTHER"


class Urgency(StrEnum):
    """How soon one must act (CAP urgency)."""

    IMMEDIATE = "IMMEDIATE"
    EXPECTED = "EXPECTED"
    FUTURE = "FUTURE"
    PAST = "PAST"


class Certainty(StrEnum):
    """How sure it is (CAP certainty)."""

    OBSERVED = "OBSERVED"
    LIKELY = "LIKELY"
    POSSIBLE = "POSSIBLE"
    UNLIKELY = "UNLIKELY"


def empty(event_type: str, field: str, indonesian: str, english: str) -> Rule:
    """Make the rule that a text that must be there is not empty; its code is `<type>.<field>_missing`."""
    return reject(
        f"{event_type}.{field}_missing",
        (field,),
        Field(field).byte_length() < 1,
        Text(f"{indonesian} kosong.", f"{english} is empty."),
        Text(f"Isi {indonesian.lower()}.", f"Fill in {english[0].lower()}{english[1:]}."),
    )


def village_rule(event_type: str) -> Rule:
    """Make the rule that a village is told by its four digits inside the kecamatan.

    Only a warning: the figures do not go below the kecamatan, and regions write villages in their own ways.
    """
    return warn(
        f"{event_type}.village_malformed",
        ("village",),
        ~Field("village").matches("[1-3][0-9]{3}"),
        Text("Kode desa/kelurahan bukan 4 digit Kemendagri.", "The village is not told by Kemendagri's four digits."),
        Text("Tulis 4 digit terakhir kode, misalnya 2001.", "Give the last four digits of the code, such as 2001."),
    )


def position_rules(event_type: str) -> tuple[Rule, ...]:
    """Make the rules about latitude and longitude."""
    latitude, longitude = Field("latitude"), Field("longitude")
    fields = ("latitude", "longitude")
    return (
        reject(
            f"{event_type}.position_outside_earth",
            fields,
            # Said as "not inside", so that also what compares with nothing would be outside.
            ~((latitude >= -90) & (latitude <= 90)) | ~((longitude >= -180) & (longitude <= 180)),
            Text("Koordinat di luar bumi.", "The position is not on earth."),
            Text("Lintang -90 sampai 90, bujur -180 sampai 180.", "Latitude -90 to 90, longitude -180 to 180."),
        ),
        warn(
            f"{event_type}.position_incomplete",
            fields,
            (latitude.known() & ~longitude.known()) | (longitude.known() & ~latitude.known()),
            Text("Hanya satu dari lintang dan bujur diisi.", "Only one of latitude and longitude is given."),
            Text("Isi keduanya atau kosongkan keduanya.", "Give both, or neither."),
        ),
        warn(
            f"{event_type}.position_outside_indonesia",
            fields,
            # A frame around the country from Rondo to Ndana and Sota, with half a degree to spare.
            ~((latitude >= -12) & (latitude <= 7)) | ~((longitude >= 94) & (longitude <= 142)),
            Text("Koordinat di luar Indonesia.", "The position is not in Indonesia."),
            Text("Periksa apakah lintang dan bujur tertukar.", "See whether latitude and longitude are swapped."),
        ),
    )


def malformed_date(event_type: str, fields: Sequence[str]) -> Rule:
    """Make the rule that a day is written as ISO 8601 has it, and that the calendar has it."""
    return reject(
        f"{event_type}.date_malformed",
        tuple(fields),
        any_of([~Field(name).matches(calendars.DATE_SHAPE) | _DATE_MISSING.of(Field(name)) for name in fields]),
        Text("Tanggal tidak ada di kalender.", "The calendar has no such day."),
        Text("Tulis tahun-bulan-hari, misalnya 2024-05-17.", "Write year-month-day, such as 2024-05-17."),
    )


def in_order(event_type: str, what: str, fields: Sequence[str]) -> Rule:
    """Make the rule that moments (or days) are in the order of their fields, where both are known.

    Its code is `<type>.<what>_out_of_order`. Days compare as texts, since their form is fixed.
    """
    pairs = [(one, other) for place, one in enumerate(fields) for other in fields[place + 1 :]]
    return reject(
        f"{event_type}.{what}_out_of_order",
        tuple(fields),
        any_of([Field(later) < Field(earlier) for earlier, later in pairs]),
        Text("Waktu tidak berurutan.", "The dates are not in order."),
        Text(f"Urutannya: {', '.join(fields)}.", f"Their order: {', '.join(fields)}."),
    )


def in_future(event_type: str, field: str) -> Rule:
    """Make the rule that a moment is not more than a day ahead of the clock; its code is `<type>.<field>_in_future`."""
    return reject(
        f"{event_type}.{field}_in_future",
        (field,),
        Field(field) > Field(NOW) + DAY_MICROS,
        Text("Waktu lebih dari sehari di depan.", "The time lies over a day ahead."),
        Text("Periksa tanggal dan jam komputer.", "Check the date, and the computer's clock."),
    )


def missing_period(event_type: str, kind: Expression, period: str) -> Rule:
    """Make the rule that a period of the right shape is one that the calendar has."""
    return reject(
        f"{event_type}.period_does_not_exist",
        (period,),
        _PERIOD_MISSING.of(kind, Field(period)),
        Text("Periode ini tidak ada di kalender.", "The calendar has no such period."),
        Text("Periksa hari, atau minggu menurut ISO 8601.", "Check the day, or the week by ISO 8601."),
    )


def personal_number_rules(event_type: str, *, nips: Sequence[str], niks: Sequence[str]) -> tuple[Rule, ...]:
    """Make the rules about NIP and NIK: the number of digits refuses, what the digits say only warns.

    Registers hold numbers whose birth date is wrong, and a true handover must not be lost for one.
    """
    return (
        reject(
            f"{event_type}.nip_malformed",
            tuple(nips),
            any_of([~Field(name).matches(persons.NIP_SHAPE) for name in nips]),
            Text("NIP bukan 18 digit.", "A NIP is not 18 digits."),
            Text("Tulis 18 digit tanpa spasi.", "Write 18 digits without spaces."),
        ),
        reject(
            f"{event_type}.nik_malformed",
            tuple(niks),
            any_of([~Field(name).matches(persons.NIK_SHAPE) for name in niks]),
            Text("NIK bukan 16 digit.", "A NIK is not 16 digits."),
            Text("Tulis 16 digit tanpa spasi.", "Write 16 digits without spaces."),
        ),
        warn(
            f"{event_type}.nip_doubtful",
            tuple(nips),
            any_of([_NIP_DOUBTFUL.of(Field(name)) for name in nips]),
            Text("Tanggal lahir atau jenis kelamin dalam NIP mustahil.", "The NIP's birth date or sex cannot be."),
            Text("Cocokkan NIP dengan kartu pegawai.", "Compare the NIP with the officer's card."),
        ),
        warn(
            f"{event_type}.nik_doubtful",
            tuple(niks),
            any_of([_NIK_DOUBTFUL.of(Field(name)) for name in niks]),
            Text("Provinsi atau tanggal lahir dalam NIK mustahil.", "The NIK's province or birth date cannot be."),
            Text("Cocokkan NIK dengan KTP.", "Compare the NIK with the identity card."),
        ),
    )

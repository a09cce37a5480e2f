"""A public complaint, wish or request for information, as SP4N-LAPOR! handles it, with its clocks in working days."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel

from simpul_schemas.calendars import working_days_between
from simpul_schemas.events.envelope import PART, Event, Long
from simpul_schemas.events.shared import empty, in_future, in_order, village_rule
from simpul_schemas.expressions import Field, Items, Predicate
from simpul_schemas.lifecycles import CLOCKS, Clock
from simpul_schemas.rules import Rule, Text, envelope_rules, reject, warn

#: 2 MB, as LAPOR! takes them.
MAX_ATTACHMENT_BYTES = 2 * 1024 * 1024
#: The moments of an aspiration in their order.
MOMENTS = ("submitted_at", "verified_at", "forwarded_at", "first_answered_at", "last_replied_at", "closed_at")


class AspirationClass(StrEnum):
    """Wish, complaint, request for information, and what some systems hold beside them."""

    ASPIRASI = "ASPIRASI"
    PENGADUAN = "PENGADUAN"
    PERMINTAAN_INFORMASI = "PERMINTAAN_INFORMASI"
    WHISTLEBLOWING = "WHISTLEBLOWING"
    PENGADAAN = "PENGADAAN"


class AspirationStatus(StrEnum):
    """What an administrator did last; see `simpul_schemas.lifecycles`."""

    DITERIMA = "DITERIMA"
    DIVERIFIKASI = "DIVERIFIKASI"
    DITUNDA = "DITUNDA"
    BUKAN_WEWENANG = "BUKAN_WEWENANG"
    DIARSIPKAN = "DIARSIPKAN"
    DIDISPOSISI = "DIDISPOSISI"
    DITINDAKLANJUTI = "DITINDAKLANJUTI"
    DITUTUP = "DITUTUP"


class Channel(StrEnum):
    """How it came."""

    WEB = "WEB"
    SMS = "SMS"
    APP = "APP"
    X = "X"
    LETTER = "LETTER"
    VISIT = "VISIT"
    OTHER = "OTHER"


class ReporterIdentity(StrEnum):
    """Whether the reporter is named."""

    NAMED = "NAMED"
    ANONYMOUS = "ANONYMOUS"


class Disclosure(StrEnum):
    """Whether it may be shown to the public."""

    PUBLIC = "PUBLIC"
    SECRET = "SECRET"  # noqa: S105  # a word for who may read, no password


class AspirationAttachment(BaseModel):
    """A file that the receiving system keeps."""

    model_config = PART

    media_type: str
    size_bytes: Long | None = None


class Aspiration(Event):
    """`occurred_at` is the day of what it is about; None is unknown or not yet."""

    classification: AspirationClass
    status: AspirationStatus
    title: str
    body: str | None = None
    category: str | None = None
    tags: tuple[str, ...] | None = None
    tracking_id: str | None = None
    target_agency: str | None = None
    channel: Channel | None = None
    identity: ReporterIdentity
    disclosure: Disclosure
    reporter_name: str | None = None
    reporter_contact: str | None = None
    location: str | None = None
    village: str | None = None
    attachments: tuple[AspirationAttachment, ...] | None = None
    submitted_at: AwareDatetime | None = None
    verified_at: AwareDatetime | None = None
    forwarded_at: AwareDatetime | None = None
    first_answered_at: AwareDatetime | None = None
    last_replied_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    answer: str | None = None


def _rules() -> tuple[Rule, ...]:
    anonymous = Field("identity").equals(ReporterIdentity.ANONYMOUS.value)
    size = Field("size_bytes")
    return (
        *envelope_rules(),
        empty("aspiration", "title", "Judul", "The title"),
        reject(
            "aspiration.anonymous_but_named",
            ("identity", "reporter_name", "reporter_contact"),
            anonymous & (Field("reporter_name").known() | Field("reporter_contact").known()),
            Text("Pelapor anonim, tetapi nama atau kontaknya dikirim.", "Anonymous, but name or contact is sent."),
            Text("Kosongkan nama dan kontak pelapor.", "Leave the reporter's name and contact empty."),
        ),
        reject(
            "aspiration.attachment_size_out_of_range",
            ("attachments.size_bytes",),
            Items("attachments").any((size < 0) | (size > MAX_ATTACHMENT_BYTES)),
            Text("Lampiran lebih dari 2 MB.", "An attachment is larger than 2 MB."),
            Text("Perkecil berkas lampiran.", "Make the file smaller."),
        ),
        in_order("aspiration", "dates", ("occurred_at", *MOMENTS)),
        in_future("aspiration", "closed_at"),
        warn(
            "aspiration.closed_without_time",
            ("status", "closed_at"),
            Field("status").equals(AspirationStatus.DITUTUP.value) & ~Field("closed_at").known(),
            Text("Ditutup, tetapi waktunya tidak diisi.", "It is closed, but not when."),
            Text("Isi waktu ditutup.", "Give the time when it was closed."),
        ),
        *(_late(clock) for clock in CLOCKS),
        village_rule("aspiration"),
    )


def _late(clock: Clock) -> Rule:
    """Make the warning that a clock ran too long; holidays are not known here, so it may warn a little early."""
    late = Predicate(
        f"over_{clock.working_days}_working_days",
        lambda region, start, end: working_days_between(region, start, end) > clock.working_days,
    )
    return warn(
        clock.code,
        (clock.start, clock.end),
        late.of(Field("region"), Field(clock.start), Field(clock.end)),
        Text(
            f"Lebih dari {clock.working_days} hari kerja (tanpa memperhitungkan hari libur).",
            f"It took over {clock.working_days} working days (public holidays not considered).",
        ),
        Text("Wajar bila ada hari libur; periksa.", "Public holidays may explain it; check."),
    )


RULES = _rules()

"""The rules of the contract, written once: field limits and cross-field rules, each with a stable code.

A rule is judged for one event (SDK, gateway, import) by `judge`, and for a column of events (fold, sink) by
`simpul_schemas.column_rules.judge`, from the same expression. A verdict is a bit mask: bit i stands for the i-th rule
of the event type, so that both ways can be compared to the bit. An event is refused where a rule of severity REJECT
is broken; it is counted under the first code it broke.

Two fields are not in the event and may be unknown: `PROVINCE` (of the topic it came on) and `NOW` (the broker's append
time, or the clock of the source; microseconds).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, reduce

from simpul_schemas.expressions import Expression, Field, Row, as_text, fields_of
from simpul_schemas.regions import load_regions
from simpul_schemas.row_verdict import Verdict, compile_verdict

#: Pseudo-field: the province of the topic that the event came on.
PROVINCE = "_province"
#: Pseudo-field: the moment against which "not in the future" is judged, microseconds since the epoch.
NOW = "_now"

#: A day; also by how much a clock may be behind.
DAY_MICROS = 86_400_000_000
#: 1990-01-01: older incidents are in no register, and seconds taken for microseconds lie in 1970.
_EARLIEST_MICROS = 631_152_000_000_000
#: Not empty and no control characters: a subject is a key in databases, and some store no NUL.
_PRINTABLE = "[^\x00-\x1f\x7f]+"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Severity(StrEnum):
    """What a broken rule does to an event."""

    REJECT = "reject"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in both languages, Indonesian first."""

    indonesian: str
    english: str

    def __str__(self) -> str:
        return f"{self.indonesian} / {self.english}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: stable code, severity, the fields it is about, when it is broken, what it says and how to mend it."""

    code: str
    severity: Severity
    fields: tuple[str, ...]
    broken: Expression
    message: Text
    remedy: Text

    @property
    def path(self) -> str:
        """The fields as a reader is shown them; those of an array's items after its name: `items.name`."""
        return ", ".join(self.fields)


@dataclass(frozen=True)
class RuleSet:
    """The rules of one event type in their order of precedence; at most 63, as they are bits of a verdict.

    `kinds` gives the Avro type of each field by its path (`items.quantity` within an array): from it columns know how
    wide they must compute. A row needs none.
    """

    rules: tuple[Rule, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _verdict(self) -> Verdict:
        return compile_verdict([rule.broken for rule in self.rules], self.kinds)

    @cached_property
    def reject_mask(self) -> int:
        """The bits of all rules that refuse an event."""
        return sum(1 << bit for bit, rule in enumerate(self.rules) if rule.severity is Severity.REJECT)

    @cached_property
    def rejecting(self) -> tuple[Rule, ...]:
        """The rules that refuse an event."""
        return tuple(rule for rule in self.rules if rule.severity is Severity.REJECT)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The fields of an event that any rule looks at."""
        return frozenset(name for rule in self.rules for name in fields_of(rule.broken))

    @cached_property
    def declaration(self) -> str:
        """What is refused, as a text of fixed length that changes when that does; a predicate is known by its name."""
        told = json.dumps([(rule.code, as_text(rule.broken)) for rule in self.rejecting])
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def judge(self, row: Row) -> int:
        """Return the bits of all rules that a record breaks; 0 for a clean one."""
        return self._verdict(row)

    def refuses(self, verdict: int) -> bool:
        """Return whether a verdict refuses the event, rather than warn about it."""
        return bool(verdict & self.reject_mask)

    def broken_rules(self, verdict: int) -> list[Rule]:
        """Return the rules of a verdict, refusals before warnings, each in order of precedence."""
        found = [rule for bit, rule in enumerate(self.rules) if verdict >> bit & 1]
        return sorted(found, key=lambda rule: rule.severity is Severity.WARN)

    def codes(self, verdict: int) -> tuple[str, ...]:
        """Return the codes of a verdict; the first is the one that a refused event is counted under."""
        return tuple(rule.code for rule in self.broken_rules(verdict))


def any_of(expressions: Sequence[Expression]) -> Expression:
    """Return whether at least one of the expressions is true."""
    return reduce(lambda left, right: left | right, expressions)


def reject(code: str, fields: tuple[str, ...], broken: Expression, message: Text, remedy: Text) -> Rule:
    """Make a rule that refuses."""
    return Rule(code, Severity.REJECT, fields, broken, message, remedy)


def warn(code: str, fields: tuple[str, ...], broken: Expression, message: Text, remedy: Text) -> Rule:
    """Make a rule that only warns."""
    return Rule(code, Severity.WARN, fields, broken, message, remedy)


def counts_not_negative(event_type: str, fields: Sequence[str]) -> Rule:
    """Make the rule that no count of an event type is below zero."""
    return reject(
        f"{event_type}.count_negative",
        tuple(fields),
        any_of([Field(name) < 0 for name in fields]),
        Text("Ada jumlah yang negatif.", "A count is negative."),
        Text("Isi dengan 0 atau lebih; kosongkan bila tidak diketahui.", "Give 0 or more; leave empty if unknown."),
    )


def envelope_rules() -> tuple[Rule, ...]:
    """Return the rules that every event must keep, whatever its type."""
    region = Field("region")
    return (
        reject(
            "envelope.event_id_malformed",
            ("event_id",),
            ~Field("event_id").matches(_UUID),
            Text("Pengenal peristiwa bukan UUID huruf kecil.", "The event id is no lower-case UUID."),
            Text("Biarkan SDK membuatnya.", "Let the SDK make it."),
        ),
        reject(
            "envelope.subject_malformed",
            ("subject",),
            ~Field("subject").matches(_PRINTABLE) | (Field("subject").byte_length() > 200),
            Text(
                "Subjek kosong, lebih dari 200 bita, atau berisi karakter kendali.",
                "The subject is empty, longer than 200 bytes, or has control characters.",
            ),
            Text("Pakai pengenal yang pendek dan tetap.", "Use a short id that does not change."),
        ),
        reject(
            "envelope.source_missing",
            ("source",),
            Field("source").byte_length() < 1,
            Text("Sistem pengirim kosong.", "The publishing system is empty."),
            Text("Isi nama sistem, misalnya sitimdu.13.", "Name the system, for example sitimdu.13."),
        ),
        reject(
            "envelope.revision_not_positive",
            ("revision",),
            Field("revision") < 1,
            Text("Revisi harus di atas nol.", "The revision must be above zero."),
            Text("Biarkan SDK membuatnya.", "Let the SDK make it."),
        ),
        reject(
            "envelope.occurred_in_future",
            ("occurred_at",),
            Field("occurred_at") > Field(NOW) + DAY_MICROS,
            Text("Waktu kejadian lebih dari sehari di depan.", "The time of occurrence lies over a day ahead."),
            Text("Periksa tanggal dan jam komputer.", "Check the date, and the computer's clock."),
        ),
        reject(
            "envelope.occurred_too_early",
            ("occurred_at",),
            Field("occurred_at") < _EARLIEST_MICROS,
            Text("Waktu kejadian sebelum 1990.", "The time of occurrence lies before 1990."),
            Text("Periksa tanggal, dan satuan waktu (mikrodetik).", "Check the date, and the unit (microseconds)."),
        ),
        reject(
            "region.unknown",
            ("region",),
            ~region.one_of(load_regions().codes()),
            Text("Kode wilayah tidak ada di daftar Kemendagri.", "The region code is not in Kemendagri's table."),
            Text(
                "Pakai kode Kemendagri yang berlaku, misalnya 73.71.01.",
                "Use a current Kemendagri code, for example 73.71.01.",
            ),
        ),
        reject(
            "region.outside_province",
            ("region",),
            region.prefix(2).differs(Field(PROVINCE)),
            Text("Wilayah di luar provinsi topik ini.", "The region lies outside the province of this topic."),
            Text("Kirim ke topik provinsi wilayah itu.", "Send it to the topic of the region's own province."),
        ),
    )

"""The model of a mapping file: every key with its meaning, type and default; `reference` prints it.

Unknown keys are refused. Texts of YAML stay texts: a code such as `"01"` needs its quotes.
"""

import codecs
import re
from string import Formatter
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: What a mapping says where the reader has to find out.
AUTO = "auto"
#: Zones by their Indonesian names; `region` is the zone of the event's own region.
ZONES = {"wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura"}
REGION_ZONE = "region"
#: How a time format says that a cell holds the serial number of a day, as spreadsheets count them.
EXCEL = "excel"


class Strict(BaseModel):
    """A section of a mapping: unknown keys are refused, no text becomes a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        message = f"no regular expression: {error}"
        raise ValueError(message) from error
    return text


def _with_group(text: str) -> str:
    if re.compile(_pattern(text)).groups < 1:
        message = "the pattern needs a group in parentheses: what to take"
        raise ValueError(message)
    return text


def _named_groups(text: str) -> str:
    if not re.compile(_pattern(text)).groupindex:
        message = "the pattern needs a named group: (?P<year>[0-9]{4})"
        raise ValueError(message)
    return text


def _template(text: str) -> str:
    template_pieces(text)
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Template = Annotated[str, AfterValidator(_template)]


class Condition(Strict):
    """Whether something holds of a row; all that is given must hold."""

    column: str | None = Field(None, description="Column or part that is looked at.")
    equals: str | None = Field(None, description="Its text is exactly this.")
    one_of: list[str] | None = Field(None, description="Its text is one of these.")
    matches: Pattern | None = Field(None, description="A regular expression is found in its text.")
    empty: bool | None = Field(None, description="true: it is empty; false: it is not.")
    blank: bool | None = Field(None, description="true: every cell of the row is empty.")
    always: bool | None = Field(None, description="true: holds of every row.")
    any_of: list["Condition"] | None = Field(None, description="At least one of these conditions holds.")
    not_: "Condition | None" = Field(None, alias="not", description="This condition does not hold.")

    @model_validator(mode="after")
    def _check(self) -> "Condition":
        about_text = [self.equals, self.one_of, self.matches, self.empty]
        if (self.column is not None) != any(given is not None for given in about_text):
            message = "column goes with one of equals, one_of, matches, empty"
            raise ValueError(message)
        if self.column is None and all(given is None for given in (self.blank, self.always, self.any_of, self.not_)):
            message = "a condition says something: column, blank, always, any_of or not"
            raise ValueError(message)
        return self


class SkipSpec(Strict):
    """Rows that are no data: totals, notes, blank sections. Skipped rows are counted under their reason."""

    reason: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", description="One word that they are counted under.")]
    when: Condition = Field(description="Which rows.")
    rest: bool = Field(default=False, description="true: this row and all that follow it.")


#: Why a mapping may refuse rows that the contract's rules would take; `refusals` has the words.
RefuseCode = Literal["aggregate_not_event", "part_of_other_event", "not_certain", "date_is_filler"]


class RefuseSpec(Strict):
    """Rows that are data, but cannot honestly become an event."""

    code: RefuseCode = Field(description="Counted as import.<code>.")
    when: Condition = Field(description="Which rows.")
    reason_id: str = Field("", description="Why, in Indonesian; follows the words of the code.")
    reason_en: str = Field("", description="The same in English.")


class TableSpec(Strict):
    """How the file is written. What is `auto` is found out and reported."""

    format: Literal["auto", "csv", "json"] = Field("auto", description="auto goes by the name: .json and .geojson.")
    encoding: str = Field(AUTO, description="utf-8, utf-16, windows-1252, latin-1, ...; auto: byte order mark, else.")
    delimiter: str = Field(AUTO, description="One character; auto tries comma, semicolon, tab, pipe.")
    trim: bool = Field(default=False, description="true: blanks around every cell go.")
    preamble_rows: Annotated[int, Field(ge=0, description="Rows above the header that are passed over.")] = 0
    header_rows: Annotated[int, Field(ge=0, le=9, description="Rows of the header; names are joined by ' / '.")] = 1
    tag_rows: Annotated[int, Field(ge=0, description="Rows below the header that are no data, such as HXL tags.")] = 0
    columns: list[str] | None = Field(None, description="Names of the columns, instead of those in the header.")
    sheet: str = Field("", description="Sheet of a workbook; the first visible one where it is not named.")
    member: str | None = Field(None, description="Which file of a zip archive, where there are several: '*.csv'.")
    records: str | None = Field(None, description="JSON: dotted path of the list of records; the document if absent.")
    paths: dict[str, str] | None = Field(None, description="JSON: column names with dotted paths inside a record.")

    @model_validator(mode="after")
    def _check(self) -> "TableSpec":
        if self.encoding != AUTO:
            try:
                codecs.lookup(self.encoding)
                "".encode(self.encoding)
            except LookupError as error:
                message = f"no encoding '{self.encoding}'"
                raise ValueError(message) from error
        if self.delimiter != AUTO and len(self.delimiter) != 1:
            message = "a delimiter is one character, or auto"
            raise ValueError(message)
        if self.header_rows == 0 and self.columns is None:
            message = "without a header, name the columns"
            raise ValueError(message)
        return self


class NumberSpec(Strict):
    """How numbers are written, and in which unit the event holds them. The result is exact, or refused."""

    style: Literal["plain", "indonesian", "english"] = Field(
        "plain", description="plain: digits only; indonesian: 2.402,58; english: 2,402.58."
    )
    units: list[str] = Field([], description="Units that may follow: M, miliar, milyar, T, triliun, jt, juta, rb, ...")
    unit: str | None = Field(None, description="The unit of a number that bears none.")
    times: Annotated[int, Field(ge=1, description="Multiplied by: 100 for sen, 1000 for thousandths.")] = 1
    negative: bool = Field(default=False, description="true: a minus, or parentheses, may stand there.")


class PartSpec(Strict):
    """A text made from a row: a piece of a cell, several cells joined, a word looked up."""

    column: str | None = Field(None, description="Column or earlier part that it comes from.")
    template: Template | None = Field(None, description="Columns and earlier parts joined: '{a}-{b}'.")
    pattern: Annotated[str, AfterValidator(_with_group)] | None = Field(
        None, description="Its first group is taken; no match is a refusal."
    )
    empty: list[str] = Field([], description="Texts that mean unknown, such as '-'.")
    lookup: str | None = Field(None, description="Table under `lookups` that it is looked up in.")
    default: str | None = Field(None, description="What a text stands for that the table lacks; '*' is itself.")
    pad: Annotated[int, Field(ge=0, le=40, description="Filled up with zeros on the left to so many characters.")] = 0
    optional: bool = Field(default=False, description="true: where nothing is found it is empty, no refusal.")

    @model_validator(mode="after")
    def _check(self) -> "PartSpec":
        _exactly_one(self, ("column", "template"))
        if self.default is not None and self.lookup is None:
            message = "default goes with lookup"
            raise ValueError(message)
        return self


class TimeSpec(Strict):
    """A moment."""

    column: str | None = Field(None, description="Column or part that holds it.")
    template: Template | None = Field(None, description="Columns and parts joined: '{year}-{month}-{day}'.")
    constant: str | None = Field(None, description="The same for every row.")
    format: str | list[str] = Field(
        description="As strptime has it; several are tried in turn. %b, %B: Indonesian months; 'excel': a serial."
    )
    timezone: str | None = Field(None, description="Asia/Jakarta, wib, wita, wit, or region: the region's own.")
    filler: list[str] = Field([], description="Texts that stand for no known date, such as '01 Jan 2024'; refused.")

    @property
    def formats(self) -> list[str]:
        """The formats in their order."""
        return [self.format] if isinstance(self.format, str) else self.format

    @model_validator(mode="after")
    def _check(self) -> "TimeSpec":
        _exactly_one(self, ("column", "template", "constant"))
        if not self.formats:
            message = "give a format"
            raise ValueError(message)
        if any(("%z" in form) == (self.timezone is not None) for form in self.formats):
            message = "give either a timezone or %z in the format"
            raise ValueError(message)
        if self.timezone is not None and self.timezone != REGION_ZONE:
            try:
                ZoneInfo(ZONES.get(self.timezone, self.timezone))
            except (KeyError, ValueError, OSError) as error:
                message = f"no time zone '{self.timezone}'; for example wib, wita, wit, region, Asia/Jakarta"
                raise ValueError(message) from error
        return self


class BoxSpec(Strict):
    """A rectangle that lies wholly inside a region: what is in it is there, of what is not nothing is said."""

    region: str = Field(description="Canonical code.")
    west: float = Field(description="Degrees.")
    south: float = Field(description="Degrees.")
    east: float = Field(description="Degrees.")
    north: float = Field(description="Degrees.")


class StepSpec(Strict):
    """One step down to a region, inside the one found before it."""

    scheme: Literal["kemendagri", "bps", "djpk", "name", "position"] = Field(description="How it is told.")
    given: Template | None = Field(None, description="The code or name: '{kdprov}.{kdpemda}'.")
    lookup: str | None = Field(
        None, description="Table under `lookups` of names that need one; others are taken as is."
    )
    optional: bool = Field(default=False, description="true: where it is empty, the region found so far is meant.")
    otherwise: "StepSpec | None" = Field(None, description="Another way, where the name is not known in the parent.")
    latitude: str | None = Field(None, description="position: column.")
    longitude: str | None = Field(None, description="position: column.")
    boxes: list[BoxSpec] = Field([], description="position: rectangles.")

    @model_validator(mode="after")
    def _check(self) -> "StepSpec":
        at_position = [self.latitude is not None, self.longitude is not None, bool(self.boxes)]
        if (self.scheme == "position") != all(at_position) or any(at_position) != all(at_position):
            message = "position goes with latitude, longitude and boxes"
            raise ValueError(message)
        if (self.scheme == "position") == (self.given is not None):
            message = "say what is given, such as '{kode}'"
            raise ValueError(message)
        return self


#: Cautions that a mapping may turn into refusals.
CautionName = Literal[
    "ended", "not_yet_valid", "covers_more", "reused", "contested", "area_changed", "short_form", "spelling"
]


class RegionSpec(Strict):
    """Which region a row speaks of; never guessed."""

    steps: Annotated[list[StepSpec], Field(min_length=1, description="From above downwards.")]
    parent: str | None = Field(None, description="Canonical code that the first step is inside of.")
    day: str | None = Field(None, description="The day that codes are meant on, 2024-02-14.")
    day_from: str | None = Field(None, description="Or a time under `times`, which must not need the region's zone.")
    refuse: list[CautionName] = Field(["contested"], description="Cautions that refuse; others are counted.")

    @model_validator(mode="after")
    def _check(self) -> "RegionSpec":
        _exactly_one(self, ("day", "day_from"))
        return self


class FieldSpec(Strict):
    """Where a field comes from; exactly one of the sources."""

    column: str | None = Field(None, description="Column or part.")
    template: Template | None = Field(None, description="Columns and parts joined; empty ones are a refusal.")
    constant: str | int | float | None = Field(None, description="The same for every row.")
    time: str | None = Field(None, description="A time under `times`: a moment.")
    date: str | None = Field(None, description="A time under `times`: its day, 2024-02-14.")
    region: str | None = Field(None, description="A region under `regions`.")
    now: bool | None = Field(None, description="true: the clock of the import; no part of the content.")
    sum: list[str] | None = Field(None, description="Columns that are added; unknown where one is.")
    split: str | None = Field(None, description="Column or part that holds a list of texts; see separator.")
    items: "list[ItemSpec] | None" = Field(None, description="A list of records, each with fields of its own.")
    rows: bool | None = Field(None, description="true: how many rows make up the event; goes with group.")
    separator: str = Field("\n", description="Between the texts of a list; of JSON a line break.")
    number: str | None = Field(None, description="How numbers are written: a name under `numbers`.")
    lookup: str | None = Field(None, description="Table under `lookups` that its text is looked up in.")
    default: str | None = Field(None, description="What a text stands for that the table lacks; '' is unknown.")
    empty: list[str] = Field([], description="Texts that mean unknown, such as '-'.")
    when: Condition | None = Field(None, description="Only where this holds; else the next of a list, or unknown.")

    @property
    def source(self) -> str:
        """The name of the source that is given."""
        return next(name for name in SOURCES if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _check(self) -> "FieldSpec":
        _exactly_one(self, SOURCES)
        return self


#: The keys of a field of which exactly one is given.
SOURCES = ("column", "template", "constant", "time", "date", "region", "now", "sum", "split", "items", "rows")


class ItemSpec(Strict):
    """One record of a list."""

    fields: dict[str, FieldSpec] = Field(description="Its fields.")
    when: Condition | None = Field(None, description="Only where this holds.")


class GroupSpec(Strict):
    """Several rows that make up one event: its lists are those of all rows, and all else must agree."""

    by: Annotated[list[str], Field(min_length=1, description="Columns and parts that are the same in all of them.")]
    add_up: str | None = Field(None, description="Field of the items that is added where all other fields agree.")


class MappingSpec(Strict):
    """A whole mapping file."""

    event_type: str = Field(
        description="report, incident, aid_handover, aspiration, prevention, participation, budget."
    )
    table: TableSpec = Field(TableSpec(), description="How the file is written.")
    file: Annotated[str, AfterValidator(_named_groups)] | None = Field(
        None, description="Named groups found in the file's path become columns: (?P<year>[0-9]{4})\\.csv$."
    )
    skip: list[SkipSpec] = Field([], description="Rows that are no data.")
    refuse: list[RefuseSpec] = Field([], description="Rows that cannot honestly become an event.")
    lookups: dict[str, dict[str, str]] = Field({}, description="Tables of words: text to text.")
    numbers: dict[str, NumberSpec] = Field({}, description="How numbers are written.")
    parts: dict[str, PartSpec] = Field({}, description="Texts made from a row, in their order.")
    times: dict[str, TimeSpec] = Field({}, description="Moments.")
    regions: dict[str, RegionSpec] = Field({}, description="Which region is meant.")
    group: GroupSpec | None = Field(None, description="Several rows that make up one event.")
    repeats: bool = Field(
        default=False, description="true: equal rows are different things, numbered by the part `repeat`."
    )
    fields: dict[str, FieldSpec | list[FieldSpec]] = Field(description="The fields of the event.")


def _exactly_one(section: BaseModel, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        message = f"give exactly one of {', '.join(names)}"
        raise ValueError(message)


def template_pieces(template: str) -> list[tuple[str, str | None]]:
    """Split a template into (literal, name) pieces; raises ValueError where it cannot be read."""
    pieces = []
    for literal, name, form, conversion in Formatter().parse(template):
        if name == "" or form or conversion:
            message = f"a place in a template is just a name in braces: {template}"
            raise ValueError(message)
        pieces.append((literal, name))
    return pieces


def template_names(template: str) -> list[str]:
    """Return the columns and parts that a template names."""
    return [name for _, name in template_pieces(template) if name is not None]

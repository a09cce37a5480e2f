"""The rules of early warning, one YAML file each: what is watched, at which level, and from where on it is too much.

A rule watches the **figures** of a view, summed over a rolling window of days, or **silence**: that nothing came from a
region from which reports were expected. Its name is that of its file. Unknown keys are refused.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simpul_processors.errors import AlertRuleWrong
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.regions import Level

#: The longest window; figures of days are summed for each.
_MOST_DAYS = 366


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleText(_Part):
    """What has happened, in both languages; place and numbers are added to it."""

    id: str = Field(min_length=1)
    en: str = Field(min_length=1)


class AtLeast(_Part):
    """A symbol of an ordered enum, and all that follow it."""

    at_least: str


_Where: TypeAlias = Mapping[str, list[str] | AtLeast]


class Figures(_Part):
    """Day figures of a view: one of its measures, of the groups whose dimensions have one of the named values."""

    view: str
    measure: str
    where: _Where = Field(default_factory=dict)

    @model_validator(mode="after")
    def _exists(self) -> "Figures":
        spec = VIEW_SPECS.get(self.view)
        if spec is None:
            raise ValueError(f"view '{self.view}': {', '.join(VIEW_SPECS)}")
        if PeriodKind.DAY not in spec.periods:
            raise ValueError(f"view '{self.view}' has no figures of days")
        if self.measure not in spec.measure_names:
            raise ValueError(f"measure '{self.measure}': {', '.join(spec.measure_names)}")
        dimensions = [dimension.name for dimension in spec.dimensions]
        for name, wanted in self.where.items():
            if name not in dimensions:
                raise ValueError(f"where '{name}': {', '.join(dimensions)}")
            symbols = _symbols(spec.event_type, name)
            named = [wanted.at_least] if isinstance(wanted, AtLeast) else wanted
            wrong = [value for value in named if symbols and value not in symbols]
            if wrong or not named or (isinstance(wanted, AtLeast) and not symbols):
                raise ValueError(f"where '{name}' {wrong or ''}: {', '.join(symbols)}")
        return self

    @cached_property
    def values(self) -> Mapping[str, frozenset[str]]:
        """The values that each dimension named in `where` may have."""
        event_type = VIEW_SPECS[self.view].event_type
        found = {}
        for name, wanted in self.where.items():
            if isinstance(wanted, AtLeast):
                symbols = _symbols(event_type, name)
                found[name] = frozenset(symbols[symbols.index(wanted.at_least) :])
            else:
                found[name] = frozenset(wanted)
        return found


class Silence(_Part):
    """Reports of an event type that the roster expected, one each period, and that did not come."""

    event_type: str
    period_kind: PeriodKind

    @model_validator(mode="after")
    def _exists(self) -> "Silence":
        if self.event_type not in EVENT_TYPES:
            raise ValueError(f"event_type '{self.event_type}': {', '.join(EVENT_TYPES)}")
        return self


class AlertRule(_Part):
    """One rule; `regions` limits it to regions whose code begins so (`53`, `53.71`), empty means all."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$")
    text: RuleText
    level: Level
    regions: list[str] = Field(default_factory=list)
    figures: Figures | None = None
    within_days: int = Field(default=0, ge=0, le=_MOST_DAYS)
    at_least: int = Field(default=0, ge=0)
    silence: Silence | None = None
    at_least_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> "AlertRule":
        if (self.figures is None) == (self.silence is None):
            raise ValueError("figures | silence: exactly one of the two")
        if self.figures and (not self.within_days or not self.at_least or self.at_least_days):
            raise ValueError("figures: within_days and at_least from 1, and nothing else")
        if self.silence and (not self.at_least_days or self.within_days or self.at_least):
            raise ValueError("silence: at_least_days from 1, and nothing else")
        return self

    def watches(self, region: str) -> bool:
        """Return whether a region is one of the rule's."""
        return not self.regions or any(region == code or region.startswith(f"{code}.") for code in self.regions)


def _symbols(event_type: str, field: str) -> list[str]:
    """Return the symbols of an event's enum field; none where it is no enum."""
    for one in json.loads(EVENT_TYPES[event_type].schema)["fields"]:
        if one["name"] == field:
            for branch in one["type"] if isinstance(one["type"], list) else [one["type"]]:
                if isinstance(branch, dict) and branch.get("type") == "enum":
                    return list(branch["symbols"])
    return []


def shipped_rules() -> list[AlertRule]:
    """Read the rules that the project carries, in the order of their names."""
    folder = resources.files("simpul_processors").joinpath("alerts")
    files = sorted((file.name, file.read_text(encoding="utf-8")) for file in folder.iterdir())
    return [parse_rule(name, text) for name, text in files if name.endswith(".yaml")]


def load_rules(paths: Iterable[Path]) -> list[AlertRule]:
    """Read rules from files and folders, or raise `AlertRuleWrong` at the first that is wrong."""
    found: dict[str, AlertRule] = {}
    for path in paths:
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            try:
                rule = parse_rule(file.name, file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise _wrong(str(file), "tidak dapat dibaca", "it cannot be read") from error
            if rule.name in found:
                raise _wrong(str(file), "nama aturan sudah ada", "there is a rule of this name already")
            found[rule.name] = rule
    return list(found.values())


def parse_rule(file: str, text: str) -> AlertRule:
    """Read one rule from the text of its file, or raise `AlertRuleWrong` that names file, key and what is allowed."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _wrong(file, f"bukan YAML ({error})", f"it is no YAML ({error})") from error
    if not isinstance(document, dict) or "name" in document:
        raise _wrong(file, "isi: daftar kunci, tanpa 'name'", "it must be a list of keys, without 'name'")
    try:
        return AlertRule.model_validate({"name": Path(file).stem, **document})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or Path(file).stem
        raise _wrong(file, f"{where}: {first['msg']}", f"{where}: {first['msg']}") from error


def _wrong(file: str, why_id: str, why_en: str) -> AlertRuleWrong:
    return AlertRuleWrong(f"Aturan peringatan '{file}': {why_id}.", f"The alert rule '{file}': {why_en}.")

"""HTML out of the templates: everything is escaped, nothing of a page is script or style of its own."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from simpul_connectors.portal import numbers
from simpul_connectors.portal.assets import asset_address
from simpul_connectors.portal.links import Links
from simpul_connectors.portal.measures import Measure, headline, measures_of
from simpul_connectors.portal.numbers import Language
from simpul_connectors.portal.places import tile_places
from simpul_connectors.portal.values import dimension_title, value_title, view_title
from simpul_connectors.portal.words import in_language, say
from simpul_schemas.catalogue.fields import split_doc
from simpul_schemas.coverage import chain
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.regions import NATION, load_regions
from simpul_schemas.rules import Text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("simpul_connectors.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "asset": asset_address,
        "views": {name: view_title(name) for name in VIEW_SPECS},
        "abouts": {name: split_doc(spec.doc) for name, spec in VIEW_SPECS.items()},
        "NATION": NATION,
        "measures_of": measures_of,
        "headline": headline,
        "tiles": tile_places(),
        "region_name": load_regions().name,
        "path_of": lambda region: list(dict.fromkeys(reversed(chain(region)))),
    }
    return environment


def render(template: str, language: Language, here: str, **values: Any) -> str:  # noqa: ANN401  # what a template takes
    """Write a page; `here` is its own address without the language, by which the other language is reached."""
    found = _environment().get_template(template)
    return found.render(**_of_language(language), here=here, **values)


@cache
def _of_language(language: Language) -> Mapping[str, Any]:
    """Return what every template uses, in one language."""

    def title(text: Text) -> str:
        return in_language(text, language)

    def value_of(value: float | None, measure: Measure) -> str:
        return numbers.value_text(value, measure.unit, language)

    return {
        "language": language,
        "links": Links(language),
        "t": lambda key, **values: say(key, language, **values),
        "title": title,
        "full": value_of,
        "short": lambda value, measure: numbers.short_text(value, measure.unit, language),
        "count": lambda value: numbers.NOTHING if value is None else numbers.written(value, language),
        "signed": lambda value: f"{'+' if value > 0 else ''}{numbers.written(value, language)}",
        "percent": lambda share: numbers.percent(share, language),
        "moment": lambda micros, region="": numbers.moment_text(micros, language, "" if region == NATION else region),
        "period_text": lambda kind, period: numbers.period_text(kind, period, language),
        "ago": lambda seconds: numbers.ago_text(seconds, language),
        "dimension": lambda name: title(dimension_title(name)),
        "named": lambda value: title(value_title(value)),
        "other_language": "en" if language == "id" else "id",
        "other_prefix": "/en" if language == "id" else "",
    }

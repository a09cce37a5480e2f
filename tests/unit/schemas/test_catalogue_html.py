"""The HTML catalogue is whole and accessible: links lead somewhere, each language is named, no asset is foreign."""

import ast
import html
import itertools
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from simpul_schemas.catalogue.about import ABOUT
from simpul_schemas.catalogue.examples import accepted_examples
from simpul_schemas.catalogue.fields import field_rows, record_doc
from simpul_schemas.catalogue.html import pages
from simpul_schemas.catalogue.site import catalogue_files
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS, Named
from simpul_schemas.lifecycles import LIFECYCLES

ROOT = Path(__file__).parents[3]
VOID = {"meta", "link", "img", "br", "wbr", "hr", "input"}
each_type = pytest.mark.parametrize("name", EVENT_TYPES)
each_view = pytest.mark.parametrize("name", VIEW_SPECS)
each_page = pytest.mark.parametrize(
    "name",
    ["index.html", "rules.html", "topics.html"]
    + [f"event-{name}.html" for name in EVENT_TYPES]
    + [f"view-{name}.html" for name in VIEW_SPECS],
)


@dataclass
class Page(HTMLParser):
    """What a page holds; unclosed or wrongly closed elements fail at once."""

    ids: list[str] = field(default_factory=list)
    references: list[tuple[str, str]] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    row_texts: dict[str, str] = field(default_factory=dict)
    open: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if found := attributes.get("id"):
            self.ids.append(found)
        self.references += [(tag, attributes[name] or "") for name in ("href", "src") if name in attributes]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += data
        for tag, attributes in self.open:
            if tag == "tr" and (row := attributes.get("id")):
                self.row_texts[row] = self.row_texts.get(row, "") + data


def parse(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    return page


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return catalogue_files()


@pytest.fixture(scope="module")
def parsed(files: dict[str, str]) -> dict[str, Page]:
    return {name: parse(text) for name, text in files.items() if name.endswith(".html")}


@each_page
def test_a_page_is_well_formed_and_its_ids_are_unique(parsed: dict[str, Page], name: str) -> None:
    assert len(parsed[name].ids) == len(set(parsed[name].ids))


@each_page
def test_every_link_leads_to_a_file_of_the_catalogue_and_every_anchor_exists(
    files: dict[str, str], parsed: dict[str, Page], name: str
) -> None:
    for _, reference in parsed[name].references:
        target, _, anchor = reference.partition("#")
        assert (target or name) in files, reference
        if anchor:
            assert anchor in parsed[target or name].ids, reference


def test_nothing_comes_from_elsewhere_and_nothing_is_a_script(files: dict[str, str], parsed: dict[str, Page]) -> None:
    for page in parsed.values():
        for tag, attributes in page.elements:
            assert tag not in {"script", "iframe", "object", "embed"}
            assert not {key for key in attributes if key.startswith("on") or key == "style"}
    assert "url(" not in files["style.css"]
    assert "@import" not in files["style.css"]


@each_page
def test_a_page_speaks_indonesian_and_names_what_is_english(parsed: dict[str, Page], name: str) -> None:
    elements = parsed[name].elements
    assert ("html", {"lang": "id"}) in elements
    assert any(attributes.get("lang") == "en" for _, attributes in elements)
    assert all(a.get("lang") == "en" for _, a in elements if "en" in (a.get("class") or "").split())


@each_page
def test_headings_begin_with_one_h1_and_leave_out_no_level(parsed: dict[str, Page], name: str) -> None:
    headings = parsed[name].headings
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


@each_page
def test_a_page_can_be_walked_by_keyboard_and_screen_reader(parsed: dict[str, Page], name: str) -> None:
    elements = parsed[name].elements
    tags = [tag for tag, _ in elements]
    assert tags.index("a") < tags.index("header")  # the way past the navigation comes first
    assert next(a for tag, a in elements if tag == "a")["href"] == "#main"
    assert tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") == tags.count("thead")
    assert all(a.get("scope") for tag, a in elements if tag == "th")
    assert all("alt" in a for tag, a in elements if tag == "img")
    assert all(a.get("aria-label") for tag, a in elements if tag == "nav")
    assert all(a.get("tabindex") == "0" for tag, a in elements if tag == "pre")  # it scrolls


@each_type
def test_the_page_of_a_type_has_every_field_with_its_meaning_and_personal_data_marked(
    parsed: dict[str, Page], name: str
) -> None:
    rows = parsed[f"event-{name}.html"].row_texts
    for row in field_rows(EVENT_TYPES[name].schema):
        found = rows[f"field-{row.path}"]
        assert row.path in found
        assert row.term in found
        assert row.meaning in found
        assert ("may be unknown" in found) is row.optional
        assert ("data pribadi" in found) is (row.personal is not None)


@each_type
def test_every_rule_stands_on_its_types_page_and_on_the_page_of_all_codes(parsed: dict[str, Page], name: str) -> None:
    for rule in EVENT_TYPES[name].rules.rules:
        for page in (parsed[f"event-{name}.html"], parsed["rules.html"]):
            found = page.row_texts[rule.code]
            for text in (rule.message, rule.remedy):
                assert text.indonesian in found
                assert text.english in found
            assert rule.code in found


@each_type
def test_what_a_type_is_stands_on_its_page_and_on_the_first_one_in_both_languages(
    parsed: dict[str, Page], name: str
) -> None:
    for page in (parsed[f"event-{name}.html"], parsed["index.html"]):
        assert ABOUT[name] in page.text
        assert record_doc(EVENT_TYPES[name].schema).english in page.text


@each_type
def test_the_page_of_a_type_shows_its_example_as_the_contract_accepted_it(parsed: dict[str, Page], name: str) -> None:
    assert accepted_examples()[name].text in parsed[f"event-{name}.html"].text


@each_type
def test_the_page_of_a_type_names_its_topic_and_the_views_that_feed_on_it(parsed: dict[str, Page], name: str) -> None:
    page = parsed[f"event-{name}.html"]
    assert f"simpul.{{province}}.{name}.v1" in page.text
    views = {f"view-{view.name}.html" for view in VIEW_SPECS.values() if view.event_type == name}
    main = [reference for _, reference in page.references]
    assert all(main.count(view) >= 2 for view in views)  # in the navigation, and under what feeds on it


@each_view
def test_the_page_of_a_view_names_dimensions_measures_rates_and_coverage(parsed: dict[str, Page], name: str) -> None:
    view, page = VIEW_SPECS[name], parsed[f"view-{name}.html"]
    for word in (*view.dimension_names, *view.measure_names, *view.rates):
        assert word in page.text
    linked = [reference for _, reference in page.references]
    for measure in (*view.coverage, *(part for parts in view.rates.values() for part in parts)):
        assert f"#measure-{measure}" in linked


def _codes_in_source() -> set[str]:
    """Return every text constant in the packages that looks like a code."""
    shape = re.compile(r"(record|event|import|cell|envelope|region|schema|compat)\.[a-z_]*[a-z]")
    found = set()
    for path in ROOT.glob("*/simpul_*/**/*.py"):
        if "catalogue" not in path.parts:
            constants = (n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant))
            found |= {value for value in constants if isinstance(value, str) and shape.fullmatch(value)}
    return found


def test_every_code_that_any_package_gives_is_found_on_the_page_of_all_codes(parsed: dict[str, Page]) -> None:
    codes = _codes_in_source()
    assert {"record.empty", "event.field_missing", "import.not_a_number"} <= codes
    assert codes <= set(parsed["rules.html"].row_texts)


def test_whatever_the_contract_says_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<script>alert("1")</script>'
    view = replace(
        VIEW_SPECS["participation"], doc=hostile, dimensions=(Named(hostile, hostile),), rates={hostile: ("a", "b")}
    )
    monkeypatch.setattr("simpul_schemas.catalogue.html.VIEW_SPECS", {"participation": view})
    text = pages(accepted_examples())["view-participation.html"]
    assert hostile not in text
    assert html.escape(hostile, quote=False).replace('"', "&#34;") in text


@each_type
def test_the_lifecycles_of_a_type_stand_on_its_page_with_every_state_and_code(
    parsed: dict[str, Page], name: str
) -> None:
    page = parsed[f"event-{name}.html"]
    found = [lifecycle for lifecycle in LIFECYCLES if lifecycle.event_type == name]
    assert ("lifecycle" in page.ids) is bool(found)
    for lifecycle in found:
        assert f"Daur hidup {lifecycle.field}" in page.text
        assert all(state in page.text for state in lifecycle.states)
        assert lifecycle.message.indonesian in page.row_texts[lifecycle.code]
        assert lifecycle.code in parsed["rules.html"].row_texts

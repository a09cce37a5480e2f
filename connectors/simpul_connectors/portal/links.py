"""The addresses of the portal's pages: stable, readable, the language in front. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.measures import first_measure
from simpul_connectors.portal.numbers import Language
from simpul_connectors.portal.reading import Wish
from simpul_schemas.coverage import chain
from simpul_schemas.periods import NO_KIND
from simpul_schemas.regions import NATION, load_regions
from simpul_schemas.rules import Text

#: Query names that are no dimensions of a view.
PERIOD, MEASURE, SORT, PAGE = "periode", "ukuran", "urut", "halaman"
DEFAULT_SORT = "kode"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses in one language."""

    language: Language

    @property
    def prefix(self) -> str:
        """What stands before every path."""
        return "" if self.language == "id" else "/en"

    def home(self) -> str:
        """The nation."""
        return self.prefix or "/"

    def view(self, wish: Wish, measure: str, sort: str = DEFAULT_SORT, suffix: str = "") -> str:
        """A view of a place."""
        return f"{self.prefix}{place_path(wish.spec.name, wish.region)}{suffix}{query(wish, measure, sort)}"

    def restatements(self, view: str, region: str = NATION, page: int = 1) -> str:
        """The history of a view and place."""
        asked = {"wilayah": region if region != NATION else "", PAGE: page if page > 1 else ""}
        return f"{self.prefix}/ralat/{view}{_query(asked)}"

    def quarantine(self, province: str = "") -> str:
        """What was refused, in all or in a province."""
        return f"{self.prefix}/karantina{f'/{province}' if province else ''}"

    def refusal(self, name: str) -> str:
        """One refused record."""
        return f"{self.prefix}/karantina/{name[:2]}/catatan?id={quote(name, safe='')}"

    def status(self) -> str:
        """How the bus is."""
        return f"{self.prefix}/keadaan"

    def sign_in(self) -> str:
        """Where operators sign in."""
        return f"{self.prefix}/masuk"


def place_path(view: str, region: str) -> str:
    """Return the path of a view and place: every region above it is a part of it."""
    parts = [code for code in reversed(chain(region)) if code != NATION]
    return "/".join(["/tampilan", view, *parts])


def query(wish: Wish, measure: str = "", sort: str = DEFAULT_SORT) -> str:
    """Return the query of a view: period, measure, dimensions, order; what goes without saying is left out."""
    asked: dict[str, object] = {PERIOD: wish.period if wish.period_kind != NO_KIND else ""}
    asked[MEASURE] = measure if measure != first_measure(wish.spec) else ""
    asked |= {one.name: wish.chosen.get(one.name, "") for one in wish.spec.dimensions}
    asked[SORT] = sort if sort != DEFAULT_SORT else ""
    return _query(asked)


def read_path(view: str, path: str) -> str:
    """Return the region of a path below a view; raises `Unreadable` with the path that it should have been."""
    region = path.rstrip("/").rpartition("/")[2] or NATION
    if region == NATION:
        return NATION
    if region not in load_regions():
        raise Unreadable(
            Text(
                f"Wilayah '{region}' tidak ada; pilih dari peta, atau cari kodenya dengan 'simpul regions resolve'.",
                f"There is no region '{region}'; choose one on the map, or find it by 'simpul regions resolve'.",
            ),
            f"/tampilan/{view}",
        )
    right = place_path(view, region)
    if right != f"/tampilan/{view}/{path.rstrip('/')}":
        raise Unreadable(
            Text(f"Alamatnya keliru; yang benar {right}.", f"The address is not right; it should be {right}."), right
        )
    return region


def _query(asked: Mapping[str, object]) -> str:
    told = {name: value for name, value in asked.items() if value != ""}
    return f"?{urlencode(told)}" if told else ""

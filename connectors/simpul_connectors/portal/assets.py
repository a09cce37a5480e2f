"""The few files that every page needs: style, script, icon; named by their content, so that browsers may keep them."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from simpul_connectors.portal.places import map_style

_TYPES = MappingProxyType(
    {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
)
#: Style sheets of the pages, joined into one file.
_STYLES = ("base.css", "pages.css")
_SCRIPTS = ("htmx.min.js", "sse.min.js")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: plain and packed."""

    body: bytes
    packed: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file by the name that stands in addresses."""
    folder = resources.files("simpul_connectors.portal").joinpath("static")

    def read(name: str) -> str:
        return folder.joinpath(name).read_text(encoding="utf-8")

    found = {
        "portal.css": "\n".join([*(read(name) for name in _STYLES), map_style()]),
        "portal.js": "\n;\n".join(read(name) for name in _SCRIPTS),
        "icon.svg": read("icon.svg"),
    }
    return MappingProxyType({_stamped(name, text): _asset(name, text) for name, text in found.items()})


@cache
def asset_address(name: str) -> str:
    """Return the address of a file; it changes when the file does."""
    stem, _, ending = name.rpartition(".")
    (found,) = (one for one in assets() if one.startswith(f"{stem}-") and one.endswith(f".{ending}"))
    return f"/aset/{found}"


def _stamped(name: str, text: str) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.{ending}"


def _asset(name: str, text: str) -> Asset:
    body = text.encode()
    return Asset(body, gzip.compress(body, 9, mtime=0), _TYPES[name.rpartition(".")[2]])

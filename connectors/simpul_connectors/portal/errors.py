"""What the portal answers when it cannot answer: problems with a status, a code, and what to do.

Problem
├── Unreadable      404: a view, region, period or value that is none; says which there are
├── Malformed       400: a number or a switch of a query that is none
├── NotAllowed      401 or 403: only for operators
├── Conflicting     409: was done before, or by another
├── Refused         4xx: the request breaks a limit or a rule of the border
└── NotReady        503: the figures are still being read
"""

from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.rules import Text

_NONE: Mapping[str, str] = MappingProxyType({})


class Problem(Exception):
    """A request that is answered with a problem: HTTP status, stable code, and a sentence that says what to do."""

    status = 400
    code = "portal.problem"

    def __init__(self, said: Text, headers: Mapping[str, str] = _NONE) -> None:
        super().__init__(str(said))
        self.said = said
        self.headers = headers


class Unreadable(Problem):
    """A view, region, period or value that is none; `where` is a page of the portal that helps on."""

    status = 404
    code = "portal.unknown"

    def __init__(self, said: Text, where: str = "/") -> None:
        super().__init__(said)
        self.where = where


class Malformed(Problem):
    """A number or a switch of a query that is none; taken for a default, it would give other figures than asked for."""

    code = "portal.malformed"


class NotAllowed(Problem):
    """Only for operators."""

    code = "portal.not_allowed"

    def __init__(self, said: Text, status: int = 403) -> None:
        super().__init__(said)
        self.status = status


class Conflicting(Problem):
    """Was done before, or by another."""

    status = 409
    code = "portal.conflict"


class Refused(Problem):
    """The request breaks a limit or a rule of the border."""

    def __init__(self, status: int, code: str, said: Text, headers: Mapping[str, str] = _NONE) -> None:
        super().__init__(said, headers)
        self.status = status
        self.code = code


class NotReady(Problem):
    """The figures are still being read."""

    status = 503
    code = "portal.not_ready"

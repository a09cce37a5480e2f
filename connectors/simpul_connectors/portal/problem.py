"""Problems as documents of RFC 9457."""

from http import HTTPStatus
from typing import Any

from simpul_connectors.portal.errors import Problem
from simpul_connectors.portal.numbers import Language
from simpul_connectors.portal.words import in_language

MEDIA_TYPE = "application/problem+json"


def problem_document(problem: Problem, language: Language | None) -> dict[str, Any]:
    """Return a problem as plain data; without a language it says both, Indonesian first."""
    return {
        "type": f"urn:simpul:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": str(problem.said) if language is None else in_language(problem.said, language),
    }

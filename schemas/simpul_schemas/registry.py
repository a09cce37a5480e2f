"""The schema registry: Confluent's REST interface, which Apicurio and others speak too, with answers kept on disk.

An id stands for one schema for ever, so what was learned once is never asked again: a region with a bad link needs the
registry only for the first event of a type.
"""

import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx

from simpul_schemas.errors import RegistryRefused, RegistryUnavailable

_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TIMEOUT_SECONDS = 10.0
#: Codes of the Confluent interface for "there is no such subject, version or schema".
NOT_FOUND_CODES = frozenset({40401, 40402, 40403})

_Document = TypeVar("_Document", dict[str, Any], list[Any])


class Registry(Protocol):
    """What the bus asks of a registry."""

    def register(self, subject: str, schema: str) -> int:
        """Put a schema under a subject and return its id; the same schema again gives the same id."""

    def lookup(self, subject: str, schema: str) -> int:
        """Return the id of a schema that stands under a subject, or raise `RegistryRefused`."""

    def schema(self, schema_id: int) -> str:
        """Return the schema of an id, or raise `RegistryRefused` with one of `NOT_FOUND_CODES`."""


class VersionedRegistry(Registry, Protocol):
    """What the compatibility gate asks besides: every version there is, and which changes the registry lets in."""

    def subjects(self) -> list[str]:
        """Return the names of all subjects."""

    def versions(self, subject: str) -> list[int]:
        """Return the numbers of a subject's versions, rising, or raise `RegistryRefused`."""

    def version(self, subject: str, number: int) -> str:
        """Return the schema of a subject's version, or raise `RegistryRefused`; its JSON may be spaced anew."""

    def compatibility(self) -> str:
        """Return the level that new versions of any subject must keep, for example FULL_TRANSITIVE."""

    def set_compatibility(self, level: str) -> None:
        """Set that level."""


class HttpRegistry:
    """A registry under a base URL that ends where `/subjects` begins."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS)

    def register(self, subject: str, schema: str) -> int:
        """See `Registry`."""
        return int(self._ask("POST", f"/subjects/{subject}/versions", {"schema": schema})["id"])

    def lookup(self, subject: str, schema: str) -> int:
        """See `Registry`."""
        return int(self._ask("POST", f"/subjects/{subject}", {"schema": schema})["id"])

    def schema(self, schema_id: int) -> str:
        """See `Registry`."""
        return str(self._ask("GET", f"/schemas/ids/{schema_id}")["schema"])

    def subjects(self) -> list[str]:
        """See `VersionedRegistry`."""
        return [str(name) for name in self._ask("GET", "/subjects", kind=list)]

    def versions(self, subject: str) -> list[int]:
        """See `VersionedRegistry`."""
        return sorted(int(number) for number in self._ask("GET", f"/subjects/{subject}/versions", kind=list))

    def version(self, subject: str, number: int) -> str:
        """See `VersionedRegistry`."""
        return str(self._ask("GET", f"/subjects/{subject}/versions/{number}")["schema"])

    def compatibility(self) -> str:
        """See `VersionedRegistry`."""
        return str(self._ask("GET", "/config")["compatibilityLevel"])

    def set_compatibility(self, level: str) -> None:
        """See `VersionedRegistry`."""
        self._ask("PUT", "/config", {"compatibility": level})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
        kind: type[_Document] = dict,  # type: ignore[assignment]  # a default cannot follow from the type variable
    ) -> _Document:
        try:
            answer = self._client.request(
                method, self._url + path, json=body, headers={"accept": _CONTENT_TYPE, "content-type": _CONTENT_TYPE}
            )
        except httpx.HTTPError as error:
            raise RegistryUnavailable(
                f"Registri skema di {self._url} tidak menjawab; periksa alamat dan jaringan, atau 'simpul up'.",
                f"The schema registry at {self._url} does not answer; check address and network, or 'simpul up'.",
            ) from error
        try:
            document = answer.json()
        except ValueError:
            document = {}
        if answer.is_success and isinstance(document, kind):
            return document
        told = document if isinstance(document, dict) else {}
        code, message = told.get("error_code", 0), told.get("message", "")
        if answer.status_code >= 500:
            raise RegistryUnavailable(
                f"Registri skema di {self._url} bermasalah ({answer.status_code} {message}); coba lagi nanti.",
                f"The schema registry at {self._url} is in trouble ({answer.status_code} {message}); try again later.",
            )
        raise RegistryRefused(
            int(code),
            f"Registri skema menolak {method} {path}: {answer.status_code} {message}.",
            f"The schema registry refused {method} {path}: {answer.status_code} {message}.",
        )


class CachedRegistry:
    """A registry whose answers are kept in a file, one for each registry address.

    The file is replaced as a whole, so a kill leaves the old one or the new one. An unreadable file is an empty one.
    The stages of a worker share it from threads of their own, so what it keeps is changed and saved by one at a time.
    """

    def __init__(self, inner: Registry, folder: Path, url: str) -> None:
        self._inner = inner
        self._path = folder / f"registry-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
        self._ids, self._schemas = self._load()
        self._changing = threading.Lock()

    def register(self, subject: str, schema: str) -> int:
        """See `Registry`; always asked, since registering is an act."""
        return self._remember(subject, schema, self._inner.register(subject, schema))

    def lookup(self, subject: str, schema: str) -> int:
        """See `Registry`."""
        known = self._ids.get(_key(subject, schema))
        return known if known is not None else self._remember(subject, schema, self._inner.lookup(subject, schema))

    def schema(self, schema_id: int) -> str:
        """See `Registry`."""
        known = self._schemas.get(str(schema_id))
        if known is None:
            known = self._inner.schema(schema_id)
            with self._changing:
                self._schemas[str(schema_id)] = known
                self._save()
        return known

    def _remember(self, subject: str, schema: str, schema_id: int) -> int:
        with self._changing:
            self._ids[_key(subject, schema)] = schema_id
            self._save()
        return schema_id

    def _load(self) -> tuple[dict[str, int], dict[str, str]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            ids, schemas = document["ids"], document["schemas"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}, {}
        if not isinstance(ids, dict) or not isinstance(schemas, dict):
            return {}, {}
        return ids, schemas

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"ids": self._ids, "schemas": self._schemas}, file)
        Path(name).replace(self._path)


def _key(subject: str, schema: str) -> str:
    return f"{subject} {hashlib.sha256(schema.encode()).hexdigest()}"

"""How a `simpul` command is pointed at a local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from simpul_deploy.local.report import Endpoints


def client_environment(endpoints: Endpoints, folder: Path) -> dict[str, str]:
    """The variables that name a stack's servers, and a folder of the stack's for what the client keeps.

    Outbox, stores and cached schema ids are of this stack and mean nothing in another one, so they are purged with it.
    """
    return {
        "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": endpoints.bootstrap_servers,
        "SIMPUL__REGISTRY__URL": endpoints.registry_url,
        "SIMPUL__DATABASE__URL": endpoints.postgresql_url,
        "SIMPUL__DATA_DIR": str(folder),
        "SIMPUL__CACHE_DIR": str(folder / "cache"),
    }

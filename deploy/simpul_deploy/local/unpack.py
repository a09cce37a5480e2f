"""Unpacking the registry's archive once, as a whole or not at all."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from simpul_deploy.errors import DiskFull
from simpul_deploy.local.files import locked, named_errors

GROWTH = 1.2
"""The registry's archive grows by a tenth; a fifth is room enough."""


def unpack(archive: Path, target: Path) -> None:
    """Unpack a tar archive so that the target folder either does not exist or is complete.

    A member that is neither a plain file nor a folder, or would land outside, is a tarfile.TarError. What a killed run
    left is thrown away.
    """
    with locked(target.parent / ".unpack.lock"):
        if target.is_dir():
            return
        for leftover in target.parent.glob(f".{target.name}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        needed = int(archive.stat().st_size * GROWTH)
        if shutil.disk_usage(target.parent).free < needed:
            raise DiskFull(target.parent, needed)
        with named_errors(target.parent):
            scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            try:
                with tarfile.open(archive) as tar:
                    _extract(tar, scratch)
                scratch.chmod(0o755)
                scratch.rename(target)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    """Unpack plain files and folders; Python 3.11.2, Debian's own, has no filters yet, so the check is also ours."""
    for member in tar.getmembers():
        parts = PurePosixPath(member.name).parts
        if not (member.isfile() or member.isdir()) or ".." in parts or parts[:1] == ("/",):
            message = f"refused member {member.name!r}"
            raise tarfile.ExtractError(message)
    if hasattr(tarfile, "data_filter"):
        tar.extraction_filter = tarfile.data_filter
    tar.extractall(target)  # noqa: S202  each member was checked above, and is again by the filter where there is one

"""Unpacking: whole or not at all, and nothing outside."""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from simpul_deploy.errors import DiskFull
from simpul_deploy.local.unpack import unpack

if TYPE_CHECKING:
    from pathlib import Path


def archive(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 3) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, "/etc/passwd"
    return info


def test_an_archive_is_unpacked_with_its_folders(tmp_path: Path) -> None:
    unpack(archive(tmp_path, member("lib/a.jar")), tmp_path / "out")
    assert (tmp_path / "out" / "lib" / "a.jar").read_bytes() == b"xxx"


@pytest.mark.parametrize(
    "evil",
    [member("../evil"), member("/evil"), member("lib/../../evil"), member("link", tarfile.SYMTYPE),
     member("hard", tarfile.LNKTYPE), member("device", tarfile.CHRTYPE), member("pipe", tarfile.FIFOTYPE)],
)  # fmt: skip
def test_a_member_that_leads_outside_is_refused_and_nothing_is_left(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    packed = archive(tmp_path, member("good"), evil)
    with pytest.raises(tarfile.TarError):
        unpack(packed, tmp_path / "here" / "out")
    assert [path.name for path in (tmp_path / "here").iterdir()] == [".unpack.lock"]


def test_what_a_killed_run_left_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".out.killed").mkdir()
    unpack(archive(tmp_path, member("a")), tmp_path / "out")
    assert not (tmp_path / ".out.killed").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "no-such-archive", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_too_little_room_is_told_beforehand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = archive(tmp_path, member("a"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 0})())
    with pytest.raises(DiskFull):
        unpack(packed, tmp_path / "out")

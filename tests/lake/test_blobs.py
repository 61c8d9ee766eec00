"""Bytes are kept once, by what they are, and a changed byte is noticed."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest

from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.blobs import Blobs


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha = blobs.put(b"hello")
    (tmp_path / "file").write_bytes(b"hello")
    assert blobs.put_file(tmp_path / "file") == sha
    assert blobs.get(sha) == b"hello"
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [sha]


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    sha = blobs.put(b"hello")
    blobs.path(sha).write_bytes(b"hellO")
    with pytest.raises(LakeError, match="not what was stored"):
        blobs.get(sha)


@pytest.mark.parametrize("name", ["../../etc/passwd", "0" * 64, "abc"])
def test_only_the_name_of_stored_bytes_finds_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownName):
        Blobs(tmp_path).path(name)


def test_what_is_stored_has_its_name_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        waited.append((path.name, [one.name for one in path.iterdir()] if path.is_dir() else []))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    blobs = Blobs(tmp_path / "blobs")
    for store in (blobs.put, lambda data: blobs.put_stream(BytesIO(data))[0]):
        waited.clear()
        sha = store(os.urandom(9))
        assert waited[-1] == (sha[:2], [sha])
    pack, _ = blobs.put_many([(hashlib.sha256(b"small").hexdigest(), b"small")])
    assert waited[-1] == ("packs", [f"{pack}.pack"])

    several = [blobs.put_unsettled(bytes([number])) for number in range(9)]
    waited.clear()
    blobs.settle(several)
    assert {name for _, names in waited for name in names} >= set(several)

"""Bytes are kept once, by what they are, and a changed byte is noticed."""

from __future__ import annotations

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

"""Many small files in one: each is found by its SHA-256, and nothing half written is taken for a pack."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.blobs import Blobs


def sha_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@settings(max_examples=25, deadline=None)
@given(files=st.lists(st.binary(max_size=40), max_size=30))
def test_each_file_of_a_pack_is_found_by_its_own_name_and_by_its_place(files, tmp_path_factory) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    pack, offsets = blobs.put_many((sha_of(data), data) for data in files)
    for data, offset in zip(files, offsets, strict=True):
        assert blobs.get(sha_of(data)) == blobs.place_in(pack, offset, len(data)).read() == data
        assert blobs.has(sha_of(data))
        assert not blobs.has_alone(sha_of(data))
    assert not blobs.has("0" * 64)
    assert not list(blobs.arriving.iterdir())


def test_packed_bytes_have_no_file_of_their_own(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.put_many([(sha_of(b"a"), b"a")])
    with pytest.raises(UnknownName, match="no file of their own"):
        blobs.path(sha_of(b"a"))
    assert blobs.path(blobs.put(b"a")).read_bytes() == b"a"  # by themselves as well


def test_a_pack_that_was_cut_off_or_changed_is_told(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    pack, _ = blobs.put_many([(sha_of(b"hello"), b"hello")])
    (file,) = blobs.packs.iterdir()
    whole = file.read_bytes()
    file.write_bytes(b"hellO" + whole[5:])
    with pytest.raises(LakeError, match="not what was stored"):
        blobs.get(sha_of(b"hello"))
    file.write_bytes(whole[:-3])
    with pytest.raises(LakeError, match="no whole pack"):
        blobs.get(sha_of(b"hello"))
    file.unlink()
    with pytest.raises(UnknownName, match="no pack"):
        blobs.place_in(pack, 0, 5)


def test_an_error_in_the_middle_leaves_no_pack(tmp_path: Path) -> None:
    def broken():
        yield sha_of(b"a"), b"a"
        raise KeyboardInterrupt

    blobs = Blobs(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        blobs.put_many(broken())
    assert not blobs.has(sha_of(b"a"))
    assert not list(blobs.arriving.iterdir())

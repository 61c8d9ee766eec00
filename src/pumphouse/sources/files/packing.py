"""Files that are packed: gzip, zstd, bzip2 and xz hold one file, zip holds several. What is in them is told by their
first bytes.

Each is unpacked into the build's scratch folder before it is read, so that no reader sees half of one that was cut off.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

import pyarrow as pa

from pumphouse.errors import SourceError
from pumphouse.sources.files.texts import CHUNK_BYTES, StoredFile
from pumphouse.sources.http.addresses import is_web

ENDINGS = (".gz", ".zst", ".bz2", ".xz", ".zip")
UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
UNPACKED_TIMES_MAX = 200
"""What is packed may become this many times as large, or UNPACKED_BYTES_MAX where that is more: beyond is a bomb."""
MEMBERS_MAX = 100_000
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
NAMES_SHOWN_MAX = 5
Choose = Callable[[list[str]], list[str]]
"""Which members of a zip are read."""

_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_BOOKS = frozenset(("[Content_Types].xml", "mimetype"))
"""One of these is in every workbook that is a zip."""

_ONE: dict[bytes, tuple[str, Callable[[Path], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda path: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
}
_BZIP2_BLOCK = b"1AY&SY"
"""Follows the level in a bzip2: text may begin with BZh too."""


def ending(name: str) -> str:
    """What a file's name ends in, in lower case, without what says that it is packed."""
    path = PurePosixPath((urlsplit(name).path if is_web(name) else name).lower())
    return PurePosixPath(path.stem).suffix if path.suffix in ENDINGS else path.suffix


def is_packed(start: bytes) -> bool:
    """Whether bytes that begin so are packed."""
    return start.startswith((ZIP, EMPTY_ZIP, *_ONE))


def start_of(path: Path, *, most_bytes: int) -> bytes:
    """The first bytes of a file, or of the one that is packed in it; none of a zip, or where it can't be unpacked."""
    with path.open("rb") as stored:
        start = stored.read(most_bytes)
    if not is_packed(start):
        return start
    opened = next((one for magic, (_, one) in _ONE.items() if start.startswith(magic)), None)
    try:
        with opened(path) if opened else io.BytesIO() as stream:
            return bytes(stream.read(most_bytes))
    except _DAMAGED:
        return b""


def unpacked(file: StoredFile, *, folder: Path, choose: Choose, told: list[str]) -> Iterator[StoredFile]:
    """The file, or what is packed in it, one after the other: each is gone when the next is asked for.

    Of a zip, the members that `choose` chooses; what else it holds is named in `told`. A workbook is a zip, and stays
    one. Raises SourceError where it is
    damaged, cut off, protected by a password, or far larger than it seems.
    """
    with file.path.open("rb") as stored:
        start = stored.read(16)
    if start.startswith((ZIP, EMPTY_ZIP)):
        yield from _members(file, folder=folder, choose=choose, told=told)
        return
    found = next((one for magic, one in _ONE.items() if start.startswith(magic)), None)
    if found is None or (found[0] == "bzip2" and start[4:10] != _BZIP2_BLOCK):
        yield file
        return
    form, opened = found
    target = folder / "unpacked"
    try:
        with opened(file.path) as stream:
            _unpack(stream, target, _Budget(file), file, form)
    except _DAMAGED as error:
        raise _damaged(file, form, error) from None
    yield replace(file, path=target)


def _members(file: StoredFile, *, folder: Path, choose: Choose, told: list[str]) -> Iterator[StoredFile]:
    target = folder / "member"
    budget = _Budget(file)
    try:
        with zipfile.ZipFile(file.path) as archive:
            members = {
                one.filename: one
                for one in archive.infolist()
                if not one.is_dir() and not _is_bookkeeping(one.filename)
            }
            if len(members) > MEMBERS_MAX:
                raise file.error(f"it holds {len(members):,} files, and {MEMBERS_MAX:,} are read at most")
            if _BOOKS & set(archive.namelist()):
                yield file
                return
            chosen = choose(list(members))
            if members and not chosen:
                raise file.error(
                    f"no file in it ends as one that is read: {', '.join(list(members)[:NAMES_SHOWN_MAX])}",
                    mend="Say what its files are: format=ph.csv(...), or another.",
                )
            if left_out := [name for name in members if name not in chosen]:
                files = "1 file in it is" if len(left_out) == 1 else f"{len(left_out):,} files in it are"
                told.append(f"{file.name}: {files} not read, the first is {left_out[0]}")
            for name in chosen:
                member = replace(file, name=f"{file.name}/{name}", part=name, path=target)
                if members[name].flag_bits & 1:
                    raise member.error("it is protected by a password", mend="Unpack it before it is gathered.")
                with archive.open(members[name]) as stream:
                    _unpack(stream, target, budget, member, "zip")
                if zipfile.is_zipfile(target) and not _is_book(target):
                    raise member.error("it is a zip in a zip", mend="Unpack the outer one before it is gathered.")
                # A file may be packed once more in a zip, as logs are.
                yield from unpacked(member, folder=folder, choose=choose, told=told)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise _damaged(file, "zip", error) from None


def _is_book(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return bool(_BOOKS & set(archive.namelist()))


def _is_bookkeeping(name: str) -> bool:
    """Whether it is a file that an operating system adds to what a person packs."""
    path = PurePosixPath(name)
    return path.name.startswith(".") or path.parts[0] == "__MACOSX"


class _Budget:
    """How many bytes a packed file may still become."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._packed = file.path.stat().st_size
        self._most = max(UNPACKED_BYTES_MAX, UNPACKED_TIMES_MAX * self._packed)
        self._left = self._most

    def spend(self, size_bytes: int) -> None:
        self._left -= size_bytes
        if self._left < 0:
            raise self._file.error(
                f"its {self._packed:,} bytes become more than {self._most:,} when they are unpacked",
                mend="If it really holds that much, unpack it before it is gathered.",
            )


def _unpack(stream: IO[bytes], target: Path, budget: _Budget, file: StoredFile, form: str) -> None:
    with target.open("wb") as out:
        while True:
            try:
                chunk = stream.read(CHUNK_BYTES)
            except _DAMAGED as error:
                raise _damaged(file, form, error) from None
            if not chunk:
                return
            budget.spend(len(chunk))
            out.write(chunk)


def _damaged(file: StoredFile, form: str, error: Exception) -> SourceError:
    return file.error(f"its {form} is damaged or cut off ({error})", mend="Fetch the file again.")

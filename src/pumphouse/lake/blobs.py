"""Bytes kept by what they are: raw input as it came, and files that builds made. The name of a blob is its SHA-256.

Small files that arrive many at once share a pack (see packs.py); each is still found by its own SHA-256.
"""

from __future__ import annotations

import errno
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.disk import folder_to_disk, to_disk
from pumphouse.lake.packs import ENDING, Place, find, write

CHUNK_BYTES = 1024 * 1024


class Blobs:
    """A folder of blobs. Storing the same bytes twice keeps them once; nothing is ever changed or half written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arriving = folder / "arriving"
        """Where bytes are written before they have their name."""
        self.packs = folder / "packs"
        """Where those are that hold many small files each."""

    def put(self, data: bytes) -> str:
        """Store bytes; their SHA-256 in hex. They are on disk when this returns."""
        sha = self.put_unsettled(data)
        self.settle([sha])
        return sha

    def put_unsettled(self, data: bytes) -> str:
        """Store bytes of which a loss of power may take the name, until `settle`: it waits once for many of them."""
        sha = hashlib.sha256(data).hexdigest()
        if not self.has_alone(sha):
            with self._written() as (scratch, target):
                target.write(data)
                to_disk(target)
                self._name(scratch, self._path(sha))
        return sha

    def settle(self, shas: Iterable[str]) -> None:
        """Have the names of stored bytes on disk: before something that lasts names them."""
        for folder in {self._path(sha).parent for sha in shas}:
            folder_to_disk(folder)

    def put_file(self, path: Path) -> str:
        """Store a file's bytes without holding them in memory; their SHA-256 in hex."""
        with path.open("rb") as source:
            return self.put_stream(source)[0]

    def put_stream(self, source: IO[bytes], *, begun: bytes = b"") -> tuple[str, int]:
        """Store what can be read from here on, after what was read before; its SHA-256 in hex and its size."""
        return self._store(chain([begun], iter(lambda: source.read(CHUNK_BYTES), b"")))

    def put_many(self, files: Iterable[tuple[str, bytes]]) -> tuple[str, list[int]]:
        """Store small files, each with its SHA-256, as one pack: its name, and where in it each begins."""
        with self._written() as (scratch, target):
            name, offsets = write(files, target)
            to_disk(target)
            self._name(scratch, self._pack(name))
            folder_to_disk(self.packs)
        return name, offsets

    def get(self, sha: str) -> bytes:
        """The bytes. Raises UnknownName where there are none, LakeError where the disk has changed them."""
        return self.read(sha, self.place(sha))

    def read(self, sha: str, place: Place) -> bytes:
        """The bytes at a place. Raises LakeError where they are not those of this name."""
        data = place.read()
        if hashlib.sha256(data).hexdigest() != sha:
            raise LakeError(f"stored bytes {sha[:12]} are not what was stored", mend="Restore them from a backup.")
        return data

    def has(self, sha: str) -> bool:
        """Whether these bytes are stored."""
        return self.has_alone(sha) or self._packed(sha) is not None

    def place(self, sha: str) -> Place:
        """Where the bytes lie, to be read only. Raises UnknownName where there are none."""
        path = self._path(sha)
        found = Place(path) if path.exists() else self._packed(sha)
        if found is None:
            raise UnknownName(
                f"no stored bytes are called {sha[:12]}", mend="They may have been erased, or belong to another lake."
            )
        return found

    def place_in(self, pack: str, offset: int, size_bytes: int) -> Place:
        """Where bytes lie of which this is known. Raises UnknownName where there is no such pack."""
        if not self.holds_pack(pack):
            raise UnknownName(f"no pack of stored bytes is called {pack[:12]}", mend="Restore it from a backup.")
        return Place(self._pack(pack), offset, size_bytes)

    def holds_pack(self, name: str) -> bool:
        """Whether there is a pack of that name."""
        return self._pack(name).exists()

    def has_alone(self, sha: str) -> bool:
        """Whether these bytes are stored in a file of their own."""
        return self._path(sha).exists()

    def path(self, sha: str) -> Path:
        """The file that holds these bytes and no others, to be read only. Raises UnknownName where there is none."""
        place = self.place(sha)
        if place.size_bytes is None:
            return place.path
        raise UnknownName(f"stored bytes {sha[:12]} have no file of their own", mend="Read them with get().")

    def _packed(self, sha: str) -> Place | None:
        packs = self.packs.iterdir() if self.packs.is_dir() else ()
        return next((found for pack in packs if (found := find(pack, sha))), None)

    def _pack(self, name: str) -> Path:
        return self.packs / f"{name}{ENDING}"

    def _path(self, sha: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha):
            raise UnknownName(f"'{sha[:80]}' is not the name of stored bytes")
        return self.folder / sha[:2] / sha

    def _store(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        digest, size_bytes = hashlib.sha256(), 0
        with self._written() as (scratch, target):
            for chunk in chunks:
                digest.update(chunk)
                target.write(chunk)
                size_bytes += len(chunk)
            to_disk(target)
            sha = digest.hexdigest()
            self._name(scratch, self._path(sha))
        self.settle([sha])
        return sha, size_bytes

    def _name(self, scratch: Path, path: Path) -> None:
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            folder_to_disk(self.folder)
        scratch.replace(path)

    @contextmanager
    def _written(self) -> Iterator[tuple[Path, IO[bytes]]]:
        """A scratch file, and its path to be renamed; after an error it is gone."""
        if not self.arriving.exists():
            self.arriving.mkdir(parents=True, exist_ok=True)
            folder_to_disk(self.folder.parent)
        scratch = self.arriving / uuid.uuid4().hex
        try:
            with scratch.open("wb") as target:
                yield scratch, target
        except BaseException as error:
            scratch.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                mend = "Free some space and run again."
                raise LakeError("the lake's disk is full; nothing was changed", mend=mend) from error
            raise

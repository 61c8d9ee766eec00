"""Bytes kept by what they are: raw input as it came, and files that builds made. The name of a blob is its SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

from pumphouse.errors import LakeError, UnknownName

CHUNK_BYTES = 1024 * 1024


class Blobs:
    """A folder of blobs. Storing the same bytes twice keeps them once; nothing is ever changed or half written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arriving = folder / "arriving"
        """Where bytes are written before they have their name."""

    def put(self, data: bytes) -> str:
        """Store bytes; their SHA-256 in hex. They are on disk when this returns."""
        sha = hashlib.sha256(data).hexdigest()
        return sha if self.has(sha) else self._store([data])

    def put_file(self, path: Path) -> str:
        """Store a file's bytes without holding them in memory; their SHA-256 in hex."""
        with path.open("rb") as source:
            return self._store(iter(lambda: source.read(CHUNK_BYTES), b""))

    def get(self, sha: str) -> bytes:
        """The bytes. Raises UnknownName where there are none, LakeError where the disk has changed them."""
        data = self.path(sha).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha:
            raise LakeError(f"stored bytes {sha[:12]} are not what was stored", mend="Restore them from a backup.")
        return data

    def has(self, sha: str) -> bool:
        """Whether these bytes are stored."""
        return self._path(sha).exists()

    def path(self, sha: str) -> Path:
        """The file that holds the bytes, to be read only. Raises UnknownName where there is none."""
        path = self._path(sha)
        if not path.exists():
            raise UnknownName(
                f"no stored bytes are called {sha[:12]}", mend="They may have been erased, or belong to another lake."
            )
        return path

    def _path(self, sha: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha):
            raise UnknownName(f"'{sha[:80]}' is not the name of stored bytes")
        return self.folder / sha[:2] / sha

    def _store(self, chunks: Iterable[bytes]) -> str:
        scratch = self._scratch()
        digest = hashlib.sha256()
        try:
            with scratch.open("wb") as target:
                for chunk in chunks:
                    digest.update(chunk)
                    target.write(chunk)
                _to_disk(target.fileno())
        except BaseException as error:
            scratch.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                mend = "Free some space and run again."
                raise LakeError("the lake's disk is full; nothing was changed", mend=mend) from error
            raise
        sha = digest.hexdigest()
        self._keep(scratch, sha)
        return sha

    def _scratch(self) -> Path:
        self.arriving.mkdir(parents=True, exist_ok=True)
        return self.arriving / uuid.uuid4().hex

    def _keep(self, scratch: Path, sha: str) -> None:
        path = self._path(sha)
        path.parent.mkdir(exist_ok=True)
        scratch.replace(path)


def _to_disk(descriptor: int) -> None:
    os.fsync(descriptor)

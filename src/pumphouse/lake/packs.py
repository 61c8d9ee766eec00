"""Many small files kept in one: a pack. Its end says where each lies, so that any is found by its SHA-256 alone.

    bytes of the first file, of the second, .. | index: (SHA-256, offset, size) of each, sorted | their number | MAGIC

Writing a file of its own for each, and waiting for the disk, takes a hundred times as long for ten thousand of them. A
pack is written to a scratch file, waited for once, and then given its name, the SHA-256 of its index: killed before,
there is none.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

from pumphouse.errors import LakeError

MAGIC = b"pumphouse pack 1"
ENDING = ".pack"
_SHA_BYTES = 32
_ENTRY = struct.Struct(">32sQQ")
_COUNT = struct.Struct(">Q")


class Place(NamedTuple):
    """Where bytes lie: all of a file, or a piece of a pack."""

    path: Path
    offset: int = 0
    size_bytes: int | None = None
    """None is all of the file."""

    def read(self) -> bytes:
        """The bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(-1 if self.size_bytes is None else self.size_bytes)


def write(files: Iterable[tuple[str, bytes]], target: IO[bytes]) -> tuple[str, list[int]]:
    """Write a pack of files, each with its SHA-256: the pack's name, and where in it each begins. Twice the same bytes
    are written once.
    """
    entries: dict[bytes, tuple[int, int]] = {}
    offsets, end = [], 0
    for sha, data in files:
        name = bytes.fromhex(sha)
        if name not in entries:
            entries[name] = (end, len(data))
            target.write(data)
            end += len(data)
        offsets.append(entries[name][0])
    index = b"".join(_ENTRY.pack(name, *place) for name, place in sorted(entries.items()))
    target.write(index + _COUNT.pack(len(entries)) + MAGIC)
    return hashlib.sha256(index).hexdigest(), offsets


def find(pack: Path, sha: str) -> Place | None:
    """Where these bytes lie in a finished pack, or None. Raises LakeError where it is damaged."""
    wanted = bytes.fromhex(sha)
    with pack.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        end = len(held) - len(MAGIC) - _COUNT.size
        count = _COUNT.unpack_from(held, end)[0] if end >= 0 and held[-len(MAGIC) :] == MAGIC else -1
        start = end - count * _ENTRY.size
        if count < 0 or start < 0:
            raise LakeError(f"{pack.name} is no whole pack of stored bytes", mend="Restore it from a backup.")
        places = range(start, end, _ENTRY.size)
        at = bisect_left(places, wanted, key=lambda place: held[place : place + _SHA_BYTES])
        if at == count:
            return None
        found, offset, size_bytes = _ENTRY.unpack_from(held, places[at])
        return Place(pack, offset, size_bytes) if found == wanted else None

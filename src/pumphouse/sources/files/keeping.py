"""Files' bytes on their way into the lake: stored before they are read, those of many small files together in packs.

What is the same as at the last visit is not copied again. A file that is written to while it is copied is what was
copied: that has its own SHA-256, and the next look sees another size or time.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, cast

from pumphouse.lake.blobs import Blobs
from pumphouse.sources.fetch import Exchange
from pumphouse.sources.files.listing import Found

MODIFIED = "modified-ns"
TIME_GRAIN_NS = 20_000_000
"""Two changes that are nearer to each other may leave one time behind: a file that changed just now is read again."""
SMALL_BYTES_MAX = 256 * 1024
"""A file above it is kept by itself."""
PACK_BYTES_MAX = 16 * 1024 * 1024
PACK_FILES_MIN = 4
"""Fewer small files than that are kept by themselves as well."""

Opening = Callable[[Sequence[Found]], Iterator[IO[bytes]]]
"""Opens one file after the other, in their order."""


def kept(
    found: Sequence[Found],
    blobs: Blobs,
    *,
    known: Mapping[str, Exchange],
    opening: Opening,
    grain_ns: int = TIME_GRAIN_NS,
) -> list[Exchange]:
    """An exchange for each file, in their order; its bytes are on disk when this returns.

    `known` are the files of the last visit by name, each with when it came. Raises OSError where one can't be read.
    """
    came = {before.sha: before for before in _held(known.values(), blobs)}

    def unchanged(one: Found) -> Exchange | None:
        before = known.get(one.name)
        return before if before and before.sha in came and looks_same(one, before) else None

    exchanges = [unchanged(one) for one in found]
    numbers = [number for number, before in enumerate(exchanges) if before is None]
    packing = _Packing(blobs)
    began_ns = time.time_ns()
    for number, source in zip(numbers, opening([found[number] for number in numbers]), strict=True):
        one = found[number]
        with source:
            data = source.read(SMALL_BYTES_MAX + 1)
            is_small = len(data) <= SMALL_BYTES_MAX
            sha, size_bytes = (
                (hashlib.sha256(data).hexdigest(), len(data)) if is_small else blobs.put_stream(source, begun=data)
            )
        is_fresh = began_ns - one.modified_ns < grain_ns
        older = came.get(sha)
        exchanges[number] = Exchange(
            method="FILE",
            address=one.name,
            sha=sha,
            size_bytes=size_bytes,
            headers={} if is_fresh else {MODIFIED: str(one.modified_ns)},
            pack=older.pack if older else "",
            offset=older.offset if older else 0,
            at=older.at if older else None,
        )
        if is_small and older is None:
            packing.add(number, sha, data)
    packing.close()
    whole = cast("list[Exchange]", exchanges)
    for number, (pack, offset) in packing.places.items():
        whole[number] = replace(whole[number], pack=pack, offset=offset)
    return whole


def _held(known: Iterable[Exchange], blobs: Blobs) -> Iterator[Exchange]:
    """Those of which the bytes are stored still."""
    packs: dict[str, bool] = {}
    for before in known:
        if before.pack and before.pack not in packs:
            packs[before.pack] = blobs.holds_pack(before.pack)
        if packs[before.pack] if before.pack else blobs.has_alone(before.sha):
            yield before


def looks_same(one: Found, exchange: Exchange) -> bool:
    """Whether a file has the size and the time that it had when it was copied."""
    return (one.size_bytes, str(one.modified_ns)) == (exchange.size_bytes, exchange.headers.get(MODIFIED))


class _Packing:
    """Small files that wait until they are enough for a pack."""

    def __init__(self, blobs: Blobs) -> None:
        self.places: dict[int, tuple[str, int]] = {}
        """The pack of each file by its number, and where it begins there."""
        self._blobs = blobs
        self._waiting: list[tuple[int, str, bytes]] = []
        self._size_bytes = 0

    def add(self, number: int, sha: str, data: bytes) -> None:
        """Take a file's bytes."""
        self._waiting.append((number, sha, data))
        self._size_bytes += len(data)
        if self._size_bytes > PACK_BYTES_MAX:
            self.close()

    def close(self) -> None:
        """Store what waits."""
        if len(self._waiting) < PACK_FILES_MIN:
            for _, _, data in self._waiting:
                self._blobs.put(data)
        else:
            pack, offsets = self._blobs.put_many((sha, data) for _, sha, data in self._waiting)
            for (number, _, _), offset in zip(self._waiting, offsets, strict=True):
                self.places[number] = (pack, offset)
        self._waiting, self._size_bytes = [], 0

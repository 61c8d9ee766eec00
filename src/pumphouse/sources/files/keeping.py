"""Files' bytes on their way into the lake: stored before they are read, those of many small files together in packs.

What is the same as at the last visit is not copied again. A file that is written to while it is copied is what was
copied: that has its own SHA-256, and the next look sees another size or time.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import IO

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

Opening = Callable[[Found], IO[bytes]]


def kept(found: Iterable[Found], blobs: Blobs, *, known: Mapping[str, Exchange], opening: Opening) -> list[Exchange]:
    """An exchange for each file, in their order; its bytes are on disk when this returns.

    `known` are the files of the last visit by name, each with when it came. Raises OSError where one can't be read.
    """
    exchanges: list[Exchange] = []
    packing = _Packing(blobs, exchanges)
    packs = {pack for pack in {before.pack for before in known.values()} if pack and blobs.holds_pack(pack)}
    came = {
        before.sha: before
        for before in known.values()
        if (before.pack in packs if before.pack else blobs.has_alone(before.sha))
    }
    for one in found:
        before = known.get(one.name)
        if before and before.sha in came and looks_same(one, before):
            exchanges.append(before)
            continue
        moment_ns = time.time_ns()
        with opening(one) as source:
            data = source.read(SMALL_BYTES_MAX + 1)
            exchange = Exchange(
                method="FILE",
                address=one.name,
                sha=hashlib.sha256(data).hexdigest(),
                size_bytes=len(data),
                headers={} if moment_ns - one.modified_ns < TIME_GRAIN_NS else {MODIFIED: str(one.modified_ns)},
            )
            if len(data) > SMALL_BYTES_MAX:
                sha, size_bytes = blobs.put_stream(source, begun=data)
                exchange = replace(exchange, sha=sha, size_bytes=size_bytes)
        if older := came.get(exchange.sha):
            exchange = replace(exchange, pack=older.pack, offset=older.offset, at=older.at)
        elif len(data) <= SMALL_BYTES_MAX:
            packing.add(len(exchanges), exchange.sha, data)
        exchanges.append(exchange)
    packing.close()
    return exchanges


def looks_same(one: Found, exchange: Exchange) -> bool:
    """Whether a file has the size and the time that it had when it was copied."""
    return (one.size_bytes, str(one.modified_ns)) == (exchange.size_bytes, exchange.headers.get(MODIFIED))


class _Packing:
    """Small files that wait until they are enough for a pack."""

    def __init__(self, blobs: Blobs, exchanges: list[Exchange]) -> None:
        self._blobs = blobs
        self._exchanges = exchanges
        self._waiting: list[tuple[int, str, bytes]] = []
        self._size_bytes = 0

    def add(self, number: int, sha: str, data: bytes) -> None:
        """Take the bytes of the exchange of this number."""
        self._waiting.append((number, sha, data))
        self._size_bytes += len(data)
        if self._size_bytes > PACK_BYTES_MAX:
            self.close()

    def close(self) -> None:
        """Store what waits, and say in the exchanges where it lies."""
        if len(self._waiting) < PACK_FILES_MIN:
            for _, _, data in self._waiting:
                self._blobs.put(data)
        else:
            pack, offsets = self._blobs.put_many((sha, data) for _, sha, data in self._waiting)
            for (number, _, _), offset in zip(self._waiting, offsets, strict=True):
                self._exchanges[number] = replace(self._exchanges[number], pack=pack, offset=offset)
        self._waiting, self._size_bytes = [], 0

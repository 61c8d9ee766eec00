"""What a visit that did not end had been answered: the next one goes on from there, and asks for nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

import msgspec

from pumphouse.lake.blobs import Blobs
from pumphouse.sources.fetch import Exchange

RESUMED_WITHIN = timedelta(hours=24)
"""A visit that was broken off longer ago begins anew: its answers are old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    at: datetime
    of: str
    """What makes it the same visit: the site, or what is asked of an API."""


class Journal:
    """The exchanges of a visit on its way, in a file that it takes away at its end. `read` is what was answered before.

    A line that was cut off by a crash is no line, nor is one whose bytes are not there.
    """

    def __init__(self, path: Path, *, of: str, now: datetime, blobs: Blobs) -> None:
        self._path = path
        self.read: Mapping[str, Exchange] = _read(path, of=of, now=now, blobs=blobs)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.read:
            path.write_bytes(msgspec.json.encode(_Begun(at=now, of=of)) + b"\n")
        self._file = path.open("ab")
        if self.read:
            self._file.write(b"\n")  # the last line may be cut off

    def keep(self, exchange: Exchange) -> None:
        """Note what was answered."""
        self._file.write(msgspec.json.encode(exchange) + b"\n")
        self._file.flush()

    def forget(self) -> None:
        """The visit has ended, and is committed."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _read(path: Path, *, of: str, now: datetime, blobs: Blobs) -> dict[str, Exchange]:
    try:
        first, *lines = path.read_bytes().split(b"\n")
        begun = msgspec.json.decode(first, type=_Begun)
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    if begun.of != of or not timedelta() <= now - begun.at <= RESUMED_WITHIN:
        return {}
    found = {}
    for line in lines:
        try:
            exchange = msgspec.json.decode(line, type=Exchange)
        except msgspec.DecodeError:
            continue
        if blobs.has(exchange.sha):
            found[exchange.address] = exchange
    return found

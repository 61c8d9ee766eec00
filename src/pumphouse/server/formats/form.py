"""What a format of rows is: a name, a media type, and how it is written piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from pumphouse.server.access.desk import Result, Statement

Run = Callable[[Statement], Result]
"""Runs a statement, so that whoever goes away ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What of a format can be chosen."""

    compression: str | None = None
    """Of Arrow's buffers: "lz4" or "zstd"."""
    exact: bool = False
    """Whether CSV has each text as it is, also where a spreadsheet would run it."""
    mark: bool = False
    """Whether CSV begins with the mark by which Excel knows UTF-8."""

    def chosen(self) -> list[str]:
        """What of it is not as usual, in a word each."""
        return [*filter(None, [self.compression]), *["exact"] * self.exact, *["mark"] * self.mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write rows."""

    name: str
    """The ending of its addresses: "csv"."""
    media: str
    aliases: tuple[str, ...] = ()
    """Other media types that it is asked for by."""
    parts: Callable[[Statement, Run, Options], Generator[bytes]]
    is_text: bool = False
    """Whether it is worth being compressed on the way."""


class Pipe:
    """A file that is written to at one end, and taken out of at the other."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._place = 0

    def write(self, data: bytes) -> int:
        """Take bytes in."""
        self._parts.append(bytes(data))
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        """How many bytes were written, taken out ones too."""
        return self._place

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """What was written can still be taken."""

    def taken(self) -> bytes:
        """What was written since it was asked last."""
        data = b"".join(self._parts)
        self._parts = []
        return data

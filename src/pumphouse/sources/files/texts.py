"""Stored files as text: decoded strictly, with the byte named where that fails."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pumphouse.errors import ConfigError, SourceError

CHUNK_BYTES = 1024 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it was gathered: its name, and its bytes in the lake's blobs."""

    asset: str
    name: str
    sha: str
    path: Path
    part: str = ""
    """Which part of the stored bytes this is: a file in a zip, a sheet of a workbook."""

    @property
    def raw(self) -> str:
        """What rows of it say they came from."""
        return f"{self.sha}/{self.part}" if self.part else self.sha

    def row_id(self, number: int) -> str:
        """What names a row, or a line, that is withheld."""
        return f"{self.sha[:12]}/{self.part}:{number}" if self.part else f"{self.sha[:12]}:{number}"

    def error(self, what: str, *, mend: str | None = None) -> SourceError:
        """An error about this file."""
        return SourceError(f"{self.name}: {what}", asset=self.asset, mend=mend)


class Told:
    """What was found in files that nobody declared, with the files in which it was, and what declares it."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], list[str]] = {}

    def add(self, name: str, what: str, *, says: str = "") -> None:
        """Note what was found in a file; `says` is the declaration that says so."""
        self._files.setdefault((what, says), []).append(name)

    def repeat(self, name: str, others: Told) -> None:
        """Note of a file what was found in others."""
        for what, says in others._files:
            self.add(name, what, says=says)

    def lines(self, *, of: int) -> list[str]:
        """What is to be told, a line for what is the same in many files.

        A declaration holds for all files of a source: it is proposed where it is right for each `of` them.
        """
        fits = Counter(says for (_, says), names in self._files.items() for _ in names)
        return [
            (names[0] if len(names) == 1 else f"{len(names):,} files, the first is {names[0]}")
            + f": {what}{f'; {says} says so for good' if says and fits[says] >= of else ''}"
            for (what, says), names in self._files.items()
        ]


@contextmanager
def opened(file: StoredFile, *, encoding: str | None = None) -> Iterator[io.TextIOWrapper]:
    """The file's text, line ends as they are. Reading raises SourceError where it is damaged or of another encoding.

    `encoding=None` is UTF-8 for a format that has no other.
    """
    try:
        known = codecs.lookup(encoding or "utf-8").name
    except LookupError:
        raise ConfigError(
            f"'{encoding}' is no encoding", asset=file.asset, mend='Names are like "utf-8", "cp1252", "utf-16".'
        ) from None
    try:
        # Text in UTF-8 may begin with a mark that says so, which is no text.
        codec = "utf-8-sig" if known == "utf-8" else known
        with (
            file.path.open("rb") as stream,
            io.TextIOWrapper(stream, encoding=codec, errors="strict", newline="") as text,
        ):
            yield text
    except UnicodeDecodeError:
        raise _not_in(file, known, has_other=encoding is not None) from None


def _likely(start: bytes) -> str:
    """What a text that is not UTF-8 is in most often, by its first two bytes."""
    return "utf-16" if start in _UTF16 else "cp1252"


def _not_in(file: StoredFile, encoding: str, *, has_other: bool) -> SourceError:
    """The error that names the first byte that is not of the encoding, and the line it stands in."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset, line = 0, 1
    with file.path.open("rb") as stream:
        start = stream.read(2)
        stream.seek(0)
        while True:
            chunk = stream.read(CHUNK_BYTES)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                byte = offset - (len(error.object) - len(chunk)) + error.start
                value = error.object[error.start]
                said = f'Say which encoding it is: format=ph.csv(encoding="{_likely(start)}"), or save'
                say = said if has_other else "Save"
                return file.error(
                    f"it is not {encoding}: byte {byte:,} (0x{value:02x}), in line {line:,}", mend=f"{say} it as UTF-8."
                )
            offset += len(chunk)
            assert chunk  # strict decoding failed before, so it fails again

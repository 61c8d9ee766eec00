"""Stored files as text: unpacked where they are gzip, decoded strictly, with the byte named where that fails."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pumphouse.errors import ConfigError, SourceError

CHUNK_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it was gathered: its name, and its bytes in the lake's blobs."""

    asset: str
    name: str
    sha: str
    path: Path

    def error(self, what: str, *, mend: str | None = None) -> SourceError:
        """An error about this file."""
        return SourceError(f"{self.name}: {what}", asset=self.asset, mend=mend)


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
        with _bytes_of(file) as stream, io.TextIOWrapper(stream, encoding=codec, errors="strict", newline="") as text:
            yield text
    except UnicodeDecodeError:
        raise _not_in(file, known, has_other=encoding is not None) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise file.error(f"its gzip is damaged or cut off ({error})", mend="Fetch the file again.") from None


def likely_encoding(file: StoredFile) -> str | None:
    """The encoding that all of a text reads in where it is not UTF-8; None where it is, or where nothing else fits."""
    with _bytes_of(file) as stream:
        likely = _likely(stream.read(2))
    for encoding in ("utf-8", likely):
        try:
            with opened(file, encoding=encoding) as text:
                while text.read(CHUNK_BYTES):
                    pass
        except SourceError:
            continue
        return None if encoding == "utf-8" else encoding
    return None


def _likely(start: bytes) -> str:
    """What a text that is not UTF-8 is in most often, by its first two bytes."""
    return "utf-16" if start in _UTF16 else "cp1252"


@contextmanager
def _bytes_of(file: StoredFile) -> Iterator[IO[bytes]]:
    with file.path.open("rb") as packed:
        is_gzip = packed.read(len(_GZIP)) == _GZIP
        packed.seek(0)
        if not is_gzip:
            yield packed
            return
        with gzip.open(packed) as unpacked:
            yield unpacked  # type: ignore[misc]  # a GzipFile reads as any file of bytes does


def _not_in(file: StoredFile, encoding: str, *, has_other: bool) -> SourceError:
    """The error that names the first byte that is not of the encoding, and the line it stands in."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset, line = 0, 1
    with _bytes_of(file) as stream:
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

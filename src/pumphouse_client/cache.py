"""Answers that were had before, kept in a person's own folder.

An answer is used again only where the server, asked each time, says that it is still what it would send: whoever may
not see it any more, or asks after a change, does not get it from here. Files are written beside and renamed, so several
processes can share the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse_client.errors import ClientError

BYTES_MAX = 2 * 1024**3
UNFINISHED_S = 24 * 3600.0
"""What a process that was killed left behind is removed after this long."""
ENDING = ".arrow"
TAG = b"pumphouse.etag"


def cache_folder(environment: Mapping[str, str], *, home: Path) -> Path:
    """Where answers are kept unless another place is named."""
    if sys.platform == "win32":
        folder = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Caches"
    else:
        folder = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return folder / "pumphouse" / "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An answer: the server's tag for it, the snapshot that it is of, its columns, and where it is kept."""

    tag: str
    snapshot: int
    schema: pa.Schema
    path: Path | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows. Raises ClientError where the file is damaged; then it is gone."""
        assert self.path is not None
        try:
            with pa.memory_map(str(self.path)) as file, pa.ipc.open_file(file) as reader:
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number)
        except (OSError, pa.ArrowInvalid) as error:
            self.path.unlink(missing_ok=True)
            raise ClientError(f"a kept answer can't be read: {error}", mend="Ask again.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A folder with answers. Beyond `bytes_max` those go that were not used for the longest time."""

    folder: Path
    bytes_max: int = BYTES_MAX

    def of(self, url: str, token: str) -> Shelf:
        """The answers of one server to whoever has this token."""
        return Shelf(cache=self, folder=self.folder / _hashed(url, token)[:16])

    def make_room(self) -> None:
        """Remove what was used least recently until all fits, and what was never finished."""
        found = []
        for path in self.folder.glob("*/*"):
            with suppress(OSError):  # another process removed it
                about = path.stat()
                if path.suffix == ENDING:
                    found.append((about.st_mtime_ns, about.st_size, path))
                elif time.time() - about.st_mtime > UNFINISHED_S:
                    path.unlink()
        size = sum(one[1] for one in found)
        for _, size_bytes, path in sorted(found):
            if size <= self.bytes_max:
                break
            with suppress(OSError):  # on Windows somebody reads it
                path.unlink()
                size -= size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What one server answered to one person."""

    cache: Cache
    folder: Path

    def find(self, text: str, values: Mapping[str, Any], *, snapshot: int | None) -> Entry | None:
        """The answer that is kept of a query at a snapshot; of the newest that is kept without one."""
        name = _name(text, values)
        kept = [self.folder / f"{name}.{snapshot}{ENDING}"]
        if snapshot is None:
            kept = sorted(self.folder.glob(f"{name}.*{ENDING}"), key=_snapshot_of, reverse=True)
        for path in kept:
            try:
                with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
                    entry = Entry(
                        tag=reader.metadata[TAG].decode(), snapshot=_snapshot_of(path), schema=reader.schema, path=path
                    )
                os.utime(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError):  # cut off by a loss of power
                with suppress(OSError):
                    path.unlink()
                continue
            return entry
        return None

    def keeping(
        self, text: str, values: Mapping[str, Any], entry: Entry, batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """The batches, and once all were taken they are kept. What can't be written is not kept."""
        path = self.folder / f"{_name(text, values)}.{entry.snapshot}{ENDING}"
        aside = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
        writer = self._writer(aside, entry)
        try:
            for batch in batches:
                if writer is not None:
                    try:
                        writer.write_batch(batch)
                        too_large = aside.stat().st_size > self.cache.bytes_max
                    except (OSError, pa.ArrowException):
                        too_large = True
                    if too_large:
                        _drop(writer, aside)
                        writer = None
                yield batch
            if writer is not None:
                with suppress(OSError, pa.ArrowException):
                    writer.close()
                    aside.replace(path)
                    self.cache.make_room()
                writer = None
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()
            if writer is not None:
                _drop(writer, aside)

    def forget(self, entry: Entry) -> None:
        """Remove an answer that may not be had any more."""
        if entry.path is not None:
            with suppress(OSError):
                entry.path.unlink()

    def _writer(self, path: Path, entry: Entry) -> _Writer | None:
        try:
            for folder in (self.cache.folder, self.folder):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            return _Writer(file, entry)
        except OSError:
            return None


class _Writer:
    """A file of Arrow batches whose end names the tag."""

    def __init__(self, file: int, entry: Entry) -> None:
        self._file = os.fdopen(file, "wb")
        how = pa.ipc.IpcWriteOptions(compression="zstd")
        self._batches = pa.ipc.new_file(self._file, entry.schema, options=how, metadata={TAG: entry.tag.encode()})

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._batches.write_batch(batch)

    def close(self) -> None:
        try:
            self._batches.close()
        finally:
            self._file.close()


def _drop(writer: _Writer, path: Path) -> None:
    with suppress(OSError, pa.ArrowException):
        writer.close()
    with suppress(OSError):
        path.unlink()


def _name(text: str, values: Mapping[str, Any]) -> str:
    return _hashed(text, json.dumps(values, sort_keys=True))


def _hashed(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:48]


def _snapshot_of(path: Path) -> int:
    number = path.name.split(".")[1]
    return int(number) if number.isdigit() else -1

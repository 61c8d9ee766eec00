"""What was read from the project's files last time, so that a file that did not change is not parsed again.

One msgpack file, read whole and swapped in whole: a load needs nearly all of it. With 10,000 entries (12 MB) it is read
in 0.10 s, rows of SQLite in 0.13 s; so the simpler one, where broken, locked and read-only need no thought.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import msgspec

from pumphouse.graph.code import ModuleFacts, read_module
from pumphouse.graph.documents import PageDocument, SqlDocument, read_page, read_sql
from pumphouse.graph.folder import SourceFile
from pumphouse.graph.sql import QueryFacts, read_query

FORMAT = 2
"""Goes up when what is kept changes within one version of Pumphouse."""
_SETTLED_NS = 2_000_000_000
"""A file changed less than this before it was read may change once more within the same tick of its clock."""

Facts = TypeVar("Facts", ModuleFacts, SqlDocument, PageDocument)


class _Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a file looked when it was read, and the hash of what it held."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    settled: bool
    sha: str


class _Stored(msgspec.Struct, kw_only=True):
    made_by: str
    stamps: dict[str, _Stamp] = {}
    modules: dict[str, ModuleFacts] = {}
    sql: dict[str, SqlDocument] = {}
    pages: dict[str, PageDocument] = {}
    conditions: dict[str, QueryFacts] = {}


class Cache:
    """Facts by the hash of a file's bytes, and hashes by how the file looks from outside.

    A cache that can't be read counts as empty, and one that can't be written is not: a read-only folder loads as well.
    `read` and `parsed` count files of this load.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0
        self.parsed = 0
        made_by = f"{FORMAT} {_version('pumphouse')} {_version('sqlglot')} {sys.version_info[:2]}"
        self._old = _Stored(made_by=made_by)
        self._new = _Stored(made_by=made_by)
        self._changed = False
        with contextlib.suppress(OSError, msgspec.DecodeError):
            stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
            if stored.made_by == made_by:
                self._old = stored

    def module(self, file: SourceFile) -> ModuleFacts:
        """Facts of a Python file. Raises OSError and UnicodeDecodeError."""
        return self._facts(file, self._old.modules, self._new.modules, read_module)

    def sql(self, file: SourceFile) -> SqlDocument:
        """Facts of an SQL file. Raises OSError and UnicodeDecodeError."""
        return self._facts(file, self._old.sql, self._new.sql, read_sql)

    def page(self, file: SourceFile) -> PageDocument:
        """Facts of a Markdown file. Raises OSError and UnicodeDecodeError."""
        return self._facts(file, self._old.pages, self._new.pages, read_page)

    def condition(self, text: str) -> QueryFacts:
        """Facts of a condition in SQL that Python code holds."""
        return self.query(f"SELECT (\n{text}\n)")

    def query(self, text: str) -> QueryFacts:
        """Facts of a query that Python code holds."""
        key = hashlib.sha256(text.encode()).hexdigest()
        facts = self._old.conditions.get(key) or self._new.conditions.get(key)
        if facts is None:
            facts = read_query(text)
            self._changed = True
        self._new.conditions[key] = facts
        return facts

    def sha(self, path: str, full: str, status: os.stat_result) -> str:
        """Hash of a file's bytes. `path` is its name in the cache. Raises OSError."""
        stamp = self._old.stamps.get(path)
        if stamp is None or not _is_same(stamp, status):
            with Path(full).open("rb") as data:
                stamp = self._stamp(path, status, hashlib.file_digest(data, "sha256").hexdigest())
        self._new.stamps[path] = stamp
        return stamp.sha

    def save(self) -> None:
        """Writes what this load used, where it differs from what was stored."""
        same = all(
            len(getattr(self._old, part)) == len(getattr(self._new, part))
            for part in ("stamps", "modules", "sql", "pages", "conditions")
        )
        if same and not self._changed:
            return
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            if not self.path.parent.is_dir():
                self.path.parent.mkdir()
                (self.path.parent / ".gitignore").write_text("*\n")
            try:
                unfinished.write_bytes(msgspec.msgpack.encode(self._new))
                unfinished.replace(self.path)
            finally:
                unfinished.unlink(missing_ok=True)

    def _facts(
        self, file: SourceFile, old: dict[str, Facts], new: dict[str, Facts], read: Callable[[str], Facts]
    ) -> Facts:
        stamp = self._old.stamps.get(file.path)
        data = None
        if stamp is None or not _is_same(stamp, file.status):
            data = Path(file.full).read_bytes()
            stamp = self._stamp(file.path, file.status, hashlib.sha256(data).hexdigest())
        facts = old.get(stamp.sha) or new.get(stamp.sha)
        if facts is None:
            data = data if data is not None else Path(file.full).read_bytes()
            facts = read(data.decode("utf-8-sig").replace("\r\n", "\n"))
            self.parsed += 1
            self._changed = True
        self._new.stamps[file.path] = stamp
        new[stamp.sha] = facts
        return facts

    def _stamp(self, path: str, status: os.stat_result, sha: str) -> _Stamp:
        self.read += 1
        stamp = _Stamp(
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
            settled=time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS,
            sha=sha,
        )
        self._changed |= self._old.stamps.get(path) != stamp
        return stamp


def _is_same(stamp: _Stamp, status: os.stat_result) -> bool:
    return (
        stamp.settled
        and stamp.mtime_ns == status.st_mtime_ns
        and stamp.size == status.st_size
        and stamp.ctime_ns == status.st_ctime_ns
        and stamp.inode == status.st_ino
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a folder that was never installed
        return "?"

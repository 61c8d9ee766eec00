"""Files of the project that code, queries and specs name in their texts: their bytes decide content too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Set
from pathlib import Path

from pumphouse.graph.cache import Cache
from pumphouse.graph.python_scopes import may_name_file

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Of a larger file, only size and time of change count."""


class NamedFiles:
    """Finds which texts name files of the project, and hashes those."""

    def __init__(self, folder: str, *, cache: Cache, own: Set[str], ignore: Iterable[str] = ()) -> None:
        """`own` are the files that declare the assets themselves: what they hold is counted by its meaning."""
        self._folder = folder
        self._cache = cache
        self._own = own
        self._ignored = tuple(f"{name.strip('/')}/" for name in ignore)
        self._known: dict[tuple[str, str], tuple[str, str] | None] = {}

    def find(self, texts: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Hash by path of each file that a (folder of the module, text) names, from there or from the project."""
        found: dict[str, str] = {}
        for where, text in texts:
            for start in dict.fromkeys(("", where)):
                if (start, text) not in self._known:
                    self._known[start, text] = self._look(start, text)
                named = self._known[start, text]
                if named:
                    found[named[0]] = named[1]
        return dict(sorted(found.items()))

    def _look(self, start: str, text: str) -> tuple[str, str] | None:
        if not may_name_file(text) or text.startswith(("\\", "~")) or ":" in text:
            return None
        path = os.path.normpath(f"{start}/{text}" if start else text).replace(os.sep, "/")
        if text.startswith("/"):  # outside of the project, and its bytes decide content all the same
            path = os.path.normpath(text)
        if path in self._own or path.startswith((".pumphouse/", *self._ignored)):
            return None
        full = Path(self._folder, path)
        try:
            status = full.stat()
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > FILE_BYTES_MAX:
                return path, f"{status.st_size} {status.st_mtime_ns}"
            return path, self._cache.sha(path, str(full), status)
        except OSError:  # no such file, or one that may not be read: the build will say so
            return None

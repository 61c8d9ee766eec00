"""The files of a project's folder that may declare something: `.py`, `.sql`, `.md`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pumphouse.errors import Fault, Place

CONFIG_FILE = "pumphouse.toml"
"""A folder with this file is a project; one inside another is not part of the outer one."""
CLIENT_FILE = ".pumphouse-client"
"""A folder with this file is a package that was made of the project, and no part of it."""
SUFFIXES = (".py", ".sql", ".md")
DEPTH_MAX = 16
"""How many folders deep a project may be."""
FILES_MAX = 200_000
"""How many files a project may have: a folder named by mistake (a home, a disk) ends in an error, not in hours."""

_NEVER = frozenset({"__pycache__", "tests", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as found: `path` is relative to the project's folder, with slashes."""

    path: str
    full: str
    status: os.stat_result

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return self.path.rpartition("/")[2].rpartition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a walk came to, each sorted by path."""

    python: tuple[SourceFile, ...]
    sql: tuple[SourceFile, ...]
    pages: tuple[SourceFile, ...]
    faults: tuple[Fault, ...]


def walk(folder: Path, *, ignore: Collection[str] = ()) -> Found:
    """The project's source files.

    Skips tests, folders that start with a dot, environments, client packages, and those in `ignore`.

    `ignore` holds folders relative to the project's. Links to folders are not followed.
    """
    files: list[SourceFile] = []
    faults: list[Fault] = []
    skipped = {name.strip("/") for name in ignore}
    waiting = [("", str(folder), 0)]
    while waiting:
        prefix, full, depth = waiting.pop()
        try:
            with os.scandir(full) as entries:
                found = list(entries)
        except OSError as error:
            faults.append(_unreadable(prefix or ".", error))
            continue
        if prefix and any(entry.name in (CONFIG_FILE, CLIENT_FILE, "pyvenv.cfg") for entry in found):
            continue
        for entry in found:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name.startswith(".") or entry.name in _NEVER or path in skipped:
                    continue
                if depth == DEPTH_MAX:
                    faults.append(
                        Fault(
                            what=f"folders are nested more than {DEPTH_MAX} deep",
                            place=Place(file=path),
                            mend="Move it up, or name it in `ignore`.",
                        )
                    )
                    continue
                waiting.append((f"{path}/", entry.path, depth + 1))
            elif entry.name.endswith(SUFFIXES) and not entry.name.startswith(".") and not _is_test(entry.name):
                try:
                    files.append(SourceFile(path, entry.path, entry.stat()))
                except OSError as error:
                    faults.append(_unreadable(path, error))
        if len(files) > FILES_MAX:
            faults.append(
                Fault(
                    what=f"the folder holds more than {FILES_MAX:,} source files",
                    place=Place(file=prefix or "."),
                    mend="Is it the project's folder? Data and other projects belong outside of it.",
                )
            )
            break
    files.sort(key=lambda file: file.path)
    return Found(
        python=tuple(file for file in files if file.path.endswith(".py")),
        sql=tuple(file for file in files if file.path.endswith(".sql")),
        pages=tuple(file for file in files if file.path.endswith(".md")),
        faults=tuple(faults),
    )


def _is_test(name: str) -> bool:
    return name == "conftest.py" or (name.startswith("test_") and name.endswith(".py"))


def _unreadable(path: str, error: OSError) -> Fault:
    return Fault(
        what=f"can't be read: {error.strerror or error}",
        place=Place(file=path.rstrip("/")),
        mend="Give the user who runs Pumphouse permission to read it.",
    )

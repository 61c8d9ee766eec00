"""Which files of the project's folder match a pattern, with their sizes and times: one look at each folder.

`*`, `?` and `[..]` stand for what they stand for in a shell, hidden files included; `**` for any number of folders. A
link to a folder is followed where the pattern names its place, and not below `**`, where it may lead around in circles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from errno import ELOOP
from fnmatch import fnmatchcase, translate
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import IO, NamedTuple

from pumphouse.declare.asset import Asset
from pumphouse.errors import ConfigError, SourceError

FILES_MAX = 100_000
FOLDERS_MAX = 100_000
NAMES_SHOWN_MAX = 5
ANY_FOLDERS = "**"
_MAGIC = re.compile(r"[*?[]")


class Found(NamedTuple):
    """A file that matches, as it looks from outside."""

    name: str
    """Below the project's folder, with forward slashes; or its address."""
    size_bytes: int
    modified_ns: int


def matching(asset: Asset, folder: Path) -> list[Found]:
    """The files that match, by name. Raises SourceError where there are none, or more than FILES_MAX."""
    pattern = asset.spec.pattern
    if not pattern or Path(pattern).is_absolute():
        raise ConfigError(
            f"'{pattern}' is no pattern of files",
            asset=asset.name,
            place=asset.place,
            mend="Give it relative to the project's folder.",
        )
    found: dict[str, Found] = {}
    try:
        for one in _below(_Walk(asset, folder), "", parts_of(pattern)):
            found[one.name] = one
            if len(found) > FILES_MAX:
                raise too_many(asset)
    except OSError as error:
        where = os.fsdecode(error.filename or "")
        raise SourceError(
            f"{where.removeprefix(f'{folder}/')} can't be read: {error.strerror}",
            asset=asset.name,
            mend="Is it there, and yours to read?",
        ) from None
    if not found:
        raise SourceError(
            f"no file matches '{pattern}' in {folder}",
            asset=asset.name,
            place=asset.place,
            mend=_nearest(pattern, folder),
        )
    return sorted(found.values())


def opened(wanted: Iterable[Found], folder: Path) -> Iterator[IO[bytes]]:
    """The bytes of files, each to be closed before the next is asked for."""
    return ((folder / one.name).open("rb") for one in wanted)


def too_many(asset: Asset) -> SourceError:
    """The error for a pattern that matches more than FILES_MAX."""
    return SourceError(
        f"more than {FILES_MAX:,} files match '{asset.spec.pattern}'",
        asset=asset.name,
        place=asset.place,
        mend="Split them among several tables, or keep what is old in fewer and larger files.",
    )


def parts_of(pattern: str) -> list[str]:
    """The names and patterns between the slashes, one `**` for several in a row; what ends with it means all files."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    kept = [part for at, part in enumerate(parts) if part != ANY_FOLDERS or parts[at - 1 : at] != [ANY_FOLDERS]]
    return [*kept, "*"] if kept and kept[-1] == ANY_FOLDERS else kept


def has_magic(part: str) -> bool:
    """Whether it stands for more than itself."""
    return _MAGIC.search(part) is not None


def fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a path, cut at its slashes, is one of those that the pattern stands for."""
    if not parts or not names:
        return not parts and not names
    if parts[0] == ANY_FOLDERS:
        return any(fits(names[at:], parts[1:]) for at in range(len(names)))
    return fnmatchcase(names[0], parts[0]) and fits(names[1:], parts[1:])


class _Walk:
    """One search, which looks into a bounded number of folders."""

    def __init__(self, asset: Asset, folder: Path) -> None:
        self.asset = asset
        self.folder = folder
        self.looked = 0

    def entries(self, below: str) -> Iterator[os.DirEntry[str]]:
        self.looked += 1
        if self.looked > FOLDERS_MAX:
            raise SourceError(
                f"'{self.asset.spec.pattern}' leads into more than {FOLDERS_MAX:,} folders",
                asset=self.asset.name,
                place=self.asset.place,
                mend="Name the folder that the files lie in.",
            )
        try:
            with os.scandir(self.folder / below) as entries:
                yield from entries
        except (FileNotFoundError, NotADirectoryError):
            return  # it went a moment ago


def _below(walk: _Walk, below: str, parts: list[str]) -> Iterator[Found]:
    part, rest = parts[0], parts[1:]
    if part == ANY_FOLDERS:
        yield from _below(walk, below, rest)
        for entry in walk.entries(below):
            if entry.is_dir(follow_symlinks=False):
                yield from _below(walk, f"{below}{entry.name}/", parts)
    elif not has_magic(part):
        path = walk.folder / below / part
        if rest and path.is_dir():
            yield from _below(walk, f"{below}{part}/", rest)
        elif not rest and path.exists():
            yield from _file(walk, f"{below}{part}", path.stat())
    else:
        matches = re.compile(translate(part)).match
        for entry in walk.entries(below):
            if not matches(entry.name):
                continue
            if not rest:
                try:
                    yield from _file(walk, f"{below}{entry.name}", entry.stat())
                except FileNotFoundError:
                    continue  # a link to nothing, or it went a moment ago
                except OSError as error:
                    if error.errno != ELOOP:  # a link that leads to itself is no file either
                        raise
            elif _is_folder(entry):
                yield from _below(walk, f"{below}{entry.name}/", rest)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == ELOOP:
            return False
        raise


def _file(walk: _Walk, name: str, stat: os.stat_result) -> Iterator[Found]:
    if not S_ISREG(stat.st_mode):
        return
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SourceError(
            f"a file's name is no text in UTF-8: {os.fsencode(name)!r}", asset=walk.asset.name, mend="Rename it."
        ) from None
    yield Found(name, stat.st_size, stat.st_mtime_ns)


def _nearest(pattern: str, folder: Path) -> str:
    parent = (folder / pattern).parent
    while "*" in str(parent) or not parent.is_dir():
        parent = parent.parent
    try:
        names = sorted(path.name for path in parent.iterdir() if not path.name.startswith("."))
    except OSError as error:
        return f"{parent} can't be read: {error.strerror}."
    missing = PurePosixPath(pattern).parts[len(parent.parts) - len(folder.parts) :]
    near = get_close_matches(missing[0] if missing else "", names, n=NAMES_SHOWN_MAX, cutoff=0.3)
    shown = ", ".join(near or names[:NAMES_SHOWN_MAX])
    return f"In {parent} there is {shown}." if shown else f"There is nothing in {parent}."

"""An index as of one snapshot, for readers: a state that covers it, or one with the rows that differ put right.

What is put right is kept for the next search at the same snapshot: beside the states, or, where nothing can be written
there, in a temporary folder of this user's. A state that is damaged is left out; where none is left, all rows are read.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.errors import LakeError, UnknownName
from pumphouse.indexes import words
from pumphouse.indexes.fields import field_of
from pumphouse.indexes.manifest import (
    STATES_MAX,
    Manifest,
    State,
    World,
    current,
    folder_of,
    home,
    is_past,
    scratch,
    sweep_views,
    view_of,
    world,
)
from pumphouse.indexes.opened import Opened, opened, still_open
from pumphouse.indexes.segments import LOCK, put_together, remove, seal
from pumphouse.indexes.states import Difference, Rows, difference, make
from pumphouse.indexes.steps import put_right
from pumphouse.lake import rowids
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.lake import Lake

if TYPE_CHECKING:
    import tantivy

SCANNED_ROWS_MAX = 200_000
"""How many rows that no state has right may be read for one search."""
WHOLE_ROWS_MAX = 2_000_000
"""How many rows a table may have to be read as a whole, where no state can help."""
VIEWS_MAX = 4
"""How many views are kept for the next search at the same snapshot."""
OPEN_TRIES_MAX = 3
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An index that answers for exactly `snapshot`."""

    opened: Opened
    manifest: Manifest
    snapshot: int

    @property
    def scanned(self) -> int:
        """How many rows of it were not indexed."""
        return self.opened.scanned

    @property
    def index(self) -> tantivy.Index:
        """The library's index."""
        return self.opened.index


def view(lake: Lake, name: str, *, snapshot: int | None) -> View:
    """The index of this name at a snapshot, the newest where none is given.

    An index that only the lake above has answers for its tables, as they are seen from here. Raises UnknownName where
    no index was ever built, LakeError where too many rows would have to be read.
    """
    words.require()
    newest = lake.newest()
    at = newest if snapshot is None else snapshot
    damaged: set[str] = set()
    said = ""
    for _ in range(OPEN_TRIES_MAX + STATES_MAX):
        manifest = standing(lake, name, at=at)
        if manifest is None:
            return _above(lake, name, at)
        try:
            return _opened(lake, manifest, at, damaged, newest=newest)
        except (OSError, ValueError) as error:  # damage, or a swap took it away meanwhile
            said = str(error)
    raise LakeError(
        f"index '{name}' can't be read: {said}", asset=name, mend=f"Build it again: pumphouse run {name} --full"
    )


def standing(lake: Lake, name: str, *, at: int | None = None) -> Manifest | None:
    """The manifest of an index to be read at a snapshot; None where it was never built in this lake.

    Raises LakeError where it is no use.
    """
    manifest, digest = current(lake, name)
    if manifest is None and not digest:
        return None
    if manifest is None:
        what = f"the manifest of index '{name}' is damaged"
    elif manifest.words != words.VERSION:
        what = f"index '{name}' was made by another version of Pumphouse"
    elif not is_past(lake, manifest, at=at):
        what = f"index '{name}' has rows of a snapshot that the lake has not: its catalogue was put back"
    else:
        return manifest
    raise LakeError(what, asset=name, mend=f"Build it again: pumphouse run {name} --full")


def _above(lake: Lake, name: str, at: int) -> View:
    above = lake.upstream
    manifest = current(above, name)[0] if above is not None else None
    if above is None or manifest is None or lake.owner(manifest.table, at) is lake:
        raise UnknownName(f"index '{name}' was never built", asset=name, mend=f"Build it: pumphouse run {name}")
    return replace(view(above, name, snapshot=above.pinned), snapshot=at)


def _opened(lake: Lake, manifest: Manifest, at: int, damaged: set[str], *, newest: int) -> View:
    home, read_at = rowids.home(lake, manifest.table, at)
    covered = world_at(home, manifest, read_at, newest=newest if home is lake else home.newest())
    states = [one for one in manifest.states if one.folder not in damaged]
    states.sort(key=lambda state: (abs(state.read_at - read_at), -state.read_at))
    found = _there(lake, manifest, states, damaged, covered)
    if found is None:
        rows = Rows.of(manifest, lake=lake, engine=lake.engine, snapshot=at)
        found = _put_right(lake, manifest, rows, states, damaged, covered)
    return View(opened=found, manifest=manifest, snapshot=at)


def _there(lake: Lake, manifest: Manifest, states: Sequence[State], damaged: set[str], covered: World) -> Opened | None:
    """A state as it is, or a view that is still open; the library locks what it opens, where that can be done."""
    for state in states:
        source = folder_of(lake, manifest.name, state)
        if state.world == covered and os.access(source / LOCK, os.W_OK):
            with _trusted(state, damaged):
                return opened(lake, source)
    base = kept_in(lake, manifest.name)
    views = (still_open(lake, view_of(base, covered, state)) for state in states)
    return next((one for one in views if one is not None), None)


def world_at(home: Lake, manifest: Manifest, at: int, *, newest: int) -> World:
    """What a state has to cover at a snapshot of the lake that has the table.

    Of a snapshot only who is hidden changes, and whether it is kept. Raises SnapshotExpired for one that is not.
    """
    if at != newest:
        refuse_missing(at, catalogue=home.catalogue)
    known = home.identities.of((manifest.table, at), lambda: rowids.identity(home, manifest.table, snapshot=at))
    hidden = 0 if home.shows_all(manifest.table, snapshot=at) else home.hidden_at(manifest.table, snapshot=at)
    return world(known, manifest.fields, hidden=hidden)


def _put_right(
    lake: Lake, manifest: Manifest, rows: Rows, states: Sequence[State], damaged: set[str], covered: World
) -> Opened:
    """An index with the rows put right that no state has so."""
    at, base = rows.snapshot, kept_in(lake, manifest.name)
    for state in states:
        if state.world == covered:
            with _trusted(state, damaged):
                return _by_links(lake, manifest, rows, state, base)
    _refuse_other_types(rows, manifest, at)
    known: Difference | None = None
    for state in states:
        known = difference(rows, state, world=covered)
        if known is not None and len(known.ids) <= SCANNED_ROWS_MAX:
            with _trusted(state, damaged):
                return _beside(lake, manifest, rows, state, base, known, covered)
    count = lake.count(manifest.table, snapshot=at)
    if count > WHOLE_ROWS_MAX:
        newest = manifest.newest
        why = f"{len(known.ids):,} rows differ" if known else "which rows differ can't be told"
        why = "its files are damaged" if damaged and not states else why
        raise LakeError(
            f"index '{manifest.name}' covers snapshot {newest.snapshot}; {why} at {at}, too many for a search",
            asset=manifest.name,
            mend=f"Build it: pumphouse run {manifest.name}. Or search at snapshot {newest.snapshot}.",
        )

    def whole(work: Path) -> None:
        make(rows, work / "view", work=work, progress=lambda done: None)

    return _kept(lake, base, manifest, view_of(base, covered, manifest.newest), whole, scanned=count)


def _by_links(lake: Lake, manifest: Manifest, rows: Rows, state: State, base: Path) -> Opened:
    def links(work: Path) -> None:
        put_together(work / "view", [(folder_of(lake, manifest.name, state), state.segments)], schema=rows.schema)
        seal(work / "view")

    return _kept(lake, base, manifest, view_of(base, state.world, state), links, scanned=0)


def _beside(
    lake: Lake, manifest: Manifest, rows: Rows, state: State, base: Path, by: Difference, covered: World
) -> Opened:
    _, read_at = rowids.home(lake, manifest.table, rows.snapshot)
    source = folder_of(lake, manifest.name, state)

    def beside(work: Path) -> None:
        put_right(rows, work, base=base, state=state, source=source, by=by, covered=covered, read_at=read_at)

    return _kept(lake, base, manifest, view_of(base, covered, state), beside, scanned=len(by.ids))


def _kept(
    lake: Lake, base: Path, manifest: Manifest, folder: Path, make_in: Callable[[Path], None], *, scanned: int
) -> Opened:
    """The view in `folder`, which is made where it is not there, or damaged: `make_in` makes `view` in a folder."""
    if folder.is_dir():
        try:
            return opened(lake, folder, scanned=scanned)
        except (OSError, ValueError):
            remove(folder)
    try:
        with scratch(base, "view") as work:
            make_in(work)
            folder.parent.mkdir(exist_ok=True)
            sweep_views(base, named={state.folder for state in manifest.states}, most=VIEWS_MAX - 1)
            try:
                (work / "view").rename(folder)
            except OSError:
                if not folder.is_dir():  # somebody else was as fast
                    raise
    except OSError as error:
        if error.errno in _FULL:
            raise LakeError(
                f"there is no space to search index '{manifest.name}' at another snapshot than it covers",
                asset=manifest.name,
                mend=f"Is there space in {base}? At snapshot {manifest.newest.snapshot} it needs none.",
            ) from error
        raise
    return opened(lake, folder, scanned=scanned)


@contextmanager
def _trusted(state: State, damaged: set[str]) -> Iterator[None]:
    """Have it known that a state can't be read, damaged or gone."""
    try:
        yield
    except (OSError, ValueError):
        damaged.add(state.folder)
        raise


def _refuse_other_types(rows: Rows, manifest: Manifest, at: int) -> None:
    """A value of another type would be indexed as another value."""
    there = rows.lake.scan(rows.table, snapshot=at).schema
    by_name = {one.name.lower(): one.type for one in there}
    for field in rows.fields:
        kind = by_name.get(field.column.lower())
        if kind is None:
            continue
        found = field_of(field.column, kind, is_text=field.is_text, is_value=field.value is not None)
        if found != field:
            raise LakeError(
                f"column '{field.column}' was {kind} at snapshot {at}, so index '{manifest.name}' can't answer for it",
                asset=manifest.name,
                mend=f"Search at snapshot {manifest.newest.snapshot}.",
            )


def kept_in(lake: Lake, name: str) -> Path:
    """Where views are kept: beside the states, or in a folder that nobody but this user can read."""
    base = home(lake, name)
    if lake.writable and os.access(base, os.W_OK):
        return base
    mine = Path(tempfile.gettempdir()) / f"pumphouse-{os.getuid()}"
    mine.mkdir(mode=0o700, exist_ok=True)
    about = mine.lstat()
    if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077 or not stat.S_ISDIR(about.st_mode):
        raise LakeError(f"{mine} belongs to somebody else, or others can read it", mend="Set TMPDIR to another folder.")
    return mine / f"{name}-{hashlib.sha256(str(base).encode()).hexdigest()[:16]}"

"""An index as of one snapshot, for readers: a state that covers it, or one with the rows that differ put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pumphouse.engines.engine import Engine
from pumphouse.errors import LakeError, UnknownName
from pumphouse.indexes import words
from pumphouse.indexes.fields import schema
from pumphouse.indexes.manifest import Manifest, current, folder_of, home, scratch, world_of
from pumphouse.indexes.segments import remove
from pumphouse.indexes.states import Rows, difference, make, overlaid
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


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An index that answers for exactly `snapshot`; `scanned` rows of it were not indexed."""

    index: tantivy.Index
    manifest: Manifest
    snapshot: int
    scanned: int


def view(lake: Lake, name: str, *, snapshot: int | None, engine: Engine) -> View:
    """The index of this name at a snapshot, the newest where none is given.

    Raises UnknownName where no index was ever built, LakeError where too many rows would have to be read.
    """
    words.require()
    at = lake.snapshot() if snapshot is None else snapshot
    for _ in range(OPEN_TRIES_MAX):
        manifest, _ = current(lake, name)
        if manifest is None:
            raise UnknownName(f"index '{name}' was never built", asset=name, mend=f"Build it: pumphouse run {name}")
        if manifest.words != words.VERSION:
            break
        try:
            return _opened(lake, manifest, at, engine)
        except (OSError, ValueError):  # a swap took it away meanwhile
            continue
    raise LakeError(
        f"index '{name}' is damaged, or was made by another version of Pumphouse",
        asset=name,
        mend=f"Build it again: pumphouse run {name} --full",
    )


def _opened(lake: Lake, manifest: Manifest, at: int, engine: Engine) -> View:
    world = world_of(lake, manifest.table, snapshot=at)
    nearest = sorted(manifest.states, key=lambda state: (abs(state.snapshot - at), -state.snapshot))
    for state in nearest:
        if state.world == world:
            folder = folder_of(lake, manifest.name, state)
            return View(index=words.open_index(folder), manifest=manifest, snapshot=at, scanned=0)
    rows = Rows(
        lake=lake,
        engine=engine,
        table=manifest.table,
        snapshot=at,
        fields=manifest.fields,
        sort=manifest.sort,
        schema=schema(manifest.fields),
    )
    state = nearest[0]
    by = difference(rows, state)
    folder = home(lake, manifest.name) / "views" / f"{'-'.join(map(str, world))}-{state.folder}"
    if by is not None and len(by.ids) <= SCANNED_ROWS_MAX:
        with _view_of(lake, manifest, folder) as made:
            if made is not None:
                source = folder_of(lake, manifest.name, state)
                overlaid(rows, made / "view", work=made, state=state, source=source, by=by)
        return View(index=words.open_index(folder), manifest=manifest, snapshot=at, scanned=len(by.ids))
    count = lake.count(manifest.table, snapshot=at)
    if count > WHOLE_ROWS_MAX:
        differ = f"{len(by.ids):,} rows differ" if by is not None else "nobody knows which rows differ"
        raise LakeError(
            f"index '{manifest.name}' covers snapshot {state.snapshot}; {differ} at {at}, too many for a search",
            asset=manifest.name,
            mend=f"Build it: pumphouse run {manifest.name}. Or search at snapshot {manifest.newest.snapshot}.",
        )
    with _view_of(lake, manifest, folder) as made:
        if made is not None:
            make(rows, made / "view", work=made, progress=lambda done: None)
    return View(index=words.open_index(folder), manifest=manifest, snapshot=at, scanned=count)


@contextmanager
def _view_of(lake: Lake, manifest: Manifest, folder: Path) -> Iterator[Path | None]:
    """Where to make a view in, which becomes `folder` after the block; None where it is there already."""
    if folder.is_dir():
        yield None
        return
    with scratch(lake, manifest.name, f"view-{uuid4().hex}") as made:
        yield made
        folder.parent.mkdir(exist_ok=True)
        left = sorted(folder.parent.iterdir(), key=lambda one: one.stat().st_mtime)
        for old in left[: max(0, len(left) - VIEWS_MAX + 1)]:
            remove(old)
        try:
            (made / "view").rename(folder)
        except OSError:
            if not folder.is_dir():  # somebody else was as fast
                raise

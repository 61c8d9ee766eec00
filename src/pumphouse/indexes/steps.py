"""A view of an index is put right from the nearest view where that is less work, and else from a state.

So of a table to which few rows come at a time, and that is searched in between, each row is read once or twice, however
many came since the newest state.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pumphouse.indexes.manifest import State, World, views_of
from pumphouse.indexes.segments import check, remove, seal
from pumphouse.indexes.states import Difference, Rows, difference, overlaid

ROWS_MIN = 2_000
"""From so many differing rows on views are looked at: to ask how one of them differs takes about as long."""
STEPS_MAX = 8
"""How many views may stand on one another: each has a segment more than the one that it starts from."""
_ABOUT = "view.json"


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """What a view has, kept in its folder."""

    state: State
    """As if it were a state."""
    steps: int
    """How many views it stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    state: State
    source: Path
    by: Difference
    steps: int


def put_right(
    rows: Rows, work: Path, *, base: Path, state: State, source: Path, by: Difference, covered: World, read_at: int
) -> None:
    """Make the folder `view` in `work`: an index of the rows at their snapshot, from a state that differs `by` some.

    The lake that has the table knows the snapshot as `read_at`. Raises OSError and ValueError for a state with damage.
    """
    check(source)
    near = _near(rows, base, state, by, covered, read_at) if len(by.ids) >= ROWS_MIN else None
    if near is not None:
        with suppress(OSError, ValueError):  # it is damaged, or was swept away meanwhile
            check(near.source)
            _make(rows, work, near, covered=covered, read_at=read_at)
            return
        remove(work / "view")
    _make(rows, work, _Start(state=state, source=source, by=by, steps=0), covered=covered, read_at=read_at)


def _near(rows: Rows, base: Path, state: State, by: Difference, covered: World, read_at: int) -> _Start | None:
    """The view that is nearest to the snapshot, of those made from the same state, where it differs by far less."""
    far, nearest = abs(state.read_at - read_at), None
    for folder in views_of(base, state):
        with suppress(OSError, ValueError):
            about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_View)
            distance = abs(about.state.read_at - read_at)
            if distance < far and about.steps < STEPS_MAX:
                far, nearest = distance, (folder, about)
    if nearest is None:
        return None
    folder, about = nearest
    left = difference(rows, about.state, world=covered)
    if left is None or len(left.ids) > len(by.ids) // 2:
        return None
    return _Start(state=about.state, source=folder, by=left, steps=about.steps + 1)


def _make(rows: Rows, work: Path, start: _Start, *, covered: World, read_at: int) -> None:
    inside, target = work / f"from-{start.steps}", work / "view"
    inside.mkdir()
    chosen = overlaid(rows, target, work=inside, state=start.state, source=start.source, by=start.by)
    own = State(snapshot=rows.snapshot, read_at=read_at, world=covered, folder=start.state.folder, segments=chosen)
    (target / _ABOUT).write_bytes(msgspec.json.encode(_View(state=own, steps=start.steps)))
    seal(target)

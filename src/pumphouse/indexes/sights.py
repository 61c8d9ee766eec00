"""An index for somebody who does not see all of a table: made of the rows and cells that they see, and of nothing else.

The index of the whole table knows all words: its scores, counts and suggestions would tell of what is hidden. Even the
ids of rows would, by how many are between two; so rows are numbered anew here, in their order. What was made is kept
for the next search at the same rows, within bounds, beside the views of others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BadRequest, LakeBusy, LakeError, Overloaded, TooMuch, UnknownName
from pumphouse.indexes.fields import Field, field_of
from pumphouse.indexes.manifest import Manifest, current, scratch, sights, sweep_sights, world_of
from pumphouse.indexes.opened import opened
from pumphouse.indexes.segments import remove, seal
from pumphouse.indexes.states import Rows, make
from pumphouse.indexes.views import OPEN_TRIES_MAX, WHOLE_ROWS_MAX, View, kept_in, standing
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held
from pumphouse.lake.rows import rows_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SIGHTS_MAX = 32
"""How many indexes of parts of one table are kept."""
SIGHTS_BYTES_MAX = 4 * 1024**3
"""How large they may be together."""
WAIT_S = 10.0
"""How long a search waits while another part of the same table is made ready: one at a time is."""
_IDS = "rows.npy"
_VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What somebody sees of a table of which they do not see all."""

    digest: str
    """A short text that differs where two of them show something else."""
    shown: Callable[[Scan], Scan]
    """Of a scan with row ids the rows and cells that they see, with `_rowid` beside them."""
    plain: frozenset[str]
    """The columns that they see as they are, in each of their rows."""
    is_steady: bool = True
    """Whether it shows the same of the same rows at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An index of what somebody sees: `view` finds numbers of rows, of which `ids` are the row ids."""

    view: View
    sight: Sight
    ids: np.ndarray[Any, Any]

    def rows(
        self, lake: Lake, numbers: Sequence[int], columns: Collection[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """Those of the rows with these numbers that the table has, as they are seen: some columns of them, or all."""
        table, by_id = self.view.manifest.table, {int(self.ids[number]): number for number in numbers}
        at, shown = self.view.snapshot, self.sight.shown
        found = rows_of(lake, table, list(by_id), snapshot=at, columns=columns, shown=shown)
        return {by_id[row_id]: row for row_id, row in found.items()}

    @property
    def all_ids(self) -> pa.Table:
        """`_rowid` of all rows that are seen."""
        import numpy as np
        import pyarrow as pa

        return pa.table({"_rowid": pa.array(np.asarray(self.ids), pa.int64())})

    def with_ids(self, matches: pa.Table) -> pa.Table:
        """Matches with the ids of their rows instead of their numbers."""
        import pyarrow as pa

        numbers = matches.column("_rowid").to_numpy()
        ids = pa.array(self.ids[numbers], pa.int64())
        return matches.set_column(matches.schema.get_field_index("_rowid"), "_rowid", ids)


def seen(lake: Lake, name: str, sight: Sight, *, snapshot: int) -> Seen:
    """The index of this name as somebody sees it at a snapshot.

    Raises UnknownName where no index was ever built, or they see none of its text; BadRequest where what they see
    changes with the clock or by chance; TooMuch where they see too many rows; Overloaded where others' are made.
    """
    if not sight.is_steady:
        raise BadRequest(
            f"index '{name}' can't be searched by you: which rows you see changes with the clock or by chance",
            asset=name,
            mend="Ask in SQL, with LIKE: that looks at the rows as you see them at that moment.",
        )
    home, at = lake, snapshot
    manifest = standing(home, name, at=at)
    if manifest is None:
        home, at, manifest = _above(lake, name, snapshot)
    own = _as_seen(manifest, sight, home, at)
    rows = Rows.of(own, lake=home, engine=lake.engine, snapshot=at)
    base = kept_in(home, name)
    world = world_of(home, own.table, manifest.fields, snapshot=at)
    about = [sight.digest, world, own.shape, own.fields, own.key]
    digest = hashlib.sha256(msgspec.json.encode(about)).hexdigest()[:24]
    for _ in range(OPEN_TRIES_MAX):
        with suppress(OSError, ValueError):  # damaged, or swept away meanwhile: it is made again
            folder = next(iter(sights(base).glob(f"{digest}.*")), None) or _made(rows, sight, manifest, base, digest)
            os.utime(folder)  # the one that was used least lately goes first
            return Seen(
                view=View(opened=opened(home, folder), manifest=own, snapshot=snapshot),
                sight=sight,
                ids=_ids(folder),
            )
        for one in sights(base).glob(f"{digest}.*"):
            remove(one)
    raise LakeError(f"index '{name}' can't be made ready for you", asset=name, mend=f"Is there space in {base}?")


def _above(lake: Lake, name: str, at: int) -> tuple[Lake, int, Manifest]:
    above = lake.upstream
    manifest = current(above, name)[0] if above is not None else None
    if above is None or manifest is None or above.pinned is None or lake.owner(manifest.table, at) is lake:
        raise UnknownName(f"index '{name}' was never built", asset=name, mend=f"Build it: pumphouse run {name}")
    return above, above.pinned, manifest


def _as_seen(manifest: Manifest, sight: Sight, lake: Lake, at: int) -> Manifest:
    """The manifest of an index of what is seen: of the columns that are there, in the types that they are shown in."""
    scan = sight.shown(lake.scan(manifest.table, snapshot=at, row_ids=True))
    types = {one.name.lower(): one.type for one in scan.schema}
    found: list[Field] = []
    for field in manifest.fields:
        kind = types.get(field.column.lower())
        if kind is not None:
            is_value = field.value is not None
            own = field_of(field.column, kind, is_text=field.is_text, is_value=is_value, language=field.language)
            found += [own] if own is not None else []
    if not any(field.is_text for field in found):
        raise UnknownName(f"there is no index '{manifest.name}' to search", asset=manifest.name)
    valued = {field.column for field in found if field.value is not None}
    return msgspec.structs.replace(
        manifest,
        fields=tuple(found),
        sort=manifest.sort if manifest.sort in valued else None,
        key=manifest.key if sight.plain.issuperset(manifest.key) else (),
        stored=(),
        # Between which values the rows of the whole lie is not of what is seen.
        states=tuple(msgspec.structs.replace(one, segments=()) for one in manifest.states),
    )


def _made(rows: Rows, sight: Sight, manifest: Manifest, base: Path, digest: str) -> Path:
    """The folder of an index of what is seen, made now: of a table one at a time, whoever asks."""
    import numpy as np

    folder = sights(base) / f"{digest}.{manifest.newest.folder}"
    try:
        with held(base / ".sights", purpose=f"an index of a part of '{rows.table}'", wait_s=WAIT_S):
            if folder.is_dir():  # whoever was before has made it
                return folder
            ids = _ids_of(rows, sight)
            with scratch(base, "view") as work:
                make(_numbered(rows, sight, ids), work / _VIEW, work=work, progress=lambda done: None)
                np.save(work / _VIEW / _IDS, ids, allow_pickle=False)
                seal(work / _VIEW)
                folder.parent.mkdir(exist_ok=True)
                named = {state.folder for state in manifest.states}
                sweep_sights(base, named=named, most=SIGHTS_MAX - 1, bytes_max=SIGHTS_BYTES_MAX)
                (work / _VIEW).rename(folder)
    except LakeBusy as error:
        what = f"index '{manifest.name}' is being made ready for others who see a part of '{rows.table}'"
        raise Overloaded(what, asset=manifest.name, mend="Ask again in a moment.") from error
    return folder


def _ids_of(rows: Rows, sight: Sight) -> np.ndarray[Any, Any]:
    """The ids of the rows that are seen, in order. Raises TooMuch where they are too many."""
    scan = sight.shown(rows.lake.scan(rows.table, snapshot=rows.snapshot, row_ids=True))
    text = f"SELECT _rowid FROM {quoted(rows.table)} LIMIT {WHOLE_ROWS_MAX + 1}"
    table = rows.engine.read(Query(text=text, inputs={rows.table: scan})).read_all()
    if table.num_rows > WHOLE_ROWS_MAX:
        raise TooMuch(
            f"you see a part of '{rows.table}', of more than {WHOLE_ROWS_MAX:,} rows: too many to be searched so",
            asset=rows.table,
            mend="Ask for a grant that shows fewer rows, or all of it; or ask in SQL.",
        )
    import numpy as np

    return np.sort(table.column(0).to_numpy())


def _numbered(rows: Rows, sight: Sight, ids: np.ndarray[Any, Any]) -> Rows:
    """The rows that are seen, each with its number as its id."""
    import numpy as np
    import pyarrow as pa

    called = f"numbers of {rows.table}"
    numbers = pa.table({"id": ids, "number": np.arange(len(ids), dtype=np.int64)})

    def shown(scan: Scan) -> Scan:
        own = sight.shown(scan)
        return replace(
            own,
            relation=f"SELECT own.* REPLACE (known.number AS _rowid), 1 AS _row_since FROM ({own.relation}) AS own"
            f" JOIN {quoted(called)} AS known ON own._rowid = known.id",
            datasets=(*own.datasets, (called, numbers)),
        )

    return replace(rows, shown=shown, sort=None)  # in one partition, since nothing will be merged with it


def _ids(folder: Path) -> np.ndarray[Any, Any]:
    import numpy as np

    found: np.ndarray[Any, Any] = np.load(folder / _IDS, mmap_mode="r", allow_pickle=False)
    return found

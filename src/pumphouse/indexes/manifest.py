"""What an index covers: a small file, swapped in one step, that names its newest states and their segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from pumphouse.errors import LakeBusy, UnknownName
from pumphouse.indexes.fields import Field
from pumphouse.indexes.segments import Segment, remove
from pumphouse.lake import moments, rowids
from pumphouse.lake.disk import folder_to_disk, to_disk
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held

STATES_MAX = 4
"""How many states are kept: the newest answers, the others still have readers, and are near older snapshots."""
WAIT_S = 60.0
"""How long a swap waits for another one."""
_FILE, _STATES, _VIEWS, _SIGHTS = "manifest.json", "states", "views", "sights"
_LOCK, _ALIVE = ".lock", ".alive"


class World(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All that decides what an index holds: at snapshots of one world the table has the same rows."""

    table_id: str
    """The table's identity: one that is replaced as a whole has another one."""
    columns: str
    """The identity and type of each column: rows do not tell when one comes, goes or gets another type."""
    changed: int
    """The snapshot in which the table's files last changed."""
    hidden: int
    """The snapshot of the last tombstone that hid somebody in the table."""
    moment: str = ""
    """When `changed` was made; empty where that snapshot left. It tells views apart, and not whether two are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and msgspec.structs.replace(other, moment=self.moment)._all == self._all

    def __hash__(self) -> int:
        return hash((self.table_id, self.changed))

    @property
    def _all(self) -> tuple[object, ...]:
        return msgspec.structs.astuple(self)

    @property
    def digest(self) -> str:
        """A short name of it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The index of a table at one snapshot, in a folder of its own that never changes."""

    snapshot: int
    read_at: int
    """The snapshot of the lake that has the table: of a lake above it is another number."""
    world: World
    folder: str
    segments: tuple[Segment, ...]
    moment: str = ""
    """When the snapshot `read_at` was made; empty where nobody wrote it down."""
    bytes: int = 0
    """Of its files; 0 where nobody counted."""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(one.rows - one.dead for one in self.segments)

    def reach(self, column: str | None) -> tuple[float | None, float | None]:
        """Between which numbers of a column its rows lie, as they were written; None is for row ids."""
        known = [(one.first, one.last) if column is None else one.ends.get(column) for one in self.segments]
        found = [one for one in known if one is not None]
        return min((low for low, _ in found), default=None), max((high for _, high in found), default=None)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The states of an index, the oldest first, and how they were made: another way to do that has another `shape`."""

    name: str
    table: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    sort: str | None
    words: int
    """`words.VERSION` with which it was made."""
    shape: str
    fingerprint: str
    synonyms: dict[str, dict[str, tuple[str, ...]]] = {}
    """What means the same, by language and words, when the last run looked. The files do not depend on it."""
    stored: tuple[str, ...] = ()
    """Columns that the index keeps as they are: those of the key, and of text."""
    states: tuple[State, ...]

    @property
    def newest(self) -> State:
        """The state that covers the most."""
        return self.states[-1]

    @property
    def by_column(self) -> dict[str, Field]:
        """Its fields by the name of their column."""
        return {field.column: field for field in self.fields}


def world_of(lake: Lake, table: str, fields: tuple[Field, ...], *, snapshot: int) -> World:
    """What a state has to cover at a snapshot."""
    home, at = rowids.home(lake, table, snapshot)
    known = rowids.identity(home, table, snapshot=at)
    return world(known, fields, hidden=home.hidden_at(table, snapshot=at))


def world(known: rowids.Identity, fields: tuple[Field, ...], *, hidden: int) -> World:
    """What a state has to cover where a table is this one, and somebody was hidden in it last at a snapshot."""
    kinds = [[field.column, *known.columns.get(field.column.lower(), ())] for field in fields]  # nothing: not there
    return World(
        table_id=known.table_id,
        columns=hashlib.sha256(msgspec.json.encode(kinds)).hexdigest()[:16],
        changed=known.changed,
        hidden=hidden,
        moment=known.moment,
    )


def home(lake: Lake, name: str) -> Path:
    """The folder of everything of one index."""
    return lake.folder / "indexes" / name


def folder_of(lake: Lake, name: str, state: State) -> Path:
    """Where the files of a state are."""
    return home(lake, name) / _STATES / state.folder


def view_of(base: Path, world: World, state: State) -> Path:
    """Where a view of a world is kept that was made when a state was the nearest; it goes when that state goes."""
    return base / _VIEWS / f"{world.digest}.{state.folder}"


def views_of(base: Path, state: State) -> list[Path]:
    """The views that are kept of those made when a state was the nearest."""
    return list((base / _VIEWS).glob(f"*.{state.folder}"))


def current(lake: Lake, name: str) -> tuple[Manifest | None, str]:
    """The manifest now, and a digest that tells whether it is still the same.

    None where it can't be read, and an empty digest where no index was ever built: it is made anew.
    """
    try:
        data = (home(lake, name) / _FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    digest = hashlib.sha256(data).hexdigest()
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, digest
    return (manifest if manifest.states else None), digest


def is_past(lake: Lake, manifest: Manifest, *, at: int | None = None) -> bool:
    """Whether the newest state is of a snapshot that the lake had: not where its catalogue was put back from a copy.

    What runs make after that has the numbers of what the index was made from. `at` is the snapshot looked at.
    """
    home, newest = lake.owner(manifest.table, at) or lake, manifest.newest
    key = f"{_FILE} {newest.moment}", newest.read_at
    return bool(home.identities.of(key, lambda: moments.is_past(home, newest.read_at, newest.moment)))


def needed(lake: Lake) -> dict[str, tuple[int, ...]]:
    """For each index the snapshots of this lake that its next run starts from: without them all rows are read again.

    An index of a table of a lake above needs none of this lake's.
    """
    folder = lake.folder / "indexes"
    found: dict[str, tuple[int, ...]] = {}
    for name in sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else ():
        manifest, _ = current(lake, name)
        if manifest is not None:
            with suppress(UnknownName):  # the table, or the snapshot, is gone
                if lake.owner(manifest.table, manifest.newest.snapshot) is lake:
                    found[name] = (manifest.newest.read_at,)
    return found


def swap(lake: Lake, manifest: Manifest, *, before: str, arriving: Path | None = None) -> bytes:
    """Let this manifest be the current one, its bytes; `arriving` becomes the folder of its newest state.

    States that it does not name are removed, and the views made of them. Raises LakeBusy where the manifest is not the
    one with the digest `before` any more: somebody else was faster.
    """
    folder = home(lake, manifest.name)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    with _alone(folder), lake.taking_turns(f"index {manifest.name}", purpose="an index", wait_s=WAIT_S):
        if current(lake, manifest.name)[1] != before:
            raise LakeBusy(
                f"another run has built '{manifest.name}' meanwhile", mend="Run it again: it goes on from there."
            )
        if arriving is not None:
            final = folder_of(lake, manifest.name, manifest.newest)
            final.parent.mkdir(exist_ok=True)
            arriving.rename(final)
            folder_to_disk(final.parent)
        scratch = folder / f".{_FILE}"
        with scratch.open("wb") as file:
            file.write(data)
            to_disk(file)
        scratch.replace(folder / _FILE)
        folder_to_disk(folder)
        named = {state.folder for state in manifest.states}
        for left in (folder / _STATES).iterdir():
            if left.name not in named:
                remove(left)
        sweep_views(folder, named=named, most=len(named))
        sweep_sights(folder, named=named)
        _sweep_dead(folder)
    return data


@contextmanager
def scratch(base: Path, purpose: str) -> Iterator[Path]:
    """An empty folder in that of an index, which is gone after the `with` block.

    It is locked meanwhile, so that what a dead process left is known, and removed by whoever comes next.
    """
    work = base / f".{purpose}-{uuid4().hex}"
    with ExitStack() as stack:
        with _alone(base):
            _sweep_dead(base)
            work.mkdir()
            stack.enter_context(held(work / _ALIVE, purpose="making an index", wait_s=0))
        try:
            yield work
        finally:
            remove(work)


def sweep_views(base: Path, *, named: set[str], most: int) -> None:
    """Remove views of states that are gone, and of the others the oldest until `most` are left."""
    kept = []
    for one in (base / _VIEWS).glob("*"):
        if one.name.partition(".")[2] not in named:
            remove(one)
        else:
            with suppress(FileNotFoundError):
                kept.append((one.stat().st_mtime, one))
    for _, one in sorted(kept)[: max(0, len(kept) - most)]:
        remove(one)


def sights(base: Path) -> Path:
    """Where indexes are kept of what some see of a table; each goes with the state that was the newest."""
    return base / _SIGHTS


def sweep_sights(base: Path, *, named: set[str], most: int | None = None, bytes_max: int | None = None) -> None:
    """Remove those of states that are gone, and of the others what was used least lately beyond a bound."""
    kept = []
    for one in sights(base).glob("*"):
        if one.name.partition(".")[2] not in named:
            remove(one)
        else:
            with suppress(FileNotFoundError):
                kept.append((one.stat().st_mtime, one, sum(file.stat().st_size for file in one.iterdir())))
    size = 0
    for number, (_, one, size_bytes) in enumerate(sorted(kept, reverse=True)):
        size += size_bytes
        if (most is not None and number >= most) or (bytes_max is not None and size > bytes_max):
            remove(one)


def _sweep_dead(base: Path) -> None:
    for left in (*base.glob(".work-*"), *base.glob(".view-*")):
        with suppress(LakeBusy), held(left / _ALIVE, purpose="making an index", wait_s=0):
            remove(left)


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    with held(base / _LOCK, purpose=f"the index in {base.name}", wait_s=WAIT_S):
        yield

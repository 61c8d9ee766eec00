"""What an index covers: a small file, swapped in one step, that names its newest states and their segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pumphouse.errors import LakeBusy
from pumphouse.indexes.fields import Field
from pumphouse.indexes.segments import Segment, remove
from pumphouse.lake import rowids
from pumphouse.lake.disk import folder_to_disk, to_disk
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held

STATES_MAX = 4
"""How many states are kept: the newest answers, the others still have readers, and are near older snapshots."""
WAIT_S = 60.0
"""How long a swap waits for another one."""
_FILE, _STATES = "manifest.json", "states"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The index of a table at one snapshot, in a folder of its own that never changes."""

    snapshot: int
    table_id: str
    """The table's identity: one that is replaced as a whole has another one."""
    changed: int
    """The snapshot in which the table's files last changed."""
    hidden: int
    """The snapshot of the last tombstone that hid somebody in the table."""
    folder: str
    segments: tuple[Segment, ...]

    @property
    def world(self) -> tuple[str, int, int]:
        """What it covers: at a snapshot of the same world the table has the same rows."""
        return self.table_id, self.changed, self.hidden

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(one.rows - one.dead for one in self.segments)


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
    states: tuple[State, ...]

    @property
    def newest(self) -> State:
        """The state that covers the most."""
        return self.states[-1]

    @property
    def by_column(self) -> dict[str, Field]:
        """Its fields by the name of their column."""
        return {field.column: field for field in self.fields}


def world_of(lake: Lake, table: str, *, snapshot: int) -> tuple[str, int, int]:
    """What a state has to cover at a snapshot: the table's identity, its last change, its last tombstone."""
    table_id, changed = rowids.table_id(lake, table, snapshot=snapshot), rowids.changed(lake, table, snapshot=snapshot)
    return table_id, changed, lake.hidden_at(table, snapshot=snapshot)


def home(lake: Lake, name: str) -> Path:
    """The folder of everything of one index."""
    return lake.folder / "indexes" / name


def folder_of(lake: Lake, name: str, state: State) -> Path:
    """Where the files of a state are."""
    return home(lake, name) / _STATES / state.folder


def current(lake: Lake, name: str) -> tuple[Manifest | None, str]:
    """The manifest now, and a digest that tells whether it is still the same; None where no index was ever built.

    One that can't be read counts as none: the index is made anew.
    """
    try:
        data = (home(lake, name) / _FILE).read_bytes()
    except FileNotFoundError:
        return None, ""
    digest = hashlib.sha256(data).hexdigest()
    try:
        return msgspec.json.decode(data, type=Manifest), digest
    except msgspec.DecodeError:
        return None, digest


def swap(lake: Lake, manifest: Manifest, *, before: str) -> bytes:
    """Let this manifest be the current one, its bytes. States that it does not name are removed.

    Raises LakeBusy where the manifest is not the one with the digest `before` any more: somebody else was faster.
    """
    folder = home(lake, manifest.name)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    with held(folder / ".lock", purpose=f"the index '{manifest.name}'", wait_s=WAIT_S):
        if current(lake, manifest.name)[1] != before:
            raise LakeBusy(
                f"another run has built '{manifest.name}' meanwhile", mend="Run it again: it goes on from there."
            )
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
    return data


@contextmanager
def scratch(lake: Lake, name: str, purpose: str) -> Iterator[Path]:
    """An empty folder beside the states of an index, which is gone after the `with` block."""
    folder = home(lake, name) / f".{purpose}"
    remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)

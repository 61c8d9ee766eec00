"""Which index answers now: a small file, swapped in one step, that names its folder and the snapshot it covers."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from pumphouse.lake.disk import to_disk
from pumphouse.lake.lake import Lake

_FILE = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an index covers, and how its words were made."""

    name: str
    table: str
    snapshot: int
    """The index holds the table's rows at this one."""
    version: int
    """The snapshot of the table's last change."""
    rows: int
    words: int
    """`words.VERSION` with which it was made."""
    key: tuple[str, ...]
    text: tuple[str, ...]
    filters: tuple[str, ...]
    sort: str | None
    fingerprint: str
    folder: str
    previous: str | None = None
    """The folder that it replaced: readers that opened it may still be in it."""


def home(lake: Lake, name: str) -> Path:
    """The folder of all states of one index."""
    return lake.folder / "indexes" / name


def current(lake: Lake, name: str) -> Manifest | None:
    """The index that answers now, or None where none was ever built."""
    try:
        data = (home(lake, name) / _FILE).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(data, type=Manifest)


def swap(lake: Lake, manifest: Manifest) -> bytes:
    """Let this index answer from now on; the manifest's bytes. Folders older than the one it replaces are removed."""
    folder = home(lake, manifest.name)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    scratch = folder / f".{manifest.folder}.json"
    with scratch.open("wb") as file:
        file.write(data)
        to_disk(file)
    scratch.replace(folder / _FILE)
    for state in folder.iterdir():
        if state.is_dir() and state.name not in (manifest.folder, manifest.previous):
            shutil.rmtree(state, ignore_errors=True)
    return data

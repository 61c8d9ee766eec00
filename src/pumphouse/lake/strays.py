"""Stored bytes that nothing of the lake names: what killed builds left. They are told of, and stay (decision 40)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pumphouse.lake.expired import with_expired
from pumphouse.lake.lake import LEFT_BEHIND_S, SCHEMA, Lake
from pumphouse.lake.packs import ENDING

_SHA = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strays:
    """Files of stored bytes that nothing names, older than LEFT_BEHIND_S, beside all that are stored."""

    files: int
    bytes: int
    all_files: int
    all_bytes: int


def strays(lake: Lake, *, now: datetime | None = None) -> Strays:
    """What no build, file that a build made, answer or message of this lake names.

    A build names stored bytes itself, or by a list that is stored too: of what a source was answered, of a table's
    columns. Lakes that read from this one are not asked.
    """
    before = (now or datetime.now(UTC)) - timedelta(seconds=LEFT_BEHIND_S)
    stored = {path: path.stat() for path in _files(lake)}
    old = {
        path.name.removesuffix(ENDING).encode(): (path, seen.st_size)
        for path, seen in stored.items()
        if seen.st_mtime < before.timestamp()
    }
    named = _in(text.encode() for text in _said(lake))
    lists = (old[name][0] for name in named & old.keys() if old[name][0].suffix != ENDING)
    named |= _in(data for path in lists if (data := _listed(path)))
    unnamed = old.keys() - named
    if unnamed:
        unnamed = unnamed - _in(text.encode() for text in lake.state.texts())
    return Strays(
        files=len(unnamed), bytes=sum(old[name][1] for name in unnamed), all_files=len(stored),
        all_bytes=sum(seen.st_size for seen in stored.values()),
    )  # fmt: skip


def _files(lake: Lake) -> Iterator[Path]:
    folders = lake.blobs.folder.iterdir() if lake.blobs.folder.is_dir() else ()
    for folder in folders:
        if folder != lake.blobs.arriving and folder.is_dir():
            yield from folder.iterdir()


def _said(lake: Lake) -> Iterator[str]:
    """What builds said, also in snapshots that left, and what is known of the files that they made."""
    rows = lake.catalogue(
        "SELECT snapshot_id, NULL, commit_extra_info FROM {meta}.ducklake_snapshot_changes ORDER BY 1"
    )
    yield from (text for _, _, text in with_expired(rows, after=-1, catalogue=lake.catalogue) if text)
    tables = lake.catalogue("SELECT table_name FROM {meta}.ducklake_table WHERE end_snapshot IS NULL")
    if ("artefacts",) in tables:
        made = lake.engine.fork().execute(f"SELECT sha, detail FROM {lake.alias}.{SCHEMA}.artefacts")
        yield from (f"{sha} {detail}" for sha, detail in made)


def _listed(path: Path) -> bytes:
    """What a stored list in JSON holds; nothing for other files."""
    with path.open("rb") as file:
        begun = file.read(1)
        return begun + file.read() if begun in (b"{", b"[") else b""


def _in(texts: Iterable[bytes]) -> set[bytes]:
    return {sha for text in texts for sha in _SHA.findall(text)}

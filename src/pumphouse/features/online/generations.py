"""Generations: the segments that are the newest state of all entities, swapped in one step, and how one is made."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pumphouse.features.online.hashing import Words
from pumphouse.features.online.layout import (
    Column,
    Damaged,
    Keys,
    Kind,
    Layout,
    encode,
    hashes_of,
    keys_in,
    repacked,
    texts_in,
)
from pumphouse.features.online.overlay import Hide, Put, Record, append, framed, is_hidden, merged, parse
from pumphouse.features.online.segments import (
    FORMAT,
    Segment,
    SegmentWriter,
    equal_texts,
    sealed_text,
    unsealed_text,
)
from pumphouse.features.online.store import Generation, micros, moment_of
from pumphouse.lake.disk import folder_to_disk, to_disk
from pumphouse.lake.locks import held

DELTAS_MAX = 4
"""Segments over the first one; one more, and all become one."""
KEPT = 3
"""Generations whose files stay: readers may still be opening the ones before the newest."""
ROWS_AT_ONCE = 50_000
LOCK_WAIT_S = 60.0
_CURRENT = "current"
_GENERATIONS = "generations"
_GONE = np.uint64(1)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One generation: what it covers, and the segments it is read from, newest first."""

    format: int
    number: int
    snapshot: int
    as_of: int
    """Microseconds since 1970 UTC."""
    entities: int
    entity: tuple[tuple[str, Kind], ...]
    columns: tuple[Column, ...]
    segments: tuple[str, ...]
    log: str
    max_age: int | None
    """Microseconds."""

    @property
    def layout(self) -> Layout:
        """How its rows are stored."""
        return Layout(entity=self.entity, columns=self.columns)

    @property
    def generation(self) -> Generation:
        """As those who read know it."""
        return Generation(
            number=self.number, snapshot=self.snapshot, as_of=moment_of(self.as_of), entities=self.entities
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did. `changed` counts entities that are new or have other values, `gone` those that left."""

    manifest: Manifest
    changed: int
    gone: int


def current(home: Path) -> Manifest | None:
    """The generation that is named now, or the newest one before it that can be read; None where there is none."""
    return next(iter(readable(home)), None)


def readable(home: Path) -> Iterable[Manifest]:
    """Generations whose manifest is whole, the one that is named now first, then from the newest."""
    names = [_CURRENT]
    if (home / _GENERATIONS).is_dir():
        names += [
            f"{_GENERATIONS}/{name}"
            for name in sorted((one.name for one in (home / _GENERATIONS).iterdir()), reverse=True)
        ]
    seen = set()
    for name in names:
        try:
            manifest = msgspec.json.decode(unsealed_text((home / name).read_bytes()), type=Manifest)
        except (OSError, msgspec.MsgspecError, Damaged):
            continue
        if manifest.format == FORMAT and (manifest.number, manifest.as_of) not in seen:
            seen.add((manifest.number, manifest.as_of))
            yield manifest


def signature(home: Path) -> tuple[int, int] | None:
    """What differs whenever another generation is named; None where none is."""
    try:
        found = os.stat(f"{home}/{_CURRENT}")  # noqa: PTH116  # each read asks, and a Path takes three times as long
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def segments_of(home: Path, manifest: Manifest) -> tuple[Segment, ...]:
    """Its segments, newest first. Raises Damaged."""
    return tuple(Segment(home / name) for name in manifest.segments)


def put(home: Path, frames: list[bytes]) -> None:
    """Add records to the log of the generation that is named now; on disk when this returns."""
    with held(home / "log.lock", purpose="writing to an online store", wait_s=LOCK_WAIT_S):
        manifest = current(home)
        assert manifest is not None  # a store is opened where there is a generation
        append(home / manifest.log, frames)


def publish(
    home: Path,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    *,
    layout: Layout,
    snapshot: int,
    as_of: datetime,
    max_age: int | None = None,
    hidden: Mapping[str, frozenset[str]] | None = None,
    anew: bool = False,
) -> Published:
    """The generation that holds these entities and no others, readable by all when this returns.

    `batches` have the entity's columns, the layout's, and for one that expires also `...__expires_at`.
    Only what differs from the generation before is written, as a segment over its segments; with another layout, or
    where those can't be read, or `anew`, everything is. Where nothing differs, only the moment moves on. Killed at any
    point, the generation before stays. `hidden` are people (by column and value) of whom nothing newer is kept either.
    """
    with held(home / "publish.lock", purpose="publishing an online store", wait_s=LOCK_WAIT_S):
        for scratch in home.glob("new-*"):  # of somebody who was killed: whoever publishes holds the lock
            shutil.rmtree(scratch)
        before = current(home)
        try:
            old = segments_of(home, before) if before and before.layout == layout and not anew else ()
        except Damaged:
            old = ()
        scratch = home / f"new-{uuid.uuid4().hex}"
        try:
            try:
                made = _made(scratch, batches(), layout=layout, old=old)
                names = _joined(home, scratch, made, layout=layout, old=old)
            except Damaged:  # what is there can't be built upon
                shutil.rmtree(scratch, ignore_errors=True)
                old = ()
                made = _made(scratch, batches(), layout=layout, old=old)
                names = _joined(home, scratch, made, layout=layout, old=old)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(home / f"{scratch.name}-all", ignore_errors=True)
        moved_on = bool(before and old and names == before.segments)
        number = before.number + (not moved_on) if before else 1
        manifest = Manifest(
            format=FORMAT,
            number=number,
            snapshot=snapshot,
            as_of=micros(as_of),
            entities=made.entities,
            entity=layout.entity,
            columns=layout.columns,
            segments=names,
            log="",
            max_age=max_age,
        )
        manifest = _swap(home, manifest, before=before, hidden=hidden or {})
        _clean(home)
    return Published(manifest=manifest, changed=made.changed, gone=made.gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    entities: int
    changed: int
    gone: int


def _made(scratch: Path, batches: Iterable[pa.RecordBatch], *, layout: Layout, old: tuple[Segment, ...]) -> _Made:
    """Write what differs into a segment at `scratch`."""
    writer = SegmentWriter(scratch, layout)
    seen = [np.zeros(one.count, bool) for one in old]
    entities = changed = 0
    try:
        for batch in batches:
            rows, heap = encode(layout, batch)
            keys = keys_in(layout, rows, heap)
            hashes = hashes_of(keys)
            entities += len(rows)
            if old:
                differs = _differing(layout, rows, heap, keys=keys, hashes=hashes, old=old, seen=seen)
                if not differs.all():
                    rows, heap = repacked(layout, rows[differs], heap)
                    hashes = hashes[differs]
            if len(rows):
                changed += len(rows)
                writer.add(rows, heap, hashes)
        gone = 0
        for at, one in enumerate(old):
            for rows, heap in _left(one, seen[at], newer=old[:at]):
                rows[:, layout.flags] |= _GONE
                gone += len(rows)
                writer.add(rows, heap, hashes_of(keys_in(layout, rows, heap)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return _Made(entities=entities, changed=changed, gone=gone)


def _differing(
    layout: Layout,
    rows: Words,
    heap: Words,
    *,
    keys: Keys,
    hashes: Words,
    old: tuple[Segment, ...],
    seen: list[NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Which rows differ from the newest that there is of their keys; marks all that there are as seen."""
    differs = np.ones(len(rows), bool)
    newest = np.ones(len(rows), bool)
    for segment, marks in zip(old, seen, strict=True):
        found = segment.find(keys, hashes)
        there = found >= 0
        marks[found[there]] = True
        first = np.nonzero(there & newest)[0]
        newest[first] = False
        differs[first] = ~_same(layout, rows[first], heap, segment.rows[found[first]], segment.heap)
    return differs


def _same(layout: Layout, rows: Words, heap: Words, others: Words, other_heap: Words) -> NDArray[np.bool_]:
    """Whether each row says the same as its other; their keys are the same, so the words of these are not compared."""
    plain = [at for at in range(layout.flags, layout.width) if at not in layout.texts]
    same: NDArray[np.bool_] = (rows[:, plain] == others[:, plain]).all(axis=1)
    for at in layout.texts:
        if at < layout.flags:
            continue
        which = np.nonzero(same & (rows[:, at] > 0))[0]
        same[which] = equal_texts(texts_in(rows[which, at], heap), texts_in(others[which, at], other_heap))
    return same


def _left(segment: Segment, seen: NDArray[np.bool_], *, newer: tuple[Segment, ...]) -> Iterable[tuple[Words, Words]]:
    """Fresh rows of those entities of a segment that were not seen, are not gone already, and have nothing newer."""
    unseen = np.nonzero(~seen)[0]
    for start in range(0, len(unseen), ROWS_AT_ONCE):
        numbers = unseen[start : start + ROWS_AT_ONCE]
        rows = segment.checked(numbers)
        rows = rows[(rows[:, segment.layout.flags] & _GONE) == 0]
        rows = rows[~_superseded(segment, rows, newer)]
        if len(rows):
            yield repacked(segment.layout, rows, segment.heap)


def _superseded(segment: Segment, rows: Words, newer: tuple[Segment, ...]) -> NDArray[np.bool_]:
    found = np.zeros(len(rows), bool)
    if newer and len(rows):
        keys = keys_in(segment.layout, rows, segment.heap)
        hashes = hashes_of(keys)
        for one in newer:
            found |= one.find(keys, hashes) >= 0
    return found


def _joined(home: Path, scratch: Path, made: _Made, *, layout: Layout, old: tuple[Segment, ...]) -> tuple[str, ...]:
    """The names of the segments that hold all, the new one moved to its place among them."""
    names = tuple(one.folder.name for one in old)
    if old and not made.changed and not made.gone:
        return names
    if made.changed == made.entities:
        return (_settled(home, scratch),)
    stored = made.changed + made.gone + sum(one.count for one in old)
    if len(old) <= DELTAS_MAX and stored <= 2 * made.entities:
        return (_settled(home, scratch), *names)
    return (_settled(home, _merged(home / f"{scratch.name}-all", layout, (Segment(scratch), *old))),)


def _merged(folder: Path, layout: Layout, segments: tuple[Segment, ...]) -> Path:
    """One segment with the newest row of every entity that is not gone."""
    writer = SegmentWriter(folder, layout)
    try:
        for at, segment in enumerate(segments):
            nothing = np.zeros(segment.count, bool)
            for rows, heap in _left(segment, nothing, newer=segments[:at]):
                writer.add(rows, heap, hashes_of(keys_in(layout, rows, heap)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return folder


def _settled(home: Path, scratch: Path) -> str:
    name = f"segment-{scratch.name.removeprefix('new-')}"
    scratch.rename(home / name)
    folder_to_disk(home)
    return name


def _swap(home: Path, manifest: Manifest, *, before: Manifest | None, hidden: Mapping[str, frozenset[str]]) -> Manifest:
    """Name the generation as the one that is read, with the part of the log that is newer than it."""
    with held(home / "log.lock", purpose="publishing an online store", wait_s=LOCK_WAIT_S):
        log = before.log if before else f"log-{uuid.uuid4().hex}"
        records = parse((home / log).read_bytes())[0] if before and (home / log).exists() else []
        kept = _kept(records, manifest, hidden)
        if kept != records:
            log = f"log-{uuid.uuid4().hex}"
            append(home / log, [framed(record) for record in kept])
        manifest = msgspec.structs.replace(manifest, log=log)
        data = sealed_text(msgspec.json.encode(manifest))
        (home / _GENERATIONS).mkdir(exist_ok=True)
        _replace(home / _GENERATIONS / f"{manifest.number:012}", data)
        _replace(home / _CURRENT, data)
    return manifest


def _kept(records: list[Record], manifest: Manifest, hidden: Mapping[str, frozenset[str]]) -> list[Record]:
    """What of a log a generation does not supersede; people stay hidden."""
    hides = {record: None for record in records if isinstance(record, Hide)}
    for column, values in hidden.items():
        hides |= {Hide(column=column, value=value): None for value in sorted(values)}
    everybody = merged({}, hides)
    entity = [name for name, _ in manifest.entity]
    puts = (record for record in records if isinstance(record, Put) and record.at > manifest.as_of)
    return [*hides, *(one for one in puts if len(one.key) == len(entity) and not is_hidden(entity, one.key, everybody))]


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}")
    with scratch.open("wb") as file:
        file.write(data)
        to_disk(file)
    scratch.replace(path)
    folder_to_disk(path.parent)


def _clean(home: Path) -> None:
    """Remove what only generations name that nobody opens any more. Who has their files mapped reads on."""
    manifests = sorted((home / _GENERATIONS).glob("[0-9]*"))
    for path in manifests[:-KEPT]:
        path.unlink()
    named: set[str] = set()
    for manifest in readable(home):
        named |= {*manifest.segments, manifest.log}
    for path in home.iterdir():
        if path.name.startswith("segment-") and path.name not in named:
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith("log-") and path.name not in named:
            path.unlink()

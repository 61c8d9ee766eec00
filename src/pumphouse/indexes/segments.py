"""The files of an index: segments that never change, and folders that name some of them.

A folder is what the search library calls an index: `meta.json` names segments and which rows of each are deleted.
Neither a segment's files nor its bitmap of deleted rows ever change, so a folder is put together of segments of other
folders by links, without copying, and words' statistics are those of all its segments. Measured: 5 ms for 20 of them.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.indexes import cold, words
from pumphouse.indexes.fields import ROW, Field
from pumphouse.lake.disk import folder_to_disk, to_disk

if TYPE_CHECKING:
    import pyarrow as pa
    import tantivy

META, MANAGED, LOCK = "meta.json", ".managed.json", ".tantivy-meta.lock"
FILES = "files.json"
"""What a whole folder has, by which it is seen that something is missing."""
VERIFIED_BYTES_MAX = 16 * 1024 * 1024
"""How much of an index each run reads to see whether it is still what was written; measured: 6 ms."""
_FOOTER_MAGIC = 1337
"""The last four bytes of each of the library's files, after a checksum of what is before."""
_FOOTER_BYTES_MAX = 4096
HEAP_BYTES = 256 * 1024 * 1024
"""What the writer holds before it writes a segment. With less, 10,000 rows are two: what is not used costs nothing."""
LEFT_OUT_AT_ONCE = 100_000
"""How many rows one query names that leave an index."""
ONE_IN = 20
"""Where more than one in so many rows leaves, one query names all; it looks at each id that there is.

Measured, 40,000 rows: of 0.5M 51 ms, and a query for each 145; of 4M 205 and 100.
"""
MERGED_FROM = 8
"""The library merges so many segments of about one size, and leaves fewer alone."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the rows of an index, in files that never change."""

    id: str
    rows: int
    """How many were written."""
    dead: int = 0
    """How many of them are not of the index any more."""
    stamp: int = 0
    """Names the bitmap of those."""
    partition: str = ""
    first: int = 0
    """The lowest row id."""
    last: int = 0
    """The highest row id."""
    ends: dict[str, tuple[float, float]] = {}
    """The lowest and the highest number of each column that has any, of all rows that were written."""

    @property
    def stem(self) -> str:
        """With what its files' names begin."""
        return self.id.replace("-", "")


def segments(folder: Path) -> list[Segment]:
    """What a folder names. Raises OSError and ValueError where it can't be read."""
    found = []
    for one in _meta(folder)["segments"]:
        deletes = one["deletes"] or {"num_deleted_docs": 0, "opstamp": 0}
        found.append(
            Segment(
                id=one["segment_id"], rows=one["max_doc"], dead=deletes["num_deleted_docs"], stamp=deletes["opstamp"]
            )
        )
    return found


def put_together(target: Path, parts: Iterable[tuple[Path, Sequence[Segment]]], *, schema: tantivy.Schema) -> None:
    """A folder that names segments of others. Raises OSError where one is missing."""
    words.create(target, schema)
    meta = _meta(target)
    for folder, chosen in parts:
        names = _by_stem(folder) if chosen else {}
        for one in chosen:
            _link(one, names.get(one.stem, ()), folder, target)
            deletes = {"num_deleted_docs": one.dead, "opstamp": one.stamp} if one.dead else None
            meta["segments"].append({"segment_id": one.id, "max_doc": one.rows, "deletes": deletes})
            # What is written here later has a higher stamp than any bitmap that is here.
            meta["opstamp"] = max(meta["opstamp"], one.stamp)
    scratch = target / f".{META}"
    scratch.write_bytes(msgspec.json.encode(meta))
    scratch.replace(target / META)


def seal(folder: Path) -> None:
    """Write down what a folder has that will not change any more. It is on disk when this returns."""
    meta = (folder / META).read_bytes()
    own = (META, FILES)
    files = [file for file in folder.iterdir() if file.name not in own and not file.name.startswith(".")]
    listed = {file.name: file.stat().st_size for file in files}
    # The library lets nobody else read one of its files, and who opens an index has to write to another.
    (folder / MANAGED).chmod(0o600 | stat.S_IMODE(folder.stat().st_mode) & 0o044)
    (folder / LOCK).touch()
    (folder / LOCK).chmod(0o600 | stat.S_IMODE(folder.stat().st_mode) & 0o066)
    (folder / FILES).write_bytes(msgspec.json.encode(_Files(files=listed, meta=zlib.crc32(meta))))
    for name in (FILES, META):
        with (folder / name).open("rb+") as file:
            to_disk(file)
    folder_to_disk(folder)


def check(folder: Path) -> None:
    """Raise OSError or ValueError where a sealed folder has not all that it had. It costs a look at each file."""
    listed = msgspec.json.decode((folder / FILES).read_bytes(), type=_Files)
    if zlib.crc32((folder / META).read_bytes()) != listed.meta:
        raise ValueError(f"{folder / META} is damaged")
    with os.scandir(folder) as entries:
        there = {one.name: one.stat().st_size for one in entries}
    for name, size in listed.files.items():
        if name not in there:
            raise FileNotFoundError(f"{folder / name} is missing")
        if there[name] != size:
            raise ValueError(f"{folder / name} is damaged: it should have {size} bytes")


def open_whole(folder: Path) -> tantivy.Index:
    """The index in a sealed folder. Raises OSError or ValueError where something of it is missing."""
    check(folder)
    cold.read_ends(folder)
    index = words.open_index(folder)
    cold.read_pages_alone(folder)
    return index


def verify(folder: Path, *, chance: random.Random, bytes_max: int = VERIFIED_BYTES_MAX) -> None:
    """Read files of a sealed folder, by chance, and compare their checksums. Raises OSError or ValueError."""
    check(folder)
    names = _by_stem(folder)
    files = sorted(folder / name for one in segments(folder) for name in names.get(one.stem, ()))
    chance.shuffle(files)
    read = 0
    for file in files:
        size = file.stat().st_size
        if read and read + size > bytes_max:
            continue
        read += size
        _verify(file)


def write(
    folder: Path,
    documents: Iterable[pa.Array],
    *,
    without: pa.Array | None = None,
) -> Iterator[int]:
    """Leave rows out of a folder's segments, by their ids, and add documents; the rows so far are given on the way.

    The library merges segments of one size. Raises OSError and ValueError where it can't be written.
    """

    index = words.open_index(folder)
    writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
    rows = 0
    if without is not None and len(without):
        for query in _queries(without.to_pylist(), index=index, rows=sum(one.rows for one in segments(folder))):
            writer.delete_documents_by_query(query)
    add = writer.add_json
    for batch in documents:
        for one in batch.to_pylist():
            add(one)
        rows += len(batch)
        yield rows
    writer.commit()
    writer.wait_merging_threads()


def _queries(gone: list[int], *, index: tantivy.Index, rows: int) -> Iterator[tantivy.Query]:
    """What finds the rows of these ids among so many."""
    import tantivy

    if rows < ONE_IN * len(gone):
        for start in range(0, len(gone), LEFT_OUT_AT_ONCE):
            yield tantivy.Query.term_set_query(index.schema, ROW, gone[start : start + LEFT_OUT_AT_ONCE])
    else:
        schema, query = index.schema, tantivy.Query.term_query  # to look them up for each costs half as much again
        for row in gone:
            yield query(schema, ROW, row, "basic")


def row_ids(index: tantivy.Index) -> pa.Array:
    """The ids of all rows that are alive in an index."""
    import pyarrow as pa
    import tantivy

    searcher = index.searcher()
    if not searcher.num_docs:
        return pa.array([], pa.int64())
    found = searcher.search(tantivy.Query.all_query(), limit=searcher.num_docs, count=False)
    return pa.array(searcher.fast_field_values(ROW, [place for _, place in found.hits]), pa.int64())


def bounds(index: tantivy.Index) -> tuple[int, int]:
    """The lowest and the highest id of the rows that are alive in an index."""
    import tantivy

    asked = {"first": {"min": {"field": ROW}}, "last": {"max": {"field": ROW}}}
    found: dict[str, Any] = index.searcher().aggregate(tantivy.Query.all_query(), asked)
    return int(found["first"]["value"] or 0), int(found["last"]["value"] or 0)


def ends(index: tantivy.Index, fields: Iterable[Field]) -> dict[str, tuple[float, float]]:
    """The lowest and the highest number of each column that has any."""
    import tantivy

    numbers = [field for field in fields if field.value in ("integer", "unsigned", "float")]
    if not numbers:
        return {}
    asked = {f"{kind} {field.column}": {kind: {"field": field.whole}} for field in numbers for kind in ("min", "max")}
    found: dict[str, Any] = index.searcher().aggregate(tantivy.Query.all_query(), asked)
    known = {
        field.column: tuple(found[f"{kind} {field.column}"]["value"] for kind in ("min", "max")) for field in numbers
    }
    return {column: (low, high) for column, (low, high) in known.items() if low is not None}


def remove(folder: Path) -> None:
    """Take a folder away; segments that others name stay."""
    shutil.rmtree(folder, ignore_errors=True)


class _Files(msgspec.Struct, frozen=True):
    files: dict[str, int]
    meta: int


def _by_stem(folder: Path) -> dict[str, list[str]]:
    """The names of a folder's files by what they begin with."""
    found: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        for one in entries:
            found.setdefault(one.name.partition(".")[0], []).append(one.name)
    return found


def _link(segment: Segment, names: Iterable[str], folder: Path, target: Path) -> None:
    bitmap = f"{segment.stem}.{segment.stamp}.del"
    linked = 0
    for name in names:
        if not name.endswith(".del") or (segment.dead and name == bitmap):
            _link_file(target, folder, name)
            linked += name.endswith(".del")
    if segment.dead and not linked:
        raise FileNotFoundError(f"{folder / bitmap} is missing")


def _link_file(target: Path, folder: Path, name: str) -> None:
    try:
        os.link(f"{folder}/{name}", f"{target}/{name}")  # to make a Path of each takes longer than the link
    except FileNotFoundError:
        raise
    except OSError as error:
        file = folder / name
        is_elsewhere = error.errno == errno.EXDEV or file.stat().st_uid != os.geteuid()
        if is_elsewhere or file.is_symlink():  # only a reader's view, for which the file need not outlive its state
            (target / name).symlink_to(file.resolve(strict=True))
        else:  # the disk knows no such links
            shutil.copyfile(file, target / name)


def _verify(file: Path) -> None:
    """Every file of the library ends with JSON that has a checksum of what is before, its length, and a number."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - _FOOTER_BYTES_MAX))
        end = opened.read()
        length = int.from_bytes(end[-8:-4], "little")
        footer = end[-8 - length : -8]
        left, checksum = size - 8 - length, 0
        opened.seek(0)
        while left > 0 and (data := opened.read(min(left, 1 << 20))):
            checksum = zlib.crc32(data, checksum)
            left -= len(data)
    with suppress(ValueError, KeyError, TypeError):
        said = msgspec.json.decode(footer)["crc"]
        if left == 0 and said == checksum and int.from_bytes(end[-4:], "little") == _FOOTER_MAGIC:
            return
    raise ValueError(f"{file} is damaged")


def _meta(folder: Path) -> dict[str, Any]:
    meta: dict[str, Any] = msgspec.json.decode((folder / META).read_bytes())
    return meta

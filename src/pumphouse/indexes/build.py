"""Building a search index: beside the lake, from one snapshot, and named only when it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Search
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.indexes import words
from pumphouse.indexes.manifest import Manifest, current, home, swap
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context

if TYPE_CHECKING:
    import pyarrow as pa
    import tantivy

HEAP_BYTES = 64 * 1024 * 1024
"""What the writer holds before it writes a segment."""
ROWS_AT_ONCE = 2_000
"""A bound on what is Python objects at a time."""
MANIFEST = "index"
"""The artefact that names the snapshot which the index covers."""


def build(asset: Asset, context: Context) -> Built:
    """The index of the table at the run's snapshot, in the place of the one before, and the lake's record of it.

    A run that dies leaves the index before; one that dies after the swap is only recorded by the next. The whole index
    is made anew for each version of the table. Raises BuildError where a column can't be searched.
    """
    words.require()
    spec: Search = asset.spec
    key = _key(asset, context)
    columns = _columns(asset, context, key)
    manifest = current(context.lake, asset.name)
    version = context.inputs.get(spec.table) or context.lake.version(spec.table, snapshot=context.snapshot)
    was_there = (
        manifest is not None
        and (manifest.version, manifest.fingerprint, manifest.words) == (version, context.fingerprint, words.VERSION)
        and (home(context.lake, asset.name) / manifest.folder).is_dir()
    )
    last = context.lake.builds().get(asset.name)
    if manifest is None or not was_there or context.mode != "normal":
        manifest = _made(asset, context, key=key, columns=columns, version=version, before=manifest)
    elif last is not None and last.detail.get("folder") == manifest.folder:
        return Built(asset=asset.name, snapshot=None, note=f"covers snapshot {manifest.snapshot} already")
    commit = context.begin(asset)
    commit.detail(folder=manifest.folder)
    facts = {"rows": manifest.rows, "snapshot": manifest.snapshot}
    data = swap(context.lake, manifest)
    commit.artefact(MANIFEST, context.lake.blobs.put(data), facts, read_at=manifest.snapshot)
    counts = Counts(rows_in=manifest.rows, rows_out=manifest.rows)
    committed = commit.publish(counts)
    note = f"{manifest.rows:,} rows of '{spec.table}' at snapshot {manifest.snapshot}"
    return Built(asset=asset.name, snapshot=committed.snapshot if committed else None, counts=counts, note=note)


def _made(
    asset: Asset,
    context: Context,
    *,
    key: tuple[str, ...],
    columns: dict[str, pa.DataType],
    version: int,
    before: Manifest | None,
) -> Manifest:
    """A new index in a folder of its own, whole and on disk; nothing names it yet."""
    spec: Search = asset.spec
    folder = home(context.lake, asset.name) / f"{context.snapshot}-{context.run}"
    sort = _sort_kind(asset, columns)
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of the same run's try before
        folder.mkdir(parents=True)
        index = words.create(folder, words.shape(text=spec.text, filters=spec.filter, sort=sort))
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        rows = 0
        for document in _documents(asset, context, key=key, columns=columns, sort=sort):
            writer.add_document(document)
            rows += 1
            if rows % ROWS_AT_ONCE == 0:
                context.progress(rows)
        writer.commit()
        writer.wait_merging_threads()
    except (OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(
            f"the index of '{spec.table}' could not be written: {error}",
            asset=asset.name,
            place=asset.place,
            mend=f"Is there space in {folder.parent}? The index before still answers.",
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Manifest(
        name=asset.name,
        table=spec.table,
        snapshot=context.snapshot,
        version=version,
        rows=rows,
        words=words.VERSION,
        key=key,
        text=spec.text,
        filters=spec.filter,
        sort=spec.sort,
        fingerprint=context.fingerprint,
        folder=folder.name,
        previous=before.folder if before else None,
    )


def _documents(
    asset: Asset, context: Context, *, key: tuple[str, ...], columns: dict[str, pa.DataType], sort: str | None
) -> Iterator[tantivy.Document]:
    """One document for each row; what has no value is left out of it."""
    import pyarrow as pa
    import tantivy

    spec: Search = asset.spec
    fields = [(name, words.text_field(name)) for name in spec.text]
    fields += [(name, words.filter_field(name)) for name in spec.filter]
    selected = ", ".join(map(quoted, columns))
    order = ", ".join(map(quoted, key))
    query = context.query(f"SELECT {selected} FROM {quoted(spec.table)} ORDER BY {order}", spec.table)
    for batch in context.engine.read(query):
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            part = batch.slice(start, ROWS_AT_ONCE)
            texts = {name: part.column(name).cast(pa.string()).to_pylist() for name in {*key, *spec.text, *spec.filter}}
            ranks = _ranks(part.column(spec.sort), sort) if spec.sort else []
            for row in range(part.num_rows):
                document = tantivy.Document()
                document.add_text(words.KEY, json.dumps([texts[name][row] for name in key]))
                for name, field in fields:
                    if (text := texts[name][row]) is not None:
                        document.add_text(field, text)
                if ranks and ranks[row] is not None:
                    add = document.add_integer if sort == "integer" else document.add_float
                    add(words.SORT, ranks[row])
                yield document


def _ranks(column: pa.Array, sort: str | None) -> list[Any]:
    """The sort column as numbers: microseconds of moments, days of dates."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz))
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.int32())
    return list(column.cast(pa.int64() if sort == "integer" else pa.float64()).to_pylist())


def _key(asset: Asset, context: Context) -> tuple[str, ...]:
    table = asset.spec.table
    known = context.assets.get(table)
    if known is None or not known.common.key:
        raise BuildError(
            f"'{table}' has no key, so a hit could not name its row",
            asset=asset.name,
            place=asset.place,
            mend=f"Declare the key of '{table}': key=\"...\".",
        )
    return known.common.key


def _columns(asset: Asset, context: Context, key: tuple[str, ...]) -> dict[str, pa.DataType]:
    """The columns that the index reads, each with its type."""
    import pyarrow as pa

    spec: Search = asset.spec
    schema = context.scan(spec.table).schema
    wanted = dict.fromkeys([*key, *spec.text, *spec.filter, *([spec.sort] if spec.sort else [])])
    for name in wanted:
        if name not in schema.names:
            raise BuildError(
                f"'{spec.table}' has no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, schema.names) or f"It has {', '.join(schema.names)}.",
            )
        kind = schema.field(name).type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_interval(kind):
            raise BuildError(f"column '{name}' is {kind}, which can't be searched", asset=asset.name, place=asset.place)
    return {name: schema.field(name).type for name in wanted}


def _sort_kind(asset: Asset, columns: dict[str, pa.DataType]) -> str | None:
    import pyarrow as pa

    column = asset.spec.sort
    if column is None:
        return None
    kind = columns[column]
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    raise BuildError(
        f"hits can't be sorted by '{column}', which is {kind}",
        asset=asset.name,
        place=asset.place,
        mend="Sort by a number, a date or a time.",
    )

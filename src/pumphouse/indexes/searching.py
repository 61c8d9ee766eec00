"""Searching an index: hits with their rows, as they were at the snapshot that the index covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import quoted
from pumphouse.errors import LakeError, UnknownName
from pumphouse.indexes.excerpts import Excerpt, excerpt
from pumphouse.indexes.fields import ROW, STORED
from pumphouse.indexes.lookup import Lookup, lookup
from pumphouse.indexes.manifest import Manifest
from pumphouse.indexes.segments import bounds
from pumphouse.indexes.views import View, view
from pumphouse.lake.places import scan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import tantivy

    from pumphouse.engines.engine import Engine, Scan
    from pumphouse.lake.lake import Lake

LIMIT_MAX = 1_000
MATCHES_AT_ONCE = 500_000
"""A bound on the matches that are Python objects at a time."""

Order = Literal["score", "newest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that was found. `score` is None where hits are in the order of their sort column."""

    key: tuple[Any, ...]
    score: float | None
    row: dict[str, Any]
    excerpts: dict[str, Excerpt]
    """For each text column in which a word was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to. `total` counts all rows that match, `hits` are the first of them.

    All is as of `snapshot`. Rows of people with a tombstone are not among them.
    """

    hits: tuple[Hit, ...]
    total: int
    snapshot: int
    table: str
    scanned: int = 0
    """How many rows were not indexed yet, or differ from those indexed, and were read for this answer."""

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """The rows of the hits, in their order."""
        return tuple(hit.row for hit in self.hits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """All rows that match a query: `table` has their ids, `_rowid`, by which `snapshot` knows them, and their score."""

    table: pa.Table
    snapshot: int
    table_name: str
    """The table whose rows they are."""
    scanned: int = 0
    """How many rows were not indexed yet, or differ from those indexed, and were read for this answer."""


def search(
    lake: Lake,
    asset: Asset,
    query: str,
    *,
    where: Mapping[str, str] | None = None,
    order: Order = "score",
    limit: int = 10,
    snapshot: int | None = None,
) -> Found:
    """The first `limit` rows of an index that match `query` (see `indexes.queries`), the best or the newest first.

    `where` names filter columns with the exact text of their value. `snapshot` asks for one that is not the
    newest. Raises QueryError, UnknownName, and LakeError where no index can answer.
    """
    engine = lake.engine.fork()
    try:
        opened = view(lake, asset.name, snapshot=snapshot, engine=engine)
        asked = lookup(query, index=opened.index, manifest=opened.manifest, where=where or {})

        def rows(found: Sequence[tuple[int, tantivy.DocAddress]]) -> dict[int, dict[str, Any]]:
            ids = [row_id for row_id, _ in found]
            scan = scan_of(lake, opened.manifest.table, ids, snapshot=opened.snapshot)
            return _rows(ids, opened.manifest, scan=scan, engine=engine)

        return _found(opened, asked, order=order, limit=max(1, min(limit, LIMIT_MAX)), rows=rows)
    finally:
        engine.close()


def snippets(
    lake: Lake,
    asset: Asset,
    query: str,
    *,
    where: Mapping[str, str] | None = None,
    order: Order = "score",
    limit: int = 10,
    snapshot: int | None = None,
) -> Found:
    """The same hits as those of `search`, with what the index keeps alone: no row of the lake is read for them.

    A row has the columns of the key and of text, as JSON has them. Raises UnknownName where the index does not keep
    text, and what `search` raises.
    """
    engine = lake.engine.fork()
    try:
        opened = view(lake, asset.name, snapshot=snapshot, engine=engine)
    finally:
        engine.close()
    if not opened.manifest.stored:
        raise UnknownName(
            f"index '{asset.name}' does not keep the text",
            asset=asset.name,
            mend=f"Declare it, and run it: ph.search(..., store=True), pumphouse run {asset.name}.",
        )
    asked = lookup(query, index=opened.index, manifest=opened.manifest, where=where or {})
    searcher = opened.index.searcher()

    def rows(found: Sequence[tuple[int, tantivy.DocAddress]]) -> dict[int, dict[str, Any]]:
        return {row_id: msgspec.json.decode(bytes(searcher.doc(place)[STORED][0])) for row_id, place in found}

    return _found(opened, asked, order=order, limit=max(1, min(limit, LIMIT_MAX)), rows=rows)


def matching(
    lake: Lake,
    asset: Asset,
    query: str,
    *,
    where: Mapping[str, str] | None = None,
    snapshot: int | None = None,
    limit: int | None = None,
) -> Matches:
    """The ids of all rows that match, in no order, or of the best `limit` of them, the best first; to be joined in SQL.

    Raises what `search` raises.
    """
    import pyarrow as pa

    engine = lake.engine.fork()
    try:
        opened = view(lake, asset.name, snapshot=snapshot, engine=engine)
        asked = lookup(query, index=opened.index, manifest=opened.manifest, where=where or {})
    finally:
        engine.close()
    searcher = opened.index.searcher()
    if limit is not None and limit <= MATCHES_AT_ONCE:
        batches = [_scored(searcher, asked.query, limit=max(1, limit))]
    else:
        first, last = bounds(opened.index)
        batches = list(_all_scored(opened.index.schema, searcher, asked.query, first=first, last=last))
    table = pa.Table.from_batches(batches, pa.schema([("_rowid", pa.int64()), ("score", pa.float32())]))
    if limit is not None:
        table = table.sort_by([("score", "descending"), ("_rowid", "ascending")]).slice(0, limit)
    return Matches(table=table, snapshot=opened.snapshot, table_name=opened.manifest.table, scanned=opened.scanned)


def _all_scored(
    schema: tantivy.Schema, searcher: tantivy.Searcher, query: tantivy.Query, *, first: int, last: int
) -> Iterator[pa.RecordBatch]:
    """All that match, in spans of row ids, each few enough to be Python objects."""
    import tantivy

    kind = tantivy.FieldType.Unsigned
    span = tantivy.Query.const_score_query(tantivy.Query.range_query(schema, ROW, kind, first, last), 0.0)
    within = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, span)])
    count: int = searcher.search(within, 1).count  # type: ignore[attr-defined]  # the library's stub does not know it
    if count > MATCHES_AT_ONCE:
        middle = (first + last) // 2
        yield from _all_scored(schema, searcher, query, first=first, last=middle)
        yield from _all_scored(schema, searcher, query, first=middle + 1, last=last)
    elif count:
        yield _scored(searcher, within, limit=count)


def _scored(searcher: tantivy.Searcher, query: tantivy.Query, *, limit: int) -> pa.RecordBatch:
    import pyarrow as pa

    hits = searcher.search(query, min(limit, max(1, searcher.num_docs)), count=False).hits
    ids = searcher.fast_field_values(ROW, [place for _, place in hits])
    scores = pa.array([score for score, _ in hits], pa.float32())
    return pa.RecordBatch.from_arrays([pa.array(ids, pa.int64()), scores], ["_rowid", "score"])


def _found(
    opened: View,
    asked: Lookup,
    *,
    order: Order,
    limit: int,
    rows: Callable[[Sequence[tuple[int, tantivy.DocAddress]]], dict[int, dict[str, Any]]],
) -> Found:
    """The hits with their rows, which `rows` gives by their ids."""
    manifest, searcher = opened.manifest, opened.index.searcher()
    result = searcher.search(asked.query, limit, **_ordered(order, manifest))
    ids = [int(one or 0) for one in searcher.fast_field_values(ROW, [place for _, place in result.hits])]
    known = rows([(row_id, place) for row_id, (_, place) in zip(ids, result.hits, strict=True)])
    if len(known) < len(ids):  # somebody else has merged the lake's files, by which rows may get other ids
        raise LakeError(
            f"index '{manifest.name}' does not fit its table any more",
            asset=manifest.name,
            mend=f"Build it again: pumphouse run {manifest.name} --full",
        )
    hits = []
    for (score, _), row_id in zip(result.hits, ids, strict=True):
        row = known[row_id]
        found = {
            column: excerpt(str(row[column]), marks=marks, analyzer=asked.analyzers[column])
            for column, marks in asked.marks.items()
            if row.get(column) is not None
        }
        hits.append(
            Hit(
                key=tuple(row.get(name) for name in manifest.key),
                score=score if order == "score" else None,
                row=row,
                excerpts={column: part for column, part in found.items() if part},
            )
        )
    return Found(
        hits=tuple(hits),
        total=result.count,  # type: ignore[attr-defined]  # the library's stub does not know it
        snapshot=opened.snapshot,
        table=manifest.table,
        scanned=opened.scanned,
    )


def _ordered(order: Order, manifest: Manifest) -> dict[str, Any]:
    import tantivy

    if order == "score":
        return {}
    if manifest.sort is None:
        raise UnknownName(
            f"index '{manifest.name}' has no column to sort by",
            asset=manifest.name,
            mend='Declare one: ph.search(..., sort="...").',
        )
    return {"order_by_field": manifest.by_column[manifest.sort].whole, "order": tantivy.Order.Desc}


def _rows(ids: list[int], manifest: Manifest, *, scan: Scan, engine: Engine) -> dict[int, dict[str, Any]]:
    """The rows with these ids."""
    import pyarrow as pa

    if not ids:
        return {}
    columns = ", ".join(map(quoted, scan.columns))
    query = Query(
        text=f"SELECT {columns} FROM {quoted(manifest.table)} WHERE _rowid IN (SELECT id FROM _ids)",
        inputs={manifest.table: scan},
        tables={"_ids": pa.table({"id": pa.array(ids, pa.int64())})},
    )
    found = {}
    for row in engine.read(query).read_all().to_pylist():
        row_id = row.pop("_rowid")
        del row["_row_since"]
        found[row_id] = row
    return found

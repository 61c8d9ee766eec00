"""Searching an index: hits with their rows, as they were at the snapshot that the index covers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import quoted
from pumphouse.errors import LakeError, UnknownName
from pumphouse.indexes import words
from pumphouse.indexes.excerpts import Excerpt, excerpt
from pumphouse.indexes.lookup import Lookup, lookup
from pumphouse.indexes.manifest import Manifest, current, home

if TYPE_CHECKING:
    import tantivy

    from pumphouse.engines.engine import Engine, Scan
    from pumphouse.lake.lake import Lake

LIMIT_MAX = 1_000
PAGES_MAX = 10
"""How often to look for more hits in the place of rows that may not be shown."""
OPEN_TRIES_MAX = 3

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

    All is as of `snapshot`, the one that the index covers. People with a tombstone are in no hit; `total` may still
    count those beyond the hits until the index is built again.
    """

    hits: tuple[Hit, ...]
    total: int
    snapshot: int
    table: str

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """The rows of the hits, in their order."""
        return tuple(hit.row for hit in self.hits)


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

    `where` names filter columns with the exact text of their value. `snapshot` asks for one: it must be one at which
    the table was as the index has it. Raises QueryError, UnknownName, and LakeError where no index can answer.
    """
    words.require()
    index, manifest = _opened(lake, asset.name)
    if snapshot is not None and lake.version(manifest.table, snapshot=snapshot) != manifest.version:
        raise LakeError(
            f"index '{asset.name}' covers snapshot {manifest.snapshot}; '{manifest.table}' was another at {snapshot}",
            asset=asset.name,
            mend=f"Leave the snapshot out, or scan the table: SELECT * FROM {manifest.table} WHERE ... ILIKE '%...%'.",
        )
    asked = lookup(query, index=index, manifest=manifest, where=where or {})
    scan = lake.scan(manifest.table, snapshot=manifest.snapshot)
    engine = lake.engine.fork()
    try:
        return _found(
            index, manifest, asked, order=order, limit=max(1, min(limit, LIMIT_MAX)), scan=scan, engine=engine
        )
    finally:
        engine.close()


def _found(
    index: tantivy.Index,
    manifest: Manifest,
    asked: Lookup,
    *,
    order: Order,
    limit: int,
    scan: Scan,
    engine: Engine,
) -> Found:
    """The hits with their rows, from as many pages as it takes to fill the limit."""
    searcher = index.searcher()
    hits: list[Hit] = []
    total = unseen = 0
    for page in range(PAGES_MAX):
        result = searcher.search(asked.query, limit, offset=page * limit, **_ordered(order, manifest))
        total = result.count  # type: ignore[attr-defined]  # the library's stub does not know it
        keys = [json.loads(searcher.doc(address)[words.KEY][0]) for _, address in result.hits]
        rows = _rows(keys, manifest, scan=scan, engine=engine)
        unseen += len(keys) - len(rows)
        for (score, _), key in zip(result.hits, keys, strict=True):
            if (row := rows.get(tuple(key))) is not None and len(hits) < limit:
                found = {
                    column: excerpt(
                        str(row[column]),
                        terms=terms,
                        field=words.text_field(column),
                        searcher=searcher,
                        schema=index.schema,
                    )
                    for column, terms in asked.terms.items()
                    if row[column] is not None
                }
                hits.append(
                    Hit(
                        key=tuple(row[name] for name in manifest.key),
                        score=score if order == "score" else None,
                        row=row,
                        excerpts={column: part for column, part in found.items() if part},
                    )
                )
        if len(hits) == limit or len(keys) < limit:
            break
    return Found(hits=tuple(hits), total=total - unseen, snapshot=manifest.snapshot, table=manifest.table)


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
    return {"order_by_field": words.SORT, "order": tantivy.Order.Desc}


def _opened(lake: Lake, name: str) -> tuple[tantivy.Index, Manifest]:
    """The index that answers now. A swap may come between reading its name and opening it: then look again."""
    for _ in range(OPEN_TRIES_MAX):
        manifest = current(lake, name)
        if manifest is None:
            raise UnknownName(f"index '{name}' was never built", asset=name, mend=f"Build it: pumphouse run {name}")
        if manifest.words != words.VERSION:
            break
        try:
            return words.open_index(home(lake, name) / manifest.folder), manifest
        except ValueError:
            continue
    raise LakeError(
        f"index '{name}' was made by another version of Pumphouse, or is damaged",
        asset=name,
        mend=f"Build it again: pumphouse run {name} --full",
    )


def _rows(
    keys: list[list[str]], manifest: Manifest, *, scan: Scan, engine: Engine
) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows with these keys, as the lake's scan shows them: a row that it hides is not among them."""
    import pyarrow as pa

    if not keys:
        return {}
    asked = {"_number": pa.array(range(len(keys)))}
    for number, name in enumerate(manifest.key):
        kind = scan.schema.field(name).type
        asked[f"_key_{number}"] = pa.array([key[number] for key in keys], pa.string()).cast(kind)
    same = " AND ".join(f"t.{quoted(name)} = k._key_{number}" for number, name in enumerate(manifest.key))
    columns = ", ".join(f"t.{quoted(name)}" for name in scan.columns)
    text = f"SELECT k._number, {columns} FROM {quoted(manifest.table)} t JOIN _keys k ON {same}"
    query = Query(text=text, inputs={manifest.table: scan}, tables={"_keys": pa.table(asked)})
    found = {}
    for row in engine.read(query).read_all().to_pylist():
        found[tuple(keys[row.pop("_number")])] = row
    return found

"""Searching an index: hits with their rows, as they were at the snapshot that the index covers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import LakeError, RequestError, UnknownName
from pumphouse.indexes import pages, values
from pumphouse.indexes.estimates import Reach, narrower
from pumphouse.indexes.excerpts import Excerpt, excerpt
from pumphouse.indexes.facets import Facet
from pumphouse.indexes.facets import facets as counted
from pumphouse.indexes.fields import ROW, STORED
from pumphouse.indexes.lookup import Lookup, Where, lookup
from pumphouse.indexes.manifest import Manifest
from pumphouse.indexes.ordering import (
    After,
    By,
    count_of,
    first_by_columns,
    first_by_score,
    first_by_steps,
    in_order,
    order_of,
    values_of,
)
from pumphouse.indexes.segments import bounds
from pumphouse.indexes.sights import Seen, Sight, seen
from pumphouse.indexes.suggestions import FEW, suggestion
from pumphouse.indexes.values import Value
from pumphouse.indexes.views import View, view
from pumphouse.lake.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import tantivy

    from pumphouse.lake.lake import Lake

LIMIT_MAX = 1_000
MATCHES_AT_ONCE = 500_000
"""A bound on the matches that are Python objects at a time."""

SightAt = Callable[[int], Sight | None]
"""What somebody sees of a table at a snapshot; None is all of it."""
RowsBy = Callable[[Sequence[int], Collection[str] | None], Mapping[int, dict[str, Any]]]
"""Rows by the ids that an index has: some columns of them, or all."""
Order = str
"""How hits are sorted: "score", "newest", or columns as SQL's ORDER BY has them: "amount desc, opened_at"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that was found. `score` is None where no row is better than another, or hits are sorted by columns."""

    key: tuple[Any, ...]
    score: float | None
    row: dict[str, Any]
    excerpts: dict[str, Excerpt]
    """For each text column in which a word was found."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
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
    facets: Mapping[str, Facet] = field(default_factory=dict)
    """By what was asked for, how many of all rows that match have each value."""
    after: str | None = None
    """Where the next page begins, of the same search at the same snapshot; None where there is no other hit."""
    suggestion: str | None = None
    """A query that finds more, with words as they are in the table, where this one finds next to nothing."""

    def __repr__(self) -> str:
        said = f"Found({self.total:,} of '{self.table}' at snapshot {self.snapshot}"
        said += f", {len(self.hits)} hits" if len(self.hits) < self.total else ""
        said += f", {self.scanned:,} rows scanned" if self.scanned else ""
        said += f", did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{said})"

    def _repr_html_(self) -> str:
        """The hits for a notebook: each with its key, its score, and where its words are."""
        lines = [f"<p>{escape(repr(self))}</p>"]
        for hit in self.hits:
            cells = [" ".join(map(str, hit.key)), "" if hit.score is None else f"{hit.score:.2f}"]
            shown = "<br>".join(f"<b>{escape(name)}</b> {one.html}" for name, one in hit.excerpts.items())
            shown = shown or escape(", ".join(f"{name}: {value}" for name, value in hit.row.items())[:200])
            lines.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}<td>{shown}</td></tr>")
        return f"{lines[0]}<table>{''.join(lines[1:])}</table>"

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
    where: Where | None = None,
    order: Order = "score",
    facets: Sequence[str] | None = None,
    limit: int = 10,
    after: str | None = None,
    snapshot: int | None = None,
    sight: SightAt | None = None,
) -> Found:
    """The first `limit` rows of an index, in an order, that match `query` (see `indexes.queries`), and how many do.

    `where` names columns with the value that they have, several of them, or None for no value. `facets` names columns
    whose values are counted, "opened_at by month" for example; those that are declared, where it is not given. `after`
    is that of the page before. `snapshot` asks for one that is not the newest. `sight` says what somebody sees of the
    table: they find exactly what they would if there were no more. Raises QueryError, UnknownName,
    RequestError where `after` is of another search, and LakeError where no index can answer.
    """
    known = pages.asked(asset.name, query, where or {}, order)
    page = None if after is None else pages.page_of(after, asked=known)
    if page is not None and snapshot not in (None, page.snapshot):
        raise RequestError(
            f"the page before is of snapshot {page.snapshot}, not of {snapshot}", mend="Leave the snapshot out."
        )
    opened, rows = _opened(lake, asset.name, page.snapshot if page else snapshot, sight=sight)
    return _found(
        opened,
        query,
        where=where or {},
        order=order,
        facets=_declared(asset, opened) if facets is None else facets,
        limit=limit,
        page=page,
        known=known,
        rows=rows,
    )


def snippets(
    lake: Lake,
    asset: Asset,
    query: str,
    *,
    where: Where | None = None,
    order: Order = "score",
    limit: int = 10,
    snapshot: int | None = None,
) -> Found:
    """The same hits as those of `search`, with what the index keeps alone: no row of the lake is read for them.

    A row has the columns of the key and of text, as JSON has them. Raises UnknownName where the index does not keep
    text, and what `search` raises.
    """
    import tantivy

    opened = view(lake, asset.name, snapshot=snapshot)
    if not opened.manifest.stored:
        raise UnknownName(
            f"index '{asset.name}' does not keep the text",
            asset=asset.name,
            mend=f"Declare it, and run it: ph.search(..., store=True), pumphouse run {asset.name}.",
        )
    index = opened.index

    def rows(ids: Sequence[int], columns: Collection[str] | None) -> dict[int, dict[str, Any]]:
        searcher = index.searcher()
        these = tantivy.Query.term_set_query(index.schema, ROW, [*ids])
        places = [place for _, place in searcher.search(these, max(1, len(ids)), count=False).hits]
        found = zip(searcher.fast_field_values(ROW, places), places, strict=True)
        return {int(row or 0): msgspec.json.decode(bytes(searcher.doc(place)[STORED][0])) for row, place in found}

    known = pages.asked(asset.name, query, where or {}, order)
    return _found(
        opened, query, where=where or {}, order=order, facets=(), limit=limit, page=None, known=known, rows=rows
    )


def matching(
    lake: Lake,
    asset: Asset,
    query: str,
    *,
    where: Where | None = None,
    snapshot: int | None = None,
    limit: int | None = None,
    sight: SightAt | None = None,
) -> Matches:
    """The ids of all rows that match, in no order, or of the best `limit` of them, the best first; to be joined in SQL.

    `sight` is as in `search`. Raises what `search` raises.
    """
    import pyarrow as pa

    part = _part(lake, asset.name, snapshot, sight)
    opened = part.view if part is not None else view(lake, asset.name, snapshot=snapshot)
    asked = lookup(query, index=opened.index, manifest=opened.manifest, where=where or {})
    if limit is not None and limit <= MATCHES_AT_ONCE:
        best, _ = first_by_score(opened.index, asked.query, limit=max(1, limit))
        columns = pa.array([row for _, row in best], pa.int64()), pa.array([score for score, _ in best], pa.float32())
        batches = [pa.RecordBatch.from_arrays(list(columns), ["_rowid", "score"])]
    else:
        batches = list(_all_scored(opened.index, asked.query))
    table = pa.Table.from_batches(batches, pa.schema([("_rowid", pa.int64()), ("score", pa.float32())]))
    if limit is not None:
        table = table.sort_by([("score", "descending"), ("_rowid", "ascending")]).slice(0, limit)
    table = part.with_ids(table) if part is not None else table
    return Matches(table=table, snapshot=opened.snapshot, table_name=opened.manifest.table, scanned=opened.scanned)


def _part(lake: Lake, name: str, snapshot: int | None, sight: SightAt | None) -> Seen | None:
    """The index as somebody sees it who does not see all."""
    if sight is None:
        return None
    at = lake.snapshot() if snapshot is None else snapshot
    sees = sight(at)
    return seen(lake, name, sees, snapshot=at) if sees is not None else None


def _opened(lake: Lake, name: str, snapshot: int | None, *, sight: SightAt | None) -> tuple[View, RowsBy]:
    """The index as somebody sees it, and what gives them rows by the ids that it finds."""
    part = _part(lake, name, snapshot, sight)
    if part is not None:
        return part.view, lambda ids, columns: part.rows(lake, ids, columns)
    opened = view(lake, name, snapshot=snapshot)
    table, at = opened.manifest.table, opened.snapshot
    return opened, lambda ids, columns: rows_of(lake, table, ids, snapshot=at, columns=columns)


def _declared(asset: Asset, opened: View) -> tuple[str, ...]:
    """The facets that an index declares, of the columns that are there."""
    there = opened.manifest.by_column
    return tuple(one for one in asset.spec.facet if one.partition(" by ")[0] in there)


def _all_scored(index: tantivy.Index, query: tantivy.Query) -> Iterator[pa.RecordBatch]:
    """All that match, in spans of row ids where they are more than may be Python objects."""
    count = count_of(index, query)
    if count > MATCHES_AT_ONCE:
        yield from _in_spans(index, query, *bounds(index))
    elif count:
        yield _scored(index.searcher(), query, limit=count)


def _in_spans(index: tantivy.Index, query: tantivy.Query, first: int, last: int) -> Iterator[pa.RecordBatch]:
    within = values.every([query, values.rows(index.schema, first, last)])
    count = count_of(index, within)
    if count > MATCHES_AT_ONCE:
        middle = (first + last) // 2
        yield from _in_spans(index, query, first, middle)
        yield from _in_spans(index, query, middle + 1, last)
    elif count:
        yield _scored(index.searcher(), within, limit=count)


def _scored(searcher: tantivy.Searcher, query: tantivy.Query, *, limit: int) -> pa.RecordBatch:
    import pyarrow as pa

    hits = searcher.search(query, min(limit, max(1, searcher.num_docs)), count=False).hits
    ids = searcher.fast_field_values(ROW, [place for _, place in hits])
    scores = pa.array([score for score, _ in hits], pa.float32())
    return pa.RecordBatch.from_arrays([pa.array(ids, pa.int64()), scores], ["_rowid", "score"])


def _found(
    opened: View,
    query: str,
    *,
    where: Where,
    order: Order,
    facets: Sequence[str],
    limit: int,
    page: pages.Page | None,
    known: bytes,
    rows: RowsBy,
) -> Found:
    """The hits with their rows, which `rows` gives by their ids."""
    index, manifest, most = opened.index, opened.manifest, max(1, min(limit, LIMIT_MAX))
    asked = lookup(query, index=index, manifest=manifest, where=where)
    by = order_of(order, manifest)
    if by is None and asked.is_scored:
        chosen = _best(opened, asked, page=page, limit=most)
    else:
        chosen = _sorted(opened, asked, by or (), page=page, limit=most)
    read = rows([row for _, row in chosen.hits], None)
    if len(read) < len(chosen.hits):  # somebody else has merged the lake's files, by which rows may get other ids
        raise LakeError(
            f"index '{manifest.name}' does not fit its table any more",
            asset=manifest.name,
            mend=f"Build it again: pumphouse run {manifest.name} --full",
        )
    total = page.total if page else chosen.count
    found = Found(
        hits=_hits(chosen, asked, manifest=manifest, rows=read),
        total=total,
        snapshot=opened.snapshot,
        table=manifest.table,
        scanned=opened.scanned,
        facets=counted(facets, index=index, manifest=manifest, query=asked.query, total=total),
        after=pages.token(chosen.next(page, opened.snapshot), asked=known) if chosen.is_more else None,
    )
    if total > FEW or page is not None:
        return found
    other = suggestion(
        query,
        asked=asked,
        index=index,
        manifest=manifest,
        total=total,
        rows=rows,
        again=lambda text: lookup(text, index=index, manifest=manifest, where=where),
    )
    return replace(found, suggestion=other)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """The hits of a page, in their order: the score of each, and its row id."""

    hits: list[tuple[float | None, int]]
    count: int
    """How many there are in all, of a first page."""
    is_more: bool
    after: tuple[Value | None, ...] = ()
    """The values of the last one by which hits are sorted."""
    is_scored: bool = False

    def next(self, page: pages.Page | None, snapshot: int) -> pages.Page:
        """The page after this one."""
        total, ids = page.total if page else self.count, [row for _, row in self.hits]
        if self.is_scored:
            return pages.Page(
                snapshot=snapshot, total=total, seen=pages.seen([*(pages.seen_ids(page) if page else ()), *ids])
            )
        return pages.Page(snapshot=snapshot, total=total, row=ids[-1], after=self.after)


def _best(opened: View, asked: Lookup, *, page: pages.Page | None, limit: int) -> _Chosen:
    """Hits by their score, without those of the pages before: a score changes with the index, and row ids do not."""
    import tantivy

    def behind(query: tantivy.Query) -> tantivy.Query:
        if page is None:
            return query
        before = tantivy.Query.term_set_query(opened.index.schema, ROW, pages.seen_ids(page))
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, before)])

    def worth(score: float) -> tantivy.Query | None:
        found = alike.worth(score) if alike is not None else None
        return None if found is None else behind(found)

    index, alike, reach = opened.index, asked.alike, opened.manifest.newest.reach(None)
    if alike is not None and alike.is_nested:
        steps = [behind(alike.within(one)) for one in alike.steps[0]]
        itself = behind(alike.within(alike.itself)) if alike.itself is not None else None
        best, count = first_by_steps(index, steps, itself=itself, limit=limit, reach=reach)
    else:
        best, count = first_by_score(index, behind(asked.query), limit=limit, worth=worth, reach=reach)
    return _Chosen(hits=[*best], count=count, is_more=count > len(best), is_scored=True)


def _sorted(opened: View, asked: Lookup, by: Sequence[By], *, page: pages.Page | None, limit: int) -> _Chosen:
    """Hits by these columns, after the last one of the page before."""
    index = opened.index
    query, column = asked.query, by[0].field.column if by else None
    reach = opened.manifest.newest.reach(column)
    if column is not None:
        reach = narrower(reach, asked.estimate.reach.get(column, (None, None)))
    after, most = None, asked.estimate.most
    if page is not None:
        pages.check(page, [one.field for one in by])
        after, most = After(values=page.after, row=page.row), min(most, page.total)
        reach = narrower(reach, _from(page, by))
    first = first_by_columns(index, query, by, limit=limit, after=after, most=most, reach=reach)
    ids, columns = values_of(index, first.places, by)
    chosen = in_order([(row, known) for row, *known in zip(ids, *columns, strict=True)], by)
    last = tuple(column[chosen[-1]] for column in columns) if chosen else ()
    hits: list[tuple[float | None, int]] = [(None, ids[number]) for number in chosen]
    return _Chosen(hits=hits, count=first.count, is_more=first.is_more, after=last)


def _from(page: pages.Page, by: Sequence[By]) -> Reach:
    """Where the values of the first column, or else the ids, of the hits after a page begin."""
    start = page.after[0] if by else page.row
    if start is None or isinstance(start, str):
        return (None, None)
    return (None, start) if by and by[0].is_descending else (start, None)


def _hits(chosen: _Chosen, asked: Lookup, *, manifest: Manifest, rows: Mapping[int, dict[str, Any]]) -> tuple[Hit, ...]:
    hits = []
    for score, row_id in chosen.hits:
        row = rows[row_id]
        found = {
            column: excerpt(str(row[column]), marks=marks, analyzer=asked.analyzers[column])
            for column, marks in asked.marks.items()
            if row.get(column) is not None
        }
        hits.append(
            Hit(
                key=tuple(row.get(name) for name in manifest.key),
                score=score,
                row=row,
                excerpts={column: part for column, part in found.items() if part},
            )
        )
    return tuple(hits)

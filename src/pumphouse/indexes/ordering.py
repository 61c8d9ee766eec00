"""The order of hits, which is total: by score or by columns, what has no value last, and ties by row id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.errors import BadRequest, UnknownName, did_you_mean
from pumphouse.indexes import values
from pumphouse.indexes.estimates import Reach
from pumphouse.indexes.fields import ROW, Field
from pumphouse.indexes.values import Value

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest

    _Placed = tuple[Value | None, tantivy.DocAddress]

BY_SCORE = "score"
NEWEST = "newest"
COLUMNS_MAX = 8
"""By how many columns hits may be sorted: each is one more search where the values of those before are alike."""
TIES_AT_ONCE = 100_000
"""A bound on the hits that are Python objects while ties of scores are put in order."""
WINDOWED_ROWS_MIN = 100_000
"""Where more rows may match, they are counted, and only some with the first values are sorted."""
WINDOW_TIMES = 4
"""For how many times the hits there is room where values are as far apart as they are on average."""
WINDOW_TRIES_MAX = 3
TIES_MAX = 100
"""So many rows may share a value with the last hit of a page and be looked at again for the next one."""
WINDOW_WIDER = 16
WIDER_MAX = 16
"""How many times as many ids are looked through next, where few of those so far were of rows with the last score."""
_ALIKE = 1e-6
"""Scores that differ by less are the same: a sum's last digit depends on the order of its parts."""


@dataclass(frozen=True, slots=True)
class By:
    """A column by which hits are sorted."""

    field: Field
    is_descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """Where the first hits are in the index, and how many there are in all, where they were counted."""

    places: list[tantivy.DocAddress]
    count: int
    is_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The last hit of a page: its values by the columns of the order, and its id."""

    values: Sequence[Value | None]
    row: int


def order_of(order: str, manifest: Manifest) -> tuple[By, ...] | None:
    """The columns that an order such as "amount desc, opened_at" names; None for the score.

    Raises UnknownName and BadRequest.
    """
    if order == BY_SCORE:
        return None
    if order == NEWEST:
        if manifest.sort is None:
            raise UnknownName(
                f"index '{manifest.name}' has no column to sort by",
                asset=manifest.name,
                mend='Declare one: ph.search(..., sort="...").',
            )
        return (By(manifest.by_column[manifest.sort], is_descending=True),)
    known = [field.column for field in manifest.fields if field.value is not None]
    found = []
    parts = order.split(",", COLUMNS_MAX + 1)
    if len(parts) > COLUMNS_MAX:
        raise BadRequest(f"hits are sorted by more than {COLUMNS_MAX} columns", asset=manifest.name)
    for part in parts:
        name, _, direction = part.strip().rpartition(" ")
        if direction.lower() not in ("asc", "desc") or not name:
            name, direction = part.strip(), "asc"
        column = name.strip().strip('"')
        if column not in known:
            listed = f"It is {', '.join([BY_SCORE, *known])}; with ' desc' the greatest first."
            raise UnknownName(
                f"hits can't be sorted by '{column}'",
                asset=manifest.name,
                mend=did_you_mean(column, [BY_SCORE, NEWEST, *known]) or listed,
            )
        found.append(By(manifest.by_column[column], is_descending=direction.lower() == "desc"))
    return tuple(found)


def first_by_columns(
    index: tantivy.Index,
    query: tantivy.Query,
    by: Sequence[By],
    *,
    limit: int,
    after: After | None = None,
    most: int = 0,
    reach: Reach = (None, None),
) -> First:
    """The first hits by these columns and then by row id; those with the same values are not in order yet.

    The index sorts by one column at a time: hits that share the last value are asked for again, by the next column.
    `after` has them begin behind a page. `most` is how many may match, and `reach` about where their values of the
    first column, or else their ids, lie: where that is known, many need not be sorted.
    """
    rest = query if after is None else values.every([query, following(index, by, after=after)])
    found = None
    low, high = reach
    is_text = bool(by) and by[0].field.value in ("text", "boolean")
    if most >= WINDOWED_ROWS_MIN and low is not None and high is not None and not is_text:
        count = count_of(index, query) if after is None else most
        hits = _in_windows(index, query, by, limit=limit, after=after, count=count, low=low, high=high)
        found = count, hits or _sorted(index, rest, by, most=limit + 1, is_counted=False)[1]
    count, hits = found or _sorted(index, rest, by, most=limit + 1)
    places, is_more = [place for _, place in hits[:limit]], len(hits) > limit
    if by and is_more and hits[limit][0] == hits[limit - 1][0]:
        last = hits[limit - 1][0]
        places = [place for value, place in hits if value != last]
        tied = values.every([rest, values.same(index.schema, by[0].field, last)])
        places += first_by_columns(index, tied, by[1:], limit=limit - len(places)).places
    return First(places=places, count=count, is_more=is_more)


def _sorted(
    index: tantivy.Index, query: tantivy.Query, by: Sequence[By], *, most: int, is_counted: bool = True
) -> tuple[int, list[_Placed]]:
    """How many rows match, and the first of them by the first column or their ids."""
    import tantivy

    field = by[0].field.whole if by else ROW
    order = tantivy.Order.Desc if by and by[0].is_descending else tantivy.Order.Asc
    result = index.searcher().search(query, most, count=is_counted, order_by_field=field, order=order)
    count: int = result.count if is_counted else 0  # type: ignore[attr-defined]  # the library's stub does not know it
    return count, result.hits


def _in_windows(
    index: tantivy.Index,
    query: tantivy.Query,
    by: Sequence[By],
    *,
    limit: int,
    after: After | None,
    count: int,
    low: float,
    high: float,
) -> list[_Placed]:
    """One hit more than `limit`, found among the rows with about the first values; none where too few are there.

    To sort a row takes three times as long as to count it. `low`, `high` and `count` need only be about right.
    """
    field, is_descending = (by[0].field, by[0].is_descending) if by else (None, False)
    start: float | None = None
    room = limit + 1
    if after is not None and by and (len(by) > 1 or after.values[0] is None):
        query = values.every([query, following(index, by, after=after)])
    elif after is not None:  # a range that begins with the page's last value is read in a third of the time
        start = after.values[0] if by else after.row + 1  # type: ignore[assignment]  # a number
        room += TIES_MAX if by else 0
    width = WINDOW_TIMES * room * (high - low) / max(1, count)
    for _ in range(WINDOW_TRIES_MAX):
        edge = high - width if is_descending else low + width
        if not low < edge < high:
            break
        ends = (edge, start) if is_descending else (start, edge)
        within = values.every([query, values.about(index.schema, field, *ends)])
        _, hits = _sorted(index, within, by, most=room, is_counted=False)
        if start is not None and by and after is not None:
            hits = _behind(index, hits, after) if len(hits) < room or hits[-1][0] != start else []
        if len(hits) > limit:
            return hits[: limit + 1]
        width *= WINDOW_WIDER
    return []


def _behind(index: tantivy.Index, hits: Sequence[_Placed], after: After) -> list[_Placed]:
    """Those of the hits that come after one, of which all have its value or one behind it."""
    tied = [hit for hit in hits if hit[0] == after.values[0]]
    rows = index.searcher().fast_field_values(ROW, [place for _, place in tied])
    kept = [hit for hit, row in zip(tied, rows, strict=True) if int(row or 0) > after.row]
    return [*kept, *hits[len(tied) :]]


def count_of(index: tantivy.Index, query: tantivy.Query) -> int:
    """How many rows match. Measured, of 2.8M: 10 ms; 28 where a search counts them."""
    found = index.searcher().aggregate(query, {"rows": {"filter": "*"}})
    count: int = found["rows"]["doc_count"]
    return count


def first_by_score(
    index: tantivy.Index,
    query: tantivy.Query,
    *,
    limit: int,
    worth: Callable[[float], tantivy.Query | None] | None = None,
    reach: Reach = (None, None),
) -> tuple[list[tuple[float, int]], int]:
    """The score and the row id of the best hits, in order, and how many there are.

    Of hits that share the last score those with the lowest ids come first, wherever the index has them. `worth` finds
    all with a score or a higher one where that is known without scores, as of a fuzzy word, and `reach` is about where
    row ids lie; either only makes it quicker.
    """
    searcher = index.searcher()
    result = searcher.search(query, min(2 * limit + 50, max(1, searcher.num_docs)))
    count: int = result.count  # type: ignore[attr-defined]  # the library's stub does not know it
    hits = _scored(searcher, result)
    if count <= len(hits) or _is_more(hits[limit - 1][0], hits[-1][0]):
        return sorted(hits, key=_rank)[:limit], count
    edge = hits[limit - 1][0]
    best = sorted((one for one in hits if _is_more(one[0], edge)), key=_rank)
    others = worth(edge) if worth is not None else None
    if others is not None:
        most = count if edge <= 1 else 0  # all that match have the least score
        found = _lowest(index, others, without=best, limit=limit - len(best), most=most, reach=reach)
        if len(found) == limit - len(best):
            return [*best, *((edge, row) for row in found)], count
    tied: list[tuple[float, int]] = []
    start, width, seen = 0, max(1, 4 * limit * searcher.num_docs // count), 0
    while seen < count and len(best) + len(tied) < limit:
        within = values.every([query, values.rows(index.schema, start, start + width - 1)])
        there = searcher.search(within, TIES_AT_ONCE)
        so_many: int = there.count  # type: ignore[attr-defined]
        if so_many > TIES_AT_ONCE and width > 1:
            width = width // 2
            continue
        alike = [
            row for score, row in _scored(searcher, there) if not _is_more(score, edge) and not _is_more(edge, score)
        ]
        tied += [(edge, row) for row in sorted(alike)]
        missing = limit - len(best) - len(tied)
        wider = max(2, min(WIDER_MAX, 2 * missing // max(1, len(alike))))  # of those that match few may have this score
        start, width, seen = start + width, width * wider, seen + so_many
    return [*best, *tied][:limit], count


def first_by_steps(
    index: tantivy.Index,
    steps: Sequence[tantivy.Query],
    *,
    itself: tantivy.Query | None,
    limit: int,
    reach: Reach = (None, None),
) -> tuple[list[tuple[float, int]], int]:
    """The same of rows that score by how many of the steps find them, each of which finds what those before it do.

    What `itself` finds is found by all of them, and scores more. No row is scored that has not the word itself.
    """
    count = count_of(index, steps[-1])
    best, _ = first_by_score(index, itself, limit=limit) if itself is not None else ([], 0)
    hits = [(score + len(steps), row) for score, row in best]
    for number, step in enumerate(steps):
        if len(hits) < min(limit, count):
            most = count if step is steps[-1] else 0
            found = _lowest(index, step, without=hits, limit=limit - len(hits), most=most, reach=reach)
            hits += [(float(len(steps) - number), row) for row in found]
    return hits, count


def _lowest(
    index: tantivy.Index,
    query: tantivy.Query,
    *,
    without: Sequence[tuple[float, int]],
    limit: int,
    most: int,
    reach: Reach,
) -> list[int]:
    """The lowest ids of rows that are not among these hits; `most` is as in `first_by_columns`."""
    import tantivy

    if without:
        known = tantivy.Query.term_set_query(index.schema, ROW, [row for _, row in without])
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, known)])
    low, high = reach
    found: list[_Placed] = []
    if most >= WINDOWED_ROWS_MIN and low is not None and high is not None:
        found = _in_windows(index, query, (), limit=limit - 1, after=None, count=most, low=low, high=high)
    found = found or _sorted(index, query, (), most=limit, is_counted=False)[1]
    return [int(row or 0) for row, _ in found]


def values_of(
    index: tantivy.Index, places: Sequence[tantivy.DocAddress], by: Sequence[By]
) -> tuple[list[int], list[list[Value | None]]]:
    """The row ids of hits, and for each column their values. A text is not to be had but by sorting by it."""
    import tantivy

    searcher = index.searcher()
    if not places:
        return [], [[] for _ in by]
    ids = [int(row or 0) for row in searcher.fast_field_values(ROW, list(places))]
    columns: list[list[Value | None]] = []
    for one in by:
        if one.field.value != "text":
            columns.append([*searcher.fast_field_values(one.field.whole, list(places))])
            continue
        these = tantivy.Query.term_set_query(index.schema, ROW, ids)
        hits = searcher.search(these, len(ids), count=False, order_by_field=one.field.whole).hits
        rows = searcher.fast_field_values(ROW, [place for _, place in hits])
        texts = {row: text for row, (text, _) in zip(rows, hits, strict=True)}
        columns.append([texts[row] for row in ids])
    return ids, columns


def following(index: tantivy.Index, by: Sequence[By], *, after: After) -> tantivy.Query:
    """Rows that come after the last one of a page."""
    parts = []
    alike: list[tantivy.Query] = []
    for one, value in zip(by, after.values, strict=True):
        if value is not None:
            beyond = values.below if one.is_descending else values.above
            absent = values.without(values.present(index.schema, one.field))
            parts.append(
                values.every([*alike, values.any_of([beyond(index, one.field, value, is_included=False), absent])])
            )
        alike.append(values.same(index.schema, one.field, value))
    parts.append(values.every([*alike, values.rows(index.schema, after.row + 1, None)]))
    return values.filtering(values.any_of(parts))


def in_order(hits: Sequence[tuple[int, Sequence[Value | None]]], by: Sequence[By]) -> list[int]:
    """Where each hit comes, of row ids with their values by these columns: the numbers of the hits, in their order."""
    numbers = sorted(range(len(hits)), key=lambda number: hits[number][0])
    for at in reversed(range(len(by))):
        known = [number for number in numbers if hits[number][1][at] is not None]
        known.sort(key=lambda number: hits[number][1][at], reverse=by[at].is_descending)  # type: ignore[arg-type, return-value]
        numbers = [*known, *(number for number in numbers if hits[number][1][at] is None)]
    return numbers


def _scored(searcher: tantivy.Searcher, result: tantivy.SearchResult) -> list[tuple[float, int]]:
    hits = result.hits
    rows = searcher.fast_field_values(ROW, [place for _, place in hits])
    return [(score, int(row or 0)) for (score, _), row in zip(hits, rows, strict=True)]


def _rank(hit: tuple[float, int]) -> tuple[float, int]:
    return -hit[0], hit[1]


def _is_more(one: float, other: float) -> bool:
    return one - other > _ALIKE * abs(other)

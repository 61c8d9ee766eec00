"""How many of the rows that match have each value of a column: exact, the most frequent first, or by the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pumphouse.errors import TooMuch, UnknownName, did_you_mean
from pumphouse.indexes import values
from pumphouse.indexes.fields import Field
from pumphouse.indexes.ordering import count_of

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest

By = Literal["", "day", "month", "year"]

VALUES_MAX = 10
"""How many values of a column are listed; the rows of all others are counted together."""
DAYS_MAX = 400
MONTHS_MAX = 240
"""How many months one answer lists; rows of a longer time are counted by year."""
_ASKED = 5 * VALUES_MAX
"""So many are asked for, that those which are as frequent as the last one listed are mostly among them."""
_SOON = 65_000
"""So many different values of each segment are counted at first, and all of them where there are more."""
_ALL = 50_000_000
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """The values of a column among all rows that match, each with how many rows have it."""

    column: str
    by: By
    """What of the calendar is counted: a value is then "2024-01", for example, and they come in its order."""
    counts: tuple[tuple[Any, int], ...]
    others: int
    """How many rows have a value that is not listed."""
    missing: int
    """How many rows have none."""


def facets(
    asked: Sequence[str], *, index: tantivy.Index, manifest: Manifest, query: tantivy.Query, total: int
) -> dict[str, Facet]:
    """What is asked for, such as "account" or "opened_at by month", of the rows that match. Raises UnknownName."""
    return {one: _facet(one, index=index, manifest=manifest, query=query, total=total) for one in asked}


def _facet(asked: str, *, index: tantivy.Index, manifest: Manifest, query: tantivy.Query, total: int) -> Facet:
    column, _, by = asked.partition(" by ")
    known = [field.column for field in manifest.fields if field.value is not None]
    if column not in known:
        raise UnknownName(
            f"rows can't be counted by '{column}'",
            asset=manifest.name,
            mend=did_you_mean(column, known) or 'Declare it: ph.search(..., facet=["..."]).',
        )
    field = manifest.by_column[column]
    is_temporal = field.unit in ("day", "moment")
    if by not in ("", "day", "month", "year") or (by and not is_temporal):
        raise UnknownName(
            f"'{asked}' can't be counted",
            asset=manifest.name,
            mend='Days and moments are counted by day, month or year: "opened_at by month".',
        )
    searcher = index.searcher()
    there = count_of(index, values.every([query, values.present(index.schema, field)]))
    if is_temporal:
        chosen, counts = _calendar(searcher, query, field, by)  # type: ignore[arg-type]  # one of them
    else:
        chosen, counts = "", _most(searcher, query, field)
    listed = sum(count for _, count in counts)
    return Facet(column=column, by=chosen, counts=tuple(counts), others=there - listed, missing=total - there)


def _most(searcher: tantivy.Searcher, query: tantivy.Query, field: Field) -> list[tuple[Any, int]]:
    """The most frequent values; of those that are as frequent the lowest."""
    found = _terms(searcher, query, field, size=_ASKED)
    if len(found) == _ASKED and found[-1][1] == (edge := found[VALUES_MAX - 1][1]):
        # Others may be as frequent as the last one: those that are at least so, by their values.
        tied = _terms(searcher, query, field, size=2 * VALUES_MAX, order={"_key": "asc"}, min_doc_count=max(1, edge))
        found = [one for one in found if one[1] > edge] + [one for one in tied if one[1] == edge]
    found.sort(key=lambda one: (-one[1], one[0]))
    return [(_shown(field, value), count) for value, count in found[:VALUES_MAX]]


def _terms(searcher: tantivy.Searcher, query: tantivy.Query, field: Field, **options: Any) -> list[tuple[Any, int]]:
    for most in (_ALL,) if "order" in options else (_SOON, _ALL):
        asked = {"field": field.whole, "segment_size": most, **options}
        try:
            found = searcher.aggregate(query, {"values": {"terms": asked}})["values"]
        except ValueError as error:
            raise TooMuch(f"the values of '{field.column}' are too many to count: {error}") from error
        if not found.get("doc_count_error_upper_bound"):
            break
    return [(one["key"], int(one["doc_count"])) for one in found["buckets"]]


def _shown(field: Field, value: Any) -> Any:
    """A value as a row has it."""
    if field.value == "boolean":
        return bool(value)
    if field.scale:
        return Decimal(int(value)).scaleb(-field.scale)
    if field.unit == "time":
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))).time()
    return value


def _calendar(
    searcher: tantivy.Searcher, query: tantivy.Query, field: Field, by: By
) -> tuple[By, list[tuple[str, int]]]:
    """How many rows are of each day, month or year that has any, in their order."""
    ends = searcher.aggregate(query, {"of": {"stats": {"field": field.whole}}})["of"]
    if not ends["count"]:
        return by or "month", []
    unit = 1 if field.unit == "day" else _DAY_US
    first, last = (_date(int(ends[one] // unit)) for one in ("min", "max"))
    months = 12 * (last.year - first.year) + last.month - first.month + 1
    if by == "day" and (last - first).days >= DAYS_MAX:
        by = "month"
    if by in ("", "month"):
        by = "month" if months <= MONTHS_MAX else "year"
    starts = [first if by == "day" else date(first.year, first.month if by == "month" else 1, 1)]
    while (following := _following(starts[-1], by)) is not None and following <= last:
        starts.append(following)
    edges = [(one - _EPOCH).days * unit for one in starts]
    ranges = [{"from": edge, **({"to": until} if until is not None else {})} for edge, until in _pairs(edges)]
    found = searcher.aggregate(query, {"spans": {"range": {"field": field.whole, "ranges": ranges}}})
    by_start = {one.get("from"): int(one["doc_count"]) for one in found["spans"]["buckets"]}
    shown = {"day": 10, "month": 7, "year": 4}[by]
    counts = [
        (start.isoformat()[:shown], by_start.get(float(edge), 0)) for start, edge in zip(starts, edges, strict=True)
    ]
    return by, [one for one in counts if one[1]]


def _pairs(edges: list[int]) -> list[tuple[int, int | None]]:
    return list(zip(edges, [*edges[1:], None], strict=True))


def _date(days: int) -> date:
    """A day, within the calendar."""
    return date.fromordinal(max(1, min(date.max.toordinal(), _EPOCH.toordinal() + days)))


def _following(start: date, by: By) -> date | None:
    """The next day, month or year, if the calendar has one."""
    try:
        if by == "day":
            return start + timedelta(days=1)
        if by == "month":
            return date(start.year + start.month // 12, start.month % 12 + 1, 1)
        return date(start.year + 1, 1, 1)
    except (ValueError, OverflowError):
        return None

"""Building only the parts of a table that changed. Sliced equals full, or slicing is refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlglot
from sqlglot import exp

from pumphouse.declare.asset import Asset, Slice
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.lake.context import Context

SLICES_MAX = 1000
"""More changed slices than this at once are a full build."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """The input that is read in slices, and its column that decides."""

    input: str
    column: str


def sliced_input(asset: Asset, text: str, slice: Slice, columns: Mapping[str, tuple[str, ...]]) -> Sliced:
    """The one input that the slice's column comes from unchanged.

    Raises BuildError with the reason where the query's slices would not add up to the whole.
    """
    tree = sqlglot.parse_one(text, dialect="duckdb")
    if not isinstance(tree, exp.Select):
        raise _refused(asset, "it is not one SELECT")
    for part, name in (("limit", "LIMIT"), ("offset", "OFFSET"), ("with_", "WITH")):
        if tree.args.get(part):
            raise _refused(asset, f"{name} looks at more than one slice")
    if len(list(tree.find_all(exp.Select))) > 1:
        raise _refused(asset, "a subquery may look at more than one slice")
    source = _origin(tree, slice.column, columns)
    if source is None:
        raise _refused(asset, f"'{slice.column}' does not reach exactly one input unchanged")
    readings = [table for table in tree.find_all(exp.Table) if table.name == source.input]
    if len(readings) != 1:
        raise _refused(asset, f"'{source.input}' is read {len(readings)} times")
    if any(join.side for join in tree.args.get("joins") or []) and tree.args["from_"].this.name != source.input:
        raise _refused(asset, f"an outer join may keep rows that have no '{slice.column}'")
    if any(join.side in ("RIGHT", "FULL") for join in tree.args.get("joins") or []):
        raise _refused(asset, "a right or full join keeps rows of every slice")
    group = tree.args.get("group")
    aggregates = any(not isinstance(call.parent, exp.Window) for call in tree.find_all(exp.AggFunc))
    if (aggregates or group) and not _grouped_by(tree, slice.column):
        raise _refused(asset, f"it aggregates over more than one '{slice.column}'")
    for window in tree.find_all(exp.Window):
        if slice.column not in [part.name for part in window.args.get("partition_by") or []]:
            raise _refused(asset, f"a window function looks past '{slice.column}'")
    return source


def changed_slices(context: Context, asset: Asset, source: Sliced, slice: Slice, *, since: int) -> list[Any] | None:
    """Starts of the slices to build again after the input changed; None where only a full build is right.

    The starts are dates or times as the column's type has them; None among them is the slice of rows without one.
    """
    versions = context.lake.versions(snapshot=context.snapshot)
    if versions.get(source.input) == since:
        return []
    if context.lake.hidden_at(source.input, snapshot=context.snapshot) > since:
        return None  # a person was hidden: that changes what is read, and no row
    engine = context.lake.engine.fork()
    starts = f"date_trunc('{slice.unit}', {quoted(source.column)})"
    try:
        rows = engine.execute(
            f"SELECT DISTINCT {starts} AS s FROM ducklake_table_changes('{context.lake.alias}', 'main', ?, ?, ?)"
            f" ORDER BY s LIMIT {SLICES_MAX + 1}",
            [source.input, since + 1, context.snapshot],
        )
    except Exception as error:  # duckdb.Error: the table was made anew in between, so no row can be compared
        if type(error).__module__.startswith(("duckdb", "_duckdb")):
            return None
        raise
    finally:
        engine.close()
    if len(rows) > SLICES_MAX:
        return None
    return [row[0] for row in rows]


def condition(column: str, slice: Slice, starts: Sequence[Any], *, lookback: int = 0) -> str:
    """SQL that is true of the rows in these slices, and of those up to `lookback` slices before each."""
    name = quoted(column)
    known = [literal(start) for start in starts if start is not None]
    conditions = []
    if known:
        unit = f"INTERVAL 1 {slice.unit}"
        listed = ", ".join(
            f"{start} - {back} * {unit}" if back else start for start in known for back in range(lookback + 1)
        )
        truncated = f"date_trunc('{slice.unit}', {name})"
        first, last = known[0], known[-1]
        # The range lets whole files be skipped; the list is what decides.
        conditions.append(
            f"({name} >= {first} - {lookback} * {unit} AND {name} < {last} + {unit} AND {truncated} IN ({listed}))"
        )
    if None in starts:
        conditions.append(f"{name} IS NULL")
    return " OR ".join(conditions) if conditions else "FALSE"


def in_window(column: str, window: tuple[date | datetime, date | datetime]) -> str:
    """SQL that is true of the rows from the first day up to, without, the second."""
    return f"{quoted(column)} >= {literal(window[0])} AND {quoted(column)} < {literal(window[1])}"


def _origin(tree: exp.Select, column: str, columns: Mapping[str, tuple[str, ...]]) -> Sliced | None:
    aliases = {table.alias_or_name: table.name for table in tree.find_all(exp.Table)}
    found: list[Sliced] = []
    for projection in tree.expressions:
        inner = projection.this if isinstance(projection, exp.Alias) else projection
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            qualifier = inner.args.get("table")
            tables = [aliases[qualifier.name]] if qualifier is not None else list(aliases.values())
            found += [Sliced(table, column) for table in tables if column in columns.get(table, ())]
        elif projection.alias_or_name == column and isinstance(inner, exp.Column):
            if inner.table:
                found.append(Sliced(aliases.get(inner.table, inner.table), inner.name))
            else:
                found += [
                    Sliced(table, inner.name) for table in aliases.values() if inner.name in columns.get(table, ())
                ]
        elif projection.alias_or_name == column:
            return None
    return found[0] if len(found) == 1 else None


def _grouped_by(tree: exp.Select, column: str) -> bool:
    group = tree.args.get("group")
    if group is None:
        return False
    if group.args.get("all"):
        return True  # every column that is no aggregate, and the slice's is none
    names = [part.name for part in group.expressions]
    places = [part.name for part in group.expressions if isinstance(part, exp.Literal)]
    outputs = [projection.alias_or_name for projection in tree.expressions]
    return column in names or any(outputs[int(place) - 1] == column for place in places if place.isdigit())


def _refused(asset: Asset, reason: str) -> BuildError:
    return BuildError(
        f"'{asset.name}' can't be sliced: {reason}",
        asset=asset.name,
        place=asset.place,
        mend="Take 'slice' out of its header, or write the query so that each slice stands alone.",
    )

"""Building only the parts of a table that changed. Sliced equals full, or slicing is refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlglot
from sqlglot import exp

from pumphouse.declare.asset import Asset, Slice
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.graph.aggregates import aggregates_in
from pumphouse.lake.context import Context
from pumphouse.lake.pinning import newest_with
from pumphouse.tables import windows

SLICES_MAX = 1000
"""More changed slices than this at once are a full build."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """The input that is read in slices, and its column that decides."""

    input: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of a table that a build makes again: some of its slices, or those from one day up to another."""

    slice: Slice
    starts: tuple[Any, ...] = ()
    """The slices' first moments in order, dates or times as the column's type has them; None for rows without one."""
    window: tuple[date | datetime, date | datetime] | None = None
    """Instead of slices: from the first up to, without, the second."""

    @property
    def is_nothing(self) -> bool:
        """Whether no row is in it."""
        return self.window is None and not self.starts

    def where(self, value: str | None = None) -> str:
        """SQL that is true of the rows in it; `value` is SQL for the slice's column, where that is no column."""
        return self._condition(value or quoted(self.slice.column), lookback=0)

    def reach(self, column: str) -> str:
        """SQL that is true of the rows of the input, sliced by `column`, that the part is made from."""
        return self._condition(quoted(column), lookback=self.slice.lookback)

    def _condition(self, value: str, *, lookback: int) -> str:
        unit = f"INTERVAL 1 {self.slice.unit}"
        if self.window is not None:
            first, last = map(literal, self.window)
            earlier = f" - {lookback} * {unit}" if lookback else ""
            return f"({value} >= {first}{earlier} AND {value} < {last})"
        known = [literal(start) for start in self.starts if start is not None]
        conditions = []
        if known:
            listed = ", ".join(
                f"{start} - {back} * {unit}" if back else start for start in known for back in range(lookback + 1)
            )
            # The range lets whole files be skipped; the list is what decides.
            conditions.append(
                f"({value} >= {known[0]} - {lookback} * {unit} AND {value} < {known[-1]} + {unit}"
                f" AND date_trunc('{self.slice.unit}', {value}) IN ({listed}))"
            )
        if None in self.starts:
            conditions.append(f"{value} IS NULL")
        return f"({' OR '.join(conditions)})"


def as_built_before(asset: Asset, context: Context) -> Context:
    """The context of a build that redoes a part: what the rest was made from stays on record, and stale if it was."""
    last = context.lake.builds().get(asset.name)
    return replace(context, fingerprint=last.fingerprint, inputs=last.inputs) if last else context


def sliced_input(asset: Asset, text: str, slice: Slice, columns: Mapping[str, tuple[str, ...]]) -> Sliced:
    """The one input that the slice's column comes from unchanged.

    Raises BuildError with the reason where the query's slices would not add up to the whole.
    """
    tree = sqlglot.parse_one(text, dialect="duckdb")
    if not isinstance(tree, exp.Select):
        raise _refused(asset, "it is not one SELECT")
    for part, name in (("limit", "LIMIT"), ("offset", "OFFSET"), ("with_", "WITH"), ("sample", "a sample")):
        if tree.args.get(part):
            raise _refused(asset, f"{name} looks at more than one slice")
    if tree.find(exp.TableSample, exp.Pivot):
        raise _refused(asset, "a sample or a pivot looks at more than one slice")
    if len(list(tree.find_all(exp.Select))) > 1:
        raise _refused(asset, "a subquery may look at more than one slice")
    source = _origin(tree, slice.column, columns)
    if source is None:
        raise _without_column(asset, tree, slice.column, columns)
    readings = [table for table in tree.find_all(exp.Table) if table.name == source.input]
    if len(readings) != 1:
        raise _refused(asset, f"'{source.input}' is read {len(readings)} times")
    joins = tree.args.get("joins") or []
    is_first = tree.args["from_"].this is readings[0]
    if any(join.side for join in joins) and not is_first:
        raise _refused(asset, f"an outer join may keep rows that have no '{slice.column}'")
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        raise _refused(asset, "a right or full join keeps rows of every slice")
    if any(join.method == "POSITIONAL" or (join.method == "ASOF" and not is_first) for join in joins):
        raise _refused(asset, "an as-of or positional join picks among the rows of every slice")
    keeps = _Keeps(source.column, table=readings[0].alias_or_name, output=slice.column, columns=columns)
    distinct = tree.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    if on is not None and not any(keeps.apart(part) for part in _parts(on)):
        raise _refused(asset, f"DISTINCT ON picks among the rows of more than one '{slice.column}'")
    aggregates = any(call.find_ancestor(exp.Window) is None for call in aggregates_in(tree))
    if (aggregates or tree.args.get("group")) and not _grouped_by(tree, slice.column, keeps):
        raise _refused(asset, f"it aggregates over more than one '{slice.column}'")
    for window in tree.find_all(exp.Window):
        if any(keeps.apart(part) for part in window.args.get("partition_by") or []):
            continue
        if reason := windows.beyond(window, slice, is_column=keeps.apart):
            raise _refused(asset, f"a window function looks past '{slice.column}': {reason}")
    return source


def changed_slices(context: Context, source: Sliced, slice: Slice, *, since: int) -> list[Any] | None:
    """Starts of the slices to build again after the input changed; None where only a full build is right.

    The starts are dates or times as the column's type has them; None among them is the slice of rows without one.
    """
    versions = context.lake.versions(snapshot=context.snapshot)
    if versions.get(source.input) == since:
        return []
    if since > context.snapshot:
        return None  # the table goes back to what an earlier snapshot gives
    if context.lake.hidden_at(source.input, snapshot=context.snapshot) > since:
        return None  # a person was hidden: that changes what is read, and no row
    # Its snapshot may have left; the table is the same in others until it changes.
    start = (newest_with(context.lake, source.input, at=since) or since) + 1
    engine = context.lake.engine.fork()
    starts = f"date_trunc('{slice.unit}', {quoted(source.column)})"
    try:
        rows = engine.execute(
            f"SELECT DISTINCT {starts} AS s FROM ducklake_table_changes('{context.lake.alias}', 'main', ?, ?, ?)"
            f" ORDER BY s LIMIT {SLICES_MAX + 1}",
            [source.input, start, context.snapshot],
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


def _origin(tree: exp.Select, column: str, columns: Mapping[str, tuple[str, ...]]) -> Sliced | None:
    aliases = {table.alias_or_name: table.name for table in tree.find_all(exp.Table)}
    found: list[Sliced] = []
    for projection in tree.expressions:
        inner = projection.this if isinstance(projection, exp.Alias) else projection
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            star = inner if isinstance(inner, exp.Star) else inner.this
            if any(one.alias_or_name == column for one in star.args.get("replace") or []) or star.args.get("rename"):
                return None
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


@dataclass(frozen=True, slots=True)
class _Keeps:
    """Which expressions keep rows of different slices apart: the sliced input's column, as it is."""

    column: str
    table: str
    output: str
    columns: Mapping[str, tuple[str, ...]]

    def apart(self, part: exp.Expression) -> bool:
        """Whether it is the column itself, or its name in the output where no input has a column of that name."""
        if not isinstance(part, exp.Column):
            return False
        if part.name == self.column:
            return part.table in ("", self.table)
        return part.name == self.output and not any(part.name in names for names in self.columns.values())


def _grouped_by(tree: exp.Select, column: str, keeps: _Keeps) -> bool:
    group = tree.args.get("group")
    if group is None:
        return False
    if group.args.get("all"):
        return True  # every column that is no aggregate, and the slice's is none
    places = [part.name for part in group.expressions if isinstance(part, exp.Literal)]
    outputs = [projection.alias_or_name for projection in tree.expressions]
    return any(keeps.apart(part) for part in group.expressions) or any(
        outputs[int(place) - 1] == column for place in places if place.isdigit()
    )


def _parts(on: exp.Expression) -> list[exp.Expression]:
    return list(on.expressions) if isinstance(on, exp.Tuple) else [on]


def _without_column(asset: Asset, tree: exp.Select, column: str, columns: Mapping[str, tuple[str, ...]]) -> BuildError:
    """The error of a query whose column of slices is not one of an input's, as it stands there."""
    made = {part.alias_or_name: part for part in tree.expressions}
    inputs = sorted({table.name for table in tree.find_all(exp.Table)})
    inner = made[column].this if isinstance(made.get(column), exp.Alias) else None
    if inner is not None and not isinstance(inner, exp.Column):
        return _refused(
            asset,
            f"'{column}' is computed, as {inner.sql(dialect='duckdb')}, and a slice goes by a column that an input has",
            mend=f"Compute '{column}' in a table before this one, or slice by the column that it is made of.",
        )
    if column not in made and not tree.find(exp.Star):
        holders = [name for name in inputs if column in columns.get(name, ())]
        takes = f", as it stands in '{holders[0]}'" if holders else ""
        return _refused(
            asset,
            f"it has no column '{column}'",
            mend=f"Select '{column}'{takes}; it is the table's own column that says in which slice a row is.",
        )
    return _refused(asset, f"'{column}' does not reach exactly one input unchanged")


def _refused(asset: Asset, reason: str, *, mend: str = "") -> BuildError:
    return BuildError(
        f"'{asset.name}' can't be sliced: {reason}",
        asset=asset.name,
        place=asset.place,
        mend=mend or "Take 'slice' out of its header, or write the query so that each slice stands alone.",
    )

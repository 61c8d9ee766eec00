"""A feature's query, rewritten so that each moment sees only what had happened and was known by then.

An author writes `FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id AND o.paid_at > m.as_of - INTERVAL
90 DAY`, where the window starts; here `AND o.paid_at <= m.as_of AND o._known_at <= m.as_of` is added, to each join. For
that to be all it takes, each moment has to be computed by itself: one SELECT, that starts from `moments`, joins its
inputs to it as they are, and selects the entity and `as_of`. Then grouping can't mix two moments, because SQL wants
what is selected beside an aggregate among the groups. Whatever else could mix them is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pumphouse.errors import BuildError, Place
from pumphouse.features.as_of_joins import EXPIRES_AT, AsOfJoin, as_of_join, last_rows, moment_columns
from pumphouse.features.as_of_joins import expiries as expiries_of
from pumphouse.features.fixed_order import in_fixed_order, never_fixed
from pumphouse.features.moments import AS_OF, MOMENTS
from pumphouse.features.times import visible
from pumphouse.graph.aggregates import aggregates_in
from pumphouse.lake.times import EventTime

CLAUSES = frozenset({"expressions", "from_", "joins", "where", "group", "having", "qualify", "order"})
"""The parts of a SELECT that keep moments apart. DISTINCT, LIMIT, WITH and the rest don't, or are not needed."""
EXPIRES = "__expires_at"
"""What the name of a column that says when another expires ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDefinition:
    """All of a feature that decides its numbers. A model's version keeps what it was trained with, and serves by it."""

    name: str
    text: str
    entity: tuple[str, ...]
    fingerprint: str = ""
    place: Place | None = None
    request: tuple[tuple[str, str], ...] = ()
    """Columns of `moments` that come from the request itself, each with its SQL type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShape:
    """What a feature's text says: the inputs it joins to the moments, and the columns that are its values."""

    select: exp.Select
    inputs: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureInput:
    """What is known of a table that a feature joins: the time of its events, and its columns."""

    time: EventTime
    columns: tuple[str, ...] = ()
    in_order: bool = False
    """Whether its rows become known in the order of their events."""


def compile_feature(
    feature: FeatureDefinition,
    inputs: Mapping[str, FeatureInput],
    *,
    expiries: bool = False,
    exact: Collection[str] = (),
) -> str:
    """The feature's SQL (DuckDB's dialect) over `moments`, in which each input shows its rows as of each moment.

    `exact` are the arguments of sums that are whole numbers or decimals, as `sums_in` writes them: they can be added in
    any order. With `expiries`, each of `expiring_columns` has a column `<column>__expires_at` beside it. Raises
    BuildError with the reason where a query can't be answered for each moment by itself.
    """
    shape = feature_shape(feature)
    select = in_fixed_order(shape.select, exact=exact, reads=_all_reads(shape.select, inputs))
    moments = select.args["from_"].this.alias_or_name
    as_of = exp.column(AS_OF, table=moments, quoted=True)
    lasting: list[AsOfJoin] = []
    for join in select.args.get("joins") or []:
        if join.method == "ASOF":
            found = _as_of_join(feature, join, moments, inputs[join.this.name].time)
            lasting.append(found)
            _put(join, found, inputs[found.table], feature.entity, moments, reads=_reads(shape.select, found, inputs))
            continue
        seen = visible(inputs[join.this.name].time, join.this.alias_or_name, as_of)
        if join.args.get("on") is not None:
            join.set("on", exp.and_(join.args["on"], seen))
        else:  # A comma or CROSS JOIN has no ON; it keeps the same rows when the condition stands in WHERE.
            select = select.where(seen, copy=False)
    if expiries:
        _add_expiries(select, feature, [each for each in lasting if each.time_to_live is not None], inputs, moments)
    return select.sql("duckdb")


def expiring_columns(feature: FeatureDefinition, inputs: Mapping[str, FeatureInput]) -> tuple[str, ...]:
    """The value columns that read a row which counts for a time only: `ASOF JOIN` with a time to live."""
    select = feature_shape(feature).select
    moments = select.args["from_"].this.alias_or_name
    lasting = [
        _as_of_join(feature, join, moments, inputs[join.this.name].time)
        for join in select.args.get("joins") or []
        if join.method == "ASOF"
    ]
    keys = {*(key.lower() for key in feature.entity), AS_OF}
    return tuple(
        item.alias_or_name
        for item in select.expressions
        if item.alias_or_name.lower() not in keys
        and any(each.time_to_live is not None and _reads_of(item, each, inputs) for each in lasting)
    )


def _as_of_join(feature: FeatureDefinition, join: exp.Join, moments: str, time: EventTime) -> AsOfJoin:
    try:
        found = as_of_join(join, moments)
    except BuildError as error:
        raise _refused(
            feature,
            error.what,
            f"Write ASOF LEFT JOIN {join.this.name} p ON p.<key> = {moments}.<key> "
            f"AND p.{time.event} > {moments}.{AS_OF} - INTERVAL 30 DAY.",
        ) from error
    if found.event is not None and found.event.lower() != time.event.lower():
        raise _refused(
            feature,
            f"orders '{found.table}' by {found.event} in an ASOF JOIN, and its event's time is {time.event}",
            f"Compare {found.alias}.{time.event} with {moments}.{AS_OF}.",
        )
    return found


def _put(
    join: exp.Join,
    found: AsOfJoin,
    table: FeatureInput,
    entity: tuple[str, ...],
    moments: str,
    *,
    reads: tuple[str, ...],
) -> None:
    """The last rows in place of the table, found again by the moment that each of them is for."""
    rows = last_rows(found, table.time, entity=entity, reads=reads, in_order=table.in_order)
    join.set("this", exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(found.alias, quoted=True))))
    join.set("method", None)
    join.set("on", _same_moment(found.alias, entity, moments))


def _same_moment(alias: str, entity: tuple[str, ...], moments: str) -> exp.Condition:
    return exp.and_(
        *(
            exp.EQ(
                this=exp.column(own, table=alias, quoted=True), expression=exp.column(name, table=moments, quoted=True)
            )
            for own, name in zip(moment_columns(entity), (*entity, AS_OF), strict=True)
        )
    )


def _reads(select: exp.Select, join: AsOfJoin, inputs: Mapping[str, FeatureInput]) -> tuple[str, ...]:
    """The columns of an ASOF join's table that the query reads, each once."""
    names = {name.lower(): name for name in _reads_of(select, join, inputs)}
    return tuple(names[name] for name in sorted(names))


def _reads_of(part: exp.Expression, join: AsOfJoin, inputs: Mapping[str, FeatureInput]) -> list[str]:
    return _read_of(part, join.alias, inputs[join.table])


def _read_of(part: exp.Expression, alias: str, table: FeatureInput) -> list[str]:
    own = {name.lower() for name in table.columns}
    return [
        column.name
        for column in part.find_all(exp.Column)
        if _is_of(column, alias) or (not column.table and column.name.lower() in own)
    ]


def _all_reads(select: exp.Select, inputs: Mapping[str, FeatureInput]) -> list[exp.Expr]:
    """The columns of all inputs that the query reads, each once, input by input in the order of their names."""
    found: list[exp.Expr] = []
    for join in select.args.get("joins") or []:
        alias = join.this.alias_or_name
        names = {name.lower(): name for name in _read_of(select, alias, inputs[join.this.name]) if name != "*"}
        found += [exp.column(names[name], table=alias, quoted=True) for name in sorted(names)]
    return found


def _add_expiries(
    select: exp.Select,
    feature: FeatureDefinition,
    lasting: list[AsOfJoin],
    inputs: Mapping[str, FeatureInput],
    moments: str,
) -> None:
    """A column `<column>__expires_at` for each that expires: when the first of its rows does."""
    written = feature_shape(feature).select
    over_rows = [each for each in aggregates_in(written) if each.find_ancestor(exp.Window) is None]
    groups = bool(written.args.get("group") or over_rows)
    named = {each.alias: f"_expiry_{number}" for number, each in enumerate(lasting)}
    for item in list(select.expressions):
        read = [each for each in lasting if _reads_of(item, each, inputs)]
        if not read or item.alias_or_name.lower() in {*(key.lower() for key in feature.entity), AS_OF}:
            continue
        ends: list[exp.Expression] = [exp.column(EXPIRES_AT, table=named[each.alias]) for each in read]
        first = exp.func("least", *ends, dialect="duckdb") if len(ends) > 1 else ends[0]
        value = exp.Min(this=first) if groups else first
        select.select(exp.alias_(value, f"{item.alias_or_name}{EXPIRES}", quoted=True), copy=False)
    for each in lasting:
        table = inputs[each.table]
        rows = expiries_of(each, table.time, entity=feature.entity, in_order=table.in_order)
        select.join(
            exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(named[each.alias]))),
            on=_same_moment(named[each.alias], feature.entity, moments),
            join_type="LEFT",
            copy=False,
        )


def feature_shape(feature: FeatureDefinition) -> FeatureShape:
    """The parts of a feature's text. Raises BuildError with the reason where it can't hold law 6."""
    try:
        statements = [each for each in sqlglot.parse(feature.text, dialect="duckdb") if each is not None]
    except SqlglotError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise _refused(feature, f"can't be read: {reason}", "Correct its SQL.") from error
    select = statements[0] if len(statements) == 1 else None
    if not isinstance(select, exp.Select):
        raise _refused(feature, "is not one SELECT", "Write SELECT ... FROM moments m LEFT JOIN ... .")
    _refuse_what_mixes_moments(feature, select)
    _refuse_unknown_columns_of_moments(feature, select)
    if (never := never_fixed(select)) is not None:
        raise _refused(
            feature,
            f"has {never}, which comes out differently with the order of its rows",
            "Write out what it is made of, as in sum(x * w) / sum(w).",
        )
    return FeatureShape(select=select, inputs=_inputs(feature, select), values=_values(feature, select))


def _refuse_what_mixes_moments(feature: FeatureDefinition, select: exp.Select) -> None:
    inner = next((each for each in select.find_all(exp.Select, exp.SetOperation) if each is not select), None)
    if inner is not None:
        does = "aggregates" if aggregates_in(inner) or inner.find(exp.Group) else "reads"
        raise _refused(
            feature,
            f"{does} an input before it meets the moments, in '{inner.sql('duckdb')[:80]}'",
            "Join the table itself to moments and group there: FROM moments m LEFT JOIN orders o ON ... GROUP BY ALL.",
        )
    for clause, value in select.args.items():
        if value and clause not in CLAUSES:
            raise _refused(
                feature,
                f"uses {clause.strip('_').upper()}, which could mix rows of several moments",
                "Group by the entity and as_of instead.",
            )
    if select.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        raise _refused(feature, "groups by several sets", "GROUP BY ALL gives one row for each moment.")
    moments = _alias_of_moments(feature, select)
    keys = {*(name.lower() for name in feature.entity), AS_OF}
    for window in select.find_all(exp.Window):
        parts = {part.name.lower() for part in window.args.get("partition_by") or [] if _is_of(part, moments)}
        if not keys <= parts:
            raise _refused(
                feature,
                f"has a window over several moments, '{window.sql('duckdb')[:80]}'",
                f"PARTITION BY {', '.join(f'{moments}.{name}' for name in (*feature.entity, AS_OF))}.",
            )
    if setting := select.find(exp.Parameter, exp.Placeholder):
        raise _refused(feature, f"has the setting {setting.sql('duckdb')}", "Write the value itself.")


def _refuse_unknown_columns_of_moments(feature: FeatureDefinition, select: exp.Select) -> None:
    moments = _alias_of_moments(feature, select)
    requested = [name for name, _ in feature.request]
    keys = (*feature.entity, AS_OF)
    if clash := next((name for name in requested if name.lower() in {key.lower() for key in keys}), None):
        raise _refused(
            feature, f"asks for '{clash}' in the request twice", "What is the entity's need not be declared."
        )
    there = {name.lower() for name in (*keys, *requested)}
    unknown = next(
        (each for each in select.find_all(exp.Column) if _is_of(each, moments) and each.name.lower() not in there), None
    )
    if unknown is not None and not unknown.is_star:
        raise _refused(
            feature,
            f"reads {unknown.sql('duckdb')}, and moments have {', '.join((*keys, *requested))}",
            f'If a request brings it along, declare it: request = {{ {unknown.name} = "DOUBLE" }}.',
        )


def _alias_of_moments(feature: FeatureDefinition, select: exp.Select) -> str:
    first = select.args["from_"].this if select.args.get("from_") else None
    if not isinstance(first, exp.Table) or first.name.lower() != MOMENTS or not _is_plain(first):
        raise _refused(feature, "doesn't start from the moments", "Write FROM moments m LEFT JOIN <table> ON ... .")
    alias: str = first.alias_or_name
    return alias


def _inputs(feature: FeatureDefinition, select: exp.Select) -> tuple[str, ...]:
    names: list[str] = []
    for join in select.args.get("joins") or []:
        table = join.this
        if not isinstance(table, exp.Table) or not _is_plain(table) or table.name.lower() == MOMENTS:
            raise _refused(
                feature,
                f"joins '{table.sql('duckdb')[:80]}', which is not a table of the project",
                "Name the table, with an alias if you like: LEFT JOIN orders o ON ... .",
            )
        kinds = ("", "INNER", "OUTER") if join.method == "ASOF" else ("", "INNER", "OUTER", "CROSS")
        if join.method not in ("", "ASOF") or join.side not in ("", "LEFT") or join.kind not in kinds:
            words = " ".join(word for word in (join.method, join.side, join.kind) if word)
            raise _refused(
                feature,
                f"joins '{table.name}' by {words} JOIN",
                "Use LEFT JOIN or JOIN; for the last value, ASOF LEFT JOIN.",
            )
        if join.args.get("using"):
            raise _refused(feature, f"joins '{table.name}' by USING", "Write ON, with both columns.")
        names.append(table.name)
    if not names and not feature.request:
        raise _refused(
            feature,
            "reads no table beside the moments",
            "Join the table its number comes from, or declare what a request brings: request = { ... }.",
        )
    return tuple(dict.fromkeys(names))


def _values(feature: FeatureDefinition, select: exp.Select) -> tuple[str, ...]:
    moments = _alias_of_moments(feature, select)
    keys = (*feature.entity, AS_OF)
    found: dict[str, exp.Expression] = {}
    for item in select.expressions:
        name = item.alias_or_name
        if item.is_star or isinstance(item.unalias(), exp.Columns) or not name:
            raise _refused(feature, f"selects '{item.sql('duckdb')}' without a name", "Name each column with AS.")
        if name.lower() in (each.lower() for each in found):
            raise _refused(feature, f"selects '{name}' twice", "Give each column a name of its own.")
        found[name] = item.unalias()
    for key in keys:
        item = next((item for name, item in found.items() if name.lower() == key.lower()), None)
        if item is None or item.name.lower() != key.lower() or not _is_of(item, moments):
            raise _refused(feature, f"doesn't select {moments}.{key}", f"Select {_list(moments, keys)} as they are.")
    values = tuple(name for name in found if name.lower() not in {key.lower() for key in keys})
    if not values:
        raise _refused(feature, "selects no value", f"Select a value beside {_list(moments, keys)}.")
    return values


def _is_plain(table: exp.Table) -> bool:
    """Whether it is a name with perhaps an alias: no schema, sample, pivot, renamed columns or function."""
    alias = table.args.get("alias")
    renamed = alias is not None and alias.args.get("columns")
    return (
        isinstance(table.this, exp.Identifier)
        and not renamed
        and not any(value for part, value in table.args.items() if part not in ("this", "alias"))
    )


def _is_of(column: exp.Expression, alias: str) -> bool:
    return isinstance(column, exp.Column) and column.table.lower() == alias.lower()


def _list(alias: str, keys: tuple[str, ...]) -> str:
    return " and ".join(f"{alias}.{key}" for key in keys)


def _refused(feature: FeatureDefinition, reason: str, mend: str) -> BuildError:
    return BuildError(f"feature '{feature.name}' {reason}", asset=feature.name, place=feature.place, mend=mend)

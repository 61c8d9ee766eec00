"""What stands in place of a cell, and which rows there are: grants as SQL over one table.

    SELECT CASE WHEN "_seen_1" THEN "email" WHEN "_seen_2" THEN <mask> END AS "email", ...
    FROM (SELECT *, (<rows of grant 1>) AS "_seen_1", (<rows of grant 2>) AS "_seen_2" FROM (<the table>))
    WHERE "_seen_1" OR "_seen_2"

A cell is shown where one of the grants that cover its row shows it; else it is masked by the first of them, in order
of name, that masks it; else it is null. Every column stands in a CASE under the filter: what a visitor asks may be
computed before the filter is, and sees nothing then that it would not see after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pumphouse.declare.grants import Grant, Mask
from pumphouse.engines.parameters import literal, quoted
from pumphouse.graph.sql_words import with_settings
from pumphouse.server.access.gate import Visitor

HASH_LENGTH = 32
"""Of the 64 digits of a SHA-256: enough that no two values meet, and too few to go on from."""
STARS = "'****'"
_SAME_FOR_ALL = "TRUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A table as some grants show it to somebody, in SQL over the table's own rows."""

    columns: tuple[str, ...]
    """In the table's order."""
    conditions: tuple[tuple[str, str], ...]
    """(name of a flag, condition) of the rows that each grant covers."""
    cells: Mapping[str, str]
    """SQL in place of a column, over the row and the flags; what is not in it is the column itself."""
    rows: str | None
    """The condition on the flags of the rows that are there; None is all."""
    as_stored: frozenset[str]
    """Columns that every row that is there shows as they are."""


def shown(
    grants: Sequence[Grant], schema: pa.Schema, *, offered: Collection[str], visitor: Visitor, key: bytes
) -> Shown:
    """A table with these columns as its grants, in order, show it. `key` is that of hashes.

    `offered` are the columns that a grant means which names none: a column that only an old snapshot has is not theirs.
    """
    spelled = {name.lower(): name for name in schema.names}
    flags: dict[int, str] = {}
    conditions: list[tuple[str, str]] = []
    for number, grant in enumerate(grants, 1):
        if grant.rows is None:
            flags[number] = _SAME_FOR_ALL
            continue
        name = f"_seen_{number}"
        while name in spelled:
            name = f"_{name}"
        flags[number] = quoted(name)
        conditions.append((name, _safely(_bound(grant.rows, visitor), schema)))
    rows = None if _SAME_FOR_ALL in flags.values() else " OR ".join(flags.values())
    columns: dict[str, None] = {}
    cells: dict[str, str] = {}
    as_stored: set[str] = set()
    for name in schema.names:
        ways = [
            (flags[number], _mask_of(grant, name))
            for number, grant in enumerate(grants, 1)
            if (name in offered if grant.columns is None else name.lower() in map(str.lower, grant.columns))
        ]
        if ways:
            columns[name] = None
            if len(ways) == len(grants) and not any(mask for _, mask in ways):
                as_stored.add(name)
            cell = _cell(schema.field(name), ways, visitor=visitor, key=key)
            if cell is not None:
                cells[name] = cell
    return Shown(
        columns=tuple(columns),
        conditions=tuple(conditions),
        cells=cells,
        rows=rows,
        as_stored=frozenset(as_stored),
    )


def _mask_of(grant: Grant, column: str) -> Mask | None:
    return next((mask for mask in grant.masks if mask.column.lower() == column.lower()), None)


def _cell(field: pa.Field, ways: Sequence[tuple[str, Mask | None]], *, visitor: Visitor, key: bytes) -> str | None:
    """SQL in place of a column that grants show, each as (flag of its rows, mask); None where it stands as it is."""
    plain = [flag for flag, mask in ways if mask is None]
    if _SAME_FOR_ALL in plain:
        return None
    masked = [(flag, mask) for flag, mask in ways if mask is not None]
    first = next((number for number, (flag, _) in enumerate(masked) if flag == _SAME_FOR_ALL), len(masked))
    masked = masked[: first + 1]
    values = [(flag, mask_sql(mask, field, visitor=visitor, key=key)) for flag, mask in masked]
    column = quoted(field.name)
    if plain:
        values.insert(0, (" OR ".join(plain), column))
    # Where two are of different types, all are text: what the engine would make of them depends on their values.
    if len({_kind_of(mask, field) for _, mask in masked} | ({str(field.type)} if plain else set())) > 1:
        values = [(flag, f"CAST({value} AS VARCHAR)") for flag, value in values]
    if len(values) == 1 and values[0][0] == _SAME_FOR_ALL:
        return values[0][1]
    return "CASE " + " ".join(f"WHEN {flag} THEN {value}" for flag, value in values) + " END"


def mask_sql(mask: Mask, field: pa.Field, *, visitor: Visitor, key: bytes) -> str:
    """SQL of what stands in place of a column. A mask that its type can't have is null."""
    column = quoted(field.name)
    text = f"CAST({column} AS VARCHAR)"
    nothing = f"CASE WHEN FALSE THEN {column} END"  # null, of the column's type
    match mask.kind:
        case "hash":
            return f"left(sha256({literal(key.hex())} || {text}), {HASH_LENGTH})"
        case "year" | "month" if pa.types.is_date(field.type):
            return f"CAST(date_trunc('{mask.kind}', {column}) AS DATE)"
        case "year" | "month" if pa.types.is_timestamp(field.type):
            return f"date_trunc('{mask.kind}', {column})"
        case "first" | "last":
            end = f"left({text}, {mask.count}) || {STARS}"
            if mask.kind == "last":
                end = f"{STARS} || right({text}, {mask.count})"
            return (
                f"CASE WHEN {column} IS NULL THEN NULL WHEN length({text}) < {2 * mask.count} THEN {STARS}"
                f" ELSE {end} END"
            )
        case "sql":
            return f"TRY({_grouped(_bound(mask.sql, visitor))})"
    return nothing


def _kind_of(mask: Mask | None, field: pa.Field) -> str:
    """The type of a mask, as far as it has to be told apart from that of others."""
    if mask is None or mask.kind in ("null", "year", "month"):
        return str(field.type)
    return "string" if mask.kind in ("hash", "first", "last") else f"sql {mask.sql}"


def _bound(text: str, visitor: Visitor) -> str:
    """SQL with `$who` and `$groups` as the values that they are for somebody."""
    values = {
        "who": literal(visitor.who),
        "groups": f"CAST({literal(sorted(visitor.groups))} AS VARCHAR[])",
    }
    return with_settings(text, lambda name: values.get(name, "NULL"))


def _grouped(text: str) -> str:
    return f"({text}\n)"  # a comment may stand at its end


def _safely(condition: str, schema: pa.Schema) -> str:
    """A condition that fails on no row: an error would tell whoever asks of a row that is not there for them.

    TRY hides a condition's form from the reader of files, which passes over those whose least and greatest value tell
    that nothing meets it; so it stands plain where it only compares columns with values of their own type.
    """
    return _grouped(condition) if _only_compares(condition, schema) else f"TRY({_grouped(condition)})"


def _only_compares(condition: str, schema: pa.Schema) -> bool:
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(f"SELECT {_grouped(condition)}", dialect="duckdb").expressions[0]
    except sqlglot.errors.SqlglotError:
        return False
    types = {field.name.lower(): field.type for field in schema}
    comparing = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
    joining = (exp.And, exp.Or, exp.Not, exp.Paren)

    def kinds(operands: Iterator[exp.Expression]) -> set[str]:
        found = set()
        for one in operands:
            if isinstance(one, exp.Literal):
                found.add("text" if one.is_string else "number")
            elif isinstance(one, exp.Column) and one.name.lower() in types and not one.table:
                kind = types[one.name.lower()]
                found.add("text" if pa.types.is_string(kind) else "number" if _is_number(kind) else "other")
            else:
                found.add("other")
        return found

    def is_plain(node: exp.Expression) -> bool:
        if isinstance(node, joining):
            return all(is_plain(child) for child in node.iter_expressions())
        if isinstance(node, exp.Is):
            return isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Null)
        return isinstance(node, comparing) and kinds(node.iter_expressions()) in ({"text"}, {"number"})

    return is_plain(tree)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

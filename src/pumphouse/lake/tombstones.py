"""Who is hidden: the SQL that leaves the rows of people with a tombstone out of a scan.

A tombstone names a column and a value as somebody typed it. It counts for every column of that name, however it is
spelled, and for every way to write the same number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import row_id


def columns_of(schema: pa.Schema, entities: Iterable[str]) -> dict[str, str]:
    """The columns by which people are hidden, each with the entity of its tombstones."""
    by_name = {entity.lower(): entity for entity in entities}
    return {name: by_name[name.lower()] for name in schema.names if name.lower() in by_name}


def values(entity: str, kind: pa.DataType, *, tombstones: str) -> str:
    """A query of the values to hide, as text of a column of this type."""
    entered = f"SELECT value FROM {tombstones} WHERE lower(entity) = {literal(entity.lower())}"
    if pa.types.is_integer(kind):
        number = f"SELECT TRY_CAST(value AS DECIMAL(38, 9)) AS value FROM ({entered})"
        return f"SELECT CAST(CAST(value AS HUGEINT) AS VARCHAR) AS value FROM ({number}) WHERE value = floor(value)"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        stored = f"DECIMAL({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else "DOUBLE"
        number = f"SELECT CAST(TRY_CAST(value AS {stored}) AS VARCHAR) AS value FROM ({entered})"
        return f"SELECT value FROM ({number}) WHERE value IS NOT NULL"
    return entered


def conditions(schema: pa.Schema, columns: Iterable[tuple[str, str]], *, tombstones: str) -> Iterator[str]:
    """What holds of a row of nobody who is hidden; `columns` are those of `columns_of`."""
    for column, entity in columns:
        hidden = values(entity, schema.field(column).type, tombstones=tombstones)
        yield f"({quoted(column)} IS NULL OR CAST({quoted(column)} AS VARCHAR) NOT IN ({hidden}))"


def rows_of(
    whose: pa.Schema, columns: Mapping[str, str], *, table: str, key: tuple[str, ...], tombstones: str
) -> Iterator[str]:
    """Queries of the row ids of a table's hidden people; `columns` are those of `columns_of`, `table` is SQL of it."""
    for column, entity in columns.items():
        hidden = values(entity, whose.field(column).type, tombstones=tombstones)
        yield f"SELECT {row_id(key)} AS value FROM {table} WHERE CAST({quoted(column)} AS VARCHAR) IN ({hidden})"
        if key == (column,):  # a row that is gone from the table has its key still
            yield hidden


def fit_conditions(entities: Iterable[str], *, tombstones: str) -> Iterator[str]:
    """What holds of a row of a fit that is not about a hidden person: no group by that column has their value."""
    for entity in sorted(entities):
        said = f"json_extract_string(one.value, '$') IN ({values(entity, pa.string(), tombstones=tombstones)})"
        groups = 'json_each(CASE WHEN json_valid("group") THEN "group" ELSE \'[]\' END) one'
        is_by = f"contains(lower(step), {literal(entity.lower())})"
        yield f"NOT ({is_by} AND EXISTS (SELECT 1 FROM {groups} WHERE {said}))"


def quarantine_conditions(entities: Iterable[str], *, tombstones: str) -> Iterator[str]:
    """What holds of a row in a quarantine that is no hidden person's row as a whole."""
    for entity in sorted(entities):
        of_row = f"lower(one.key) = {literal(entity.lower())}"
        said = f"json_extract_string(one.value, '$') IN ({values(entity, pa.string(), tombstones=tombstones)})"
        whole = "json_each(CASE WHEN json_valid(original) THEN original ELSE '{}' END) one"
        yield f"(\"column\" <> '*' OR NOT EXISTS (SELECT 1 FROM {whole} WHERE {of_row} AND {said}))"

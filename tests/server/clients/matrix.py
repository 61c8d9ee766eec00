"""A table of every type that a lake's table and a query can have, with its extremes.

Each column has its type here and in PostgreSQL, and the text of its values, which both read alike. The rows are:
something usual, the least, the most, something awkward, and nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    name: str
    duckdb: str
    postgres: str
    values: tuple[str | None, str | None, str | None, str | None]


def same(name: str, kind: str, *values: str | None) -> Column:
    return of(name, kind, kind, *values)


def of(name: str, duckdb: str, postgres: str, *values: str | None) -> Column:
    assert len(values) == 4
    return Column(name, duckdb, postgres, values)  # type: ignore[arg-type]


USUAL, LAST = "2026-02-28 12:34:56", "9999-12-31 23:59:59"
TEXT = 'it\'s "quoted", \\ {NULL} Zoë 東京 😀\t1\n2'
COLUMNS = (
    same("b", "boolean", "true", "false", "true", "false"),
    of("i1", "tinyint", "smallint", "1", "-128", "127", "0"),
    same("i2", "smallint", "1", "-32768", "32767", "0"),
    same("i4", "integer", "1", "-2147483648", "2147483647", "0"),
    same("i8", "bigint", "1", "-9223372036854775808", "9223372036854775807", "9007199254740993"),
    of("u1", "utinyint", "smallint", "1", "0", "255", "128"),
    of("u2", "usmallint", "integer", "1", "0", "65535", "32768"),
    of("u4", "uinteger", "bigint", "1", "0", "4294967295", "2147483648"),
    of("u8", "ubigint", "numeric(38,0)", "1", "0", "18446744073709551615", "9223372036854775808"),
    same("huge", "numeric(38,0)", "1", f"-{'9' * 38}", "9" * 38, "0"),
    same("money", "numeric(9,2)", "1.50", "-9999999.99", "9999999.99", "0.01"),
    same("fine", "numeric(38,10)", "1.5", f"-{'9' * 28}.{'9' * 10}", f"{'9' * 28}.{'9' * 10}", "-0.0000000001"),
    same("f4", "real", "1.5", "-3.4028235e38", "3.4028235e38", "NaN"),
    same("f8", "double precision", "0.1", "-1.7976931348623157e308", "5e-324", "-Infinity"),
    same("t", "text", "plain", "", "x" * 300, TEXT),
    of("bytes", "blob", "bytea", "\\x00\\xFF", "", "\\x27\\x22\\x5C", "plain"),
    same("d", "date", "2026-02-28", "0001-01-01", "9999-12-31", "2000-02-29"),
    same("clock", "time", "12:34:56.789012", "00:00:00", "23:59:59.999999", "00:00:00.000001"),
    same("ts", "timestamp", f"{USUAL}.789012", "0001-01-01 00:00:00", f"{LAST}.999999", "1969-12-31 23:59:59.999999"),
    same("tz", "timestamptz", f"{USUAL}.789012+00", "0001-01-01 00:00:00+00", f"{LAST}+00", "2026-07-01 00:00:00+02"),
    same("span", "interval", "1 year 2 months 3 days 04:05:06.789", "-1 days", "100 years", "-00:00:00.001"),
    of("js", "json", "text", '{"a": [1, null, "x"]}', "{}", "[]", '"\\u00e9"'),
    same("key", "uuid", f"{'0' * 7}1-0000-4000-8000-{'0' * 12}", f"{'0' * 8}-0000-0000-0000-{'0' * 12}",
        f"{'f' * 8}-ffff-ffff-ffff-{'f' * 12}", "80000000-7fff-4a1b-9c2d-e3f405162738"),
    of("pair", "json::STRUCT(a INTEGER, b VARCHAR)", "json", '{"a":1,"b":"x"}', '{"a":-2147483648,"b":""}',
        '{"a":null,"b":null}', '{"a":0,"b":"\\"Zoë\\" \\\\ 東京 😀"}'),
    same("ints", "integer[]", "{1,2}", "{}", "{-2147483648,2147483647}", "{NULL,0}"),
    same("texts", "text[]", "{a,b}", "{}", '{"with \\"quote\\"","comma,","b\\\\s"}', '{NULL,"NULL",""}'),
)  # fmt: skip


def in_duckdb(column: Column, value: str | None) -> str:
    if value is None:
        return f"NULL::{column.duckdb}"
    if column.duckdb.endswith("[]"):
        return LISTS[column.name][column.values.index(value)]
    return f"{literal(value)}::{column.duckdb}"


def in_postgres(column: Column, value: str | None) -> str:
    if value is None:
        return f"NULL::{column.postgres}"
    if column.postgres == "bytea":
        return f"'\\x{BYTES[column.values.index(value)]}'::bytea"
    return f"{literal(value)}::{column.postgres}"


LISTS = {
    "ints": ("[1, 2]", "[]::integer[]", "[-2147483648, 2147483647]::integer[]", "[NULL, 0]::integer[]"),
    "texts": ("['a', 'b']", "[]::text[]", "['with \"quote\"', 'comma,', 'b\\s']", "[NULL, 'NULL', '']"),
}
"""Lists as DuckDB writes them."""
BYTES = ("00ff", "", "27225c", "706c61696e")
"""Bytes as PostgreSQL writes them."""


def rows_in_duckdb() -> str:
    """A query that gives the rows, each with its number."""
    return _rows(in_duckdb)


def rows_in_postgres() -> str:
    """The same for PostgreSQL."""
    return _rows(in_postgres)


def _rows(written: object) -> str:
    assert callable(written)
    selects = []
    for row in range(5):
        cells = [f"{written(one, one.values[row] if row < 4 else None)} AS {one.name}" for one in COLUMNS]
        selects.append(f"SELECT {row + 1} AS id, {', '.join(cells)}")
    return "\nUNION ALL ".join(selects)


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

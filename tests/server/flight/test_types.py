from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pumphouse.server.flight.types import type_name

VALUES = {
    "BOOLEAN": ("true", "false"),
    "TINYINT": ("-128", "127"),
    "SMALLINT": ("-32768", "32767"),
    "INTEGER": ("-2147483648", "2147483647"),
    "BIGINT": ("-9223372036854775808", "9223372036854775807"),
    "UTINYINT": ("0", "255"),
    "USMALLINT": ("0", "65535"),
    "UINTEGER": ("0", "4294967295"),
    "UBIGINT": ("0", "18446744073709551615"),
    "FLOAT": ("'-inf'", "1.5"),
    "DOUBLE": ("'inf'", "5e-324"),
    "DECIMAL(4,1)": ("-999.9", "999.9"),
    "DECIMAL(38,10)": ("'-1234567890123456789012345678.0123456789'", "0"),
    "DECIMAL(38,0)": ("'99999999999999999999999999999999999999'", "-1"),
    "VARCHAR": ("''", "'Zürich ✓ 🜚'"),
    "BLOB": (r"'\x00\xFF'", "''"),
    "DATE": ("'0001-01-01'", "'9999-12-31'"),
    "TIME": ("'00:00:00'", "'23:59:59.999999'"),
    "TIMESTAMP": ("'0001-01-01'", "'9999-12-31 23:59:59.999999'"),
    "TIMESTAMP_S": ("'1969-12-31'", "'2100-01-01 00:00:01'"),
    "TIMESTAMP_MS": ("'1969-12-31'", "'2100-01-01 00:00:01.001'"),
    "TIMESTAMP_NS": ("'1969-12-31'", "'2100-01-01 00:00:01.000000001'"),
    "TIMESTAMP WITH TIME ZONE": ("'1969-12-31 23:00:00+05:30'", "'9999-12-31 00:00:00Z'"),
    "INTERVAL": ("'1 month 2 days 3 microseconds'", "'-14 months'"),
    "INTEGER[]": ("[1, NULL]", "[]"),
    "VARCHAR[][]": ("[['a', NULL], NULL]", "[[]]"),
    "INTEGER[2]": ("[1, NULL]", "[2, 3]"),
    'STRUCT("a" INTEGER, "b c" VARCHAR[])': ("{'a': 1, 'b c': ['x']}", "{'a': NULL, 'b c': NULL}"),
    "MAP(VARCHAR, INTEGER)": ("MAP {'a': 1, 'b': NULL}", "MAP {}"),
}
OTHERS = {
    "HUGEINT": ("1234567890123456789012345678901234567", "-1"),
    "UUID": ("'12345678-1234-5678-1234-567812345678'",),
    "JSON": ("""'{"a": 1}'""",),
    "UNION(n INTEGER, t VARCHAR)": ("1", "'x'"),
}
"""Types that Arrow has in another form, or under another name."""


def rows_of(kind: str) -> str:
    values = (*(VALUES | OTHERS)[kind], "NULL")
    return " UNION ALL ".join(f"SELECT CAST({value} AS {kind}) AS told" for value in values)


@pytest.mark.parametrize("kind", [*VALUES, *OTHERS])
def test_values_arrive_as_duckdb_has_them(kind: str, raw: Any, cursor: Any) -> None:
    text = rows_of(kind)
    with duckdb.connect() as own:
        own.execute("SET TimeZone = 'UTC'")
        expected = own.execute(text).to_arrow_table()
    told = raw.rows(text)
    assert told.schema == expected.schema
    assert told.to_pydict() == expected.to_pydict() if kind not in ("FLOAT", "DOUBLE") else told.equals(expected)
    if not kind.startswith("UNION"):
        assert cursor.execute(text).fetch_arrow_table().equals(told)
    if kind in VALUES:
        assert type_name(told.schema.field("told").type) == kind


@pytest.mark.parametrize(
    "value",
    [
        "'12:00:00+01'::TIMETZ",
        "['101'::BIT]",
        "{'x': 1::UHUGEINT}",
        "12345678901234567890123456789012345678901::BIGNUM",
    ],
)
def test_type_of_which_arrow_would_have_another_value_is_refused(value: str, raw: Any) -> None:
    with pytest.raises(pa.ArrowInvalid, match="Cast it to VARCHAR"):
        raw.rows(f"SELECT {value} AS told")
    assert raw.rows(f"SELECT CAST({value} AS VARCHAR) AS told").num_rows == 1


def test_type_of_every_column_has_a_name() -> None:
    assert type_name(pa.null()) == "NULL"
    assert type_name(pa.large_string()) == "VARCHAR"
    assert type_name(pa.large_binary()) == "BLOB"

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pumphouse.engines.csv import write_csv
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.sheets import head_row, sheet_row
from pumphouse.engines.texts import Columns, csv_head, csv_line, json_line

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.text("'=+-@\t\r\n＝1a\"", max_size=5)


@pytest.fixture(scope="module")
def engine() -> DuckDB:
    return DuckDB(threads=1)


def columns_of(engine: DuckDB, query: str) -> Columns:
    described = engine.connection.execute(f"SELECT * FROM ({query}) LIMIT 0")
    kinds = tuple(kind for _, kind, *_ in described.description)
    return Columns(schema=described.to_arrow_table().schema, kinds=kinds)


def line(engine: DuckDB, query: str, written: Any) -> str:
    """The one row of a query as a line."""
    columns = columns_of(engine, query)
    sql, names = written(columns), ", ".join(f"c{place}" for place in range(len(columns.kinds)))
    found: str = engine.execute(f"SELECT {sql} FROM ({query}) AS t({names})")[0][0]
    return found


CELLS: tuple[tuple[str, str, Any], ...] = (
    ("1::TINYINT", "1", 1),
    ("true", "true", True),
    ("9007199254740991", "9007199254740991", 9007199254740991),
    ("9007199254740992", "9007199254740992", "9007199254740992"),
    ("(-9223372036854775808)::BIGINT", "-9223372036854775808", "-9223372036854775808"),
    ("18446744073709551615::UBIGINT", "18446744073709551615", "18446744073709551615"),
    ("170141183460469231731687303715884105727::HUGEINT", f"{2**127 - 1}", f"{2**127 - 1}"),
    ("340282366920938463463374607431768211455::UHUGEINT", f"{2**128 - 1}", f"{2**128 - 1}"),
    ("sum(1)", "1", 1),
    ("1.10::DECIMAL(4,2)", "1.10", "1.10"),
    ("repeat('9', 38)::DECIMAL(38,0)", "9" * 38, "9" * 38),
    ("0.1::FLOAT", "0.1", 0.1),
    ("1e300", "1e+300", 1e300),
    ("'nan'::DOUBLE", "nan", "NaN"),
    ("'-inf'::FLOAT", "-inf", "-Infinity"),
    ("DATE '2026-02-03'", "2026-02-03", "2026-02-03"),
    ("DATE '-infinity'", "'-infinity", "-infinity"),
    ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)", "0044-03-15 (BC)"),
    ("TIME '10:00:00.5'", "10:00:00.5", "10:00:00.5"),
    ("TIMETZ '10:00:00+02'", "10:00:00+02", "10:00:00+02"),
    ("TIMESTAMP '2026-02-03 04:05:06.789'", "2026-02-03 04:05:06.789", "2026-02-03T04:05:06.789"),
    ("TIMESTAMP_NS '2026-02-03 04:05:06.123456789'", "2026-02-03 04:05:06.123456789", "2026-02-03T04:05:06.123456789"),
    ("TIMESTAMPTZ '2026-02-03 04:05:06+01'", "2026-02-03 03:05:06Z", "2026-02-03T03:05:06Z"),
    ("TIMESTAMPTZ 'infinity'", "infinity", "infinity"),
    ("TIMESTAMPTZ '-infinity'", "'-infinity", "-infinity"),
    ("TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'", "9999-12-31 23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ("TIMESTAMP '12026-01-01 00:00:00'", "12026-01-01 00:00:00", "12026-01-01 00:00:00"),
    ("INTERVAL '14 months -2 days 3.5 seconds'", '"P14M-2DT3.500000S"', "P14M-2DT3.500000S"),
    ("'6b13822b-f153-41d2-873f-25ad5de38f0e'::UUID", *["6b13822b-f153-41d2-873f-25ad5de38f0e"] * 2),
    ("'101'::BIT", '"101"', "101"),
    ("'\\xFF\\x00'::BLOB", '"ff00"', base64.b64encode(b"\xff\x00").decode()),
    ("'a'::ENUM('a', 'b')", '"a"', "a"),
    ("""'{"a": 1}'::JSON""", '"{""a"": 1}"', '{"a": 1}'),
    ("[1.5, NULL]", '"[""1.5"",null]"', ["1.5", None]),
    ("[[], NULL]::INT[][]", '"[[],null]"', [[], None]),
    ("[1, 2]::INT[2]", '"[1,2]"', [1, 2]),
    ("""{'a"b': DATE '2026-01-01', 'c': {'d': NULL}}""", None, {'a"b': "2026-01-01", "c": {"d": None}}),
    ("MAP {'k': [9007199254740993]}", None, [["k", ["9007199254740993"]]]),
    ("row(1, 'x')", None, [1, "x"]),
    ("union_value(n := 1)", '"1"', "1"),
    ("NULL", "", None),
    ("NULL::DOUBLE", "", None),
    ("NULL::STRUCT(a INT)", "", None),
    ("NULL::INT[]", "", None),
    ("''", '""', ""),
)


@pytest.mark.parametrize(("value", "in_csv", "in_json"), CELLS)
def test_value_of_any_type_is_written_whole(value: str, in_csv: str | None, in_json: Any, engine: DuckDB) -> None:
    query = f"SELECT {value} AS x"
    if in_csv is not None:
        assert line(engine, query, csv_line) == f"{in_csv}\r\n"
    found = json.loads(line(engine, query, json_line))["x"]
    assert found == in_json
    assert type(found) is type(in_json)
    assert line(engine, query, sheet_row).startswith("<row><c")


@settings(max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8))
def test_text_comes_back_from_csv_and_json_as_it_was(engine: DuckDB, texts: list[str]) -> None:
    engine.connection.register("t", pa.table({"x": texts, "n": range(len(texts))}))
    columns = columns_of(engine, "SELECT x FROM t")
    exact = csv_line(columns, exact=True)
    rows = engine.execute(
        f"SELECT {exact}, {csv_line(columns)}, {json_line(columns)} FROM (SELECT x AS c0, n FROM t) ORDER BY n"
    )
    assert [next(csv.reader(io.StringIO(row[0], newline="")))[0] for row in rows] == texts
    assert [json.loads(row[2])["x"] for row in rows] == texts
    sink = io.BytesIO()
    batch = pa.record_batch({"x": texts})
    write_csv([batch], batch.schema, sink=sink)
    guarded = list(csv.reader(io.StringIO(sink.getvalue().decode(), newline="")))[1:]
    assert [next(csv.reader(io.StringIO(row[1], newline=""))) for row in rows] == guarded


@settings(max_examples=40)
@given(texts=st.lists(TEXTS | st.text("_x0041F<&\v", max_size=20), min_size=1, max_size=8))
@example(texts=["_x0041_x0042_", "_x005F_", "_x0041\x0b", "\x0b\r\n", "=1", "\ufffe"])
def test_text_comes_back_from_a_sheet_as_it_was(engine: DuckDB, texts: list[str]) -> None:
    engine.connection.register("t", pa.table({"c0": texts, "n": range(len(texts))}))
    written = sheet_row(columns_of(engine, "SELECT c0 FROM t"))
    for text, (row,) in zip(texts, engine.execute(f"SELECT {written} FROM t ORDER BY n"), strict=True):
        cell = ET.fromstring(row)[0]
        found = cell.findtext("is/t") or ""
        assert cell.get("t") == "inlineStr"
        assert re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), found) == text
        assert (ET.fromstring(head_row([text]))[0].findtext("is/t") or "") == found


@settings(max_examples=30)
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_to_the_bit(engine: DuckDB, numbers: list[float]) -> None:
    engine.connection.register("t", pa.table({"c0": pa.array(numbers, pa.float64()), "n": range(len(numbers))}))
    written = json_line(columns_of(engine, "SELECT c0 FROM t"))
    rows = engine.execute(f"SELECT {written} FROM t ORDER BY n")
    found = [json.loads(row[0])["c0"] for row in rows]
    assert [(one, math.copysign(1, one)) for one in found] == [(one, math.copysign(1, one)) for one in numbers]


def test_names_are_no_formulas_either() -> None:
    assert csv_head(["a", '=1"+1']) == '"a","\'=1""+1"\r\n'
    assert csv_head(["=1"], exact=True) == '"=1"\r\n'
    assert '<t xml:space="preserve">&lt;b&gt;_x000B_</t>' in head_row(["<b>\v"])

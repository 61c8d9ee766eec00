from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")


def test_a_table_for_a_person_has_numbers_to_the_right_and_names_its_snapshot(pumphouse: Any, built: Path) -> None:
    done = pumphouse("query", "SELECT order_id, note, amount FROM orders WHERE order_id < 4", cwd=built)
    assert done.code == 0
    assert done.out.splitlines() == [
        "order_id  note             amount",
        "--------  ---------------  ------",
        "       1  fine               5.00",
        "       2  NULL              20.50",
        '       3  says "hi", =1+1  300.00',
        "(3 rows; snapshot 3)",
    ]


def test_a_table_says_that_there_are_more_rows(pumphouse: Any, built: Path) -> None:
    last = pumphouse("query", "FROM orders", "--limit", "2", cwd=built).out.splitlines()[-1]
    assert last == "(the first 2 rows, more with --limit; snapshot 3)"
    last = pumphouse("query", "SELECT * FROM range(51)", cwd=built).out.splitlines()[-1]
    assert last == "(the first 50 rows, more with --limit; snapshot 3)"


def test_data_cannot_steer_the_terminal(pumphouse: Any, built: Path) -> None:
    done = pumphouse("query", "SELECT note FROM orders WHERE order_id = 4", cwd=built)
    assert "\\x1b[31mred" in done.out
    assert "\x1b" not in done.out


def test_csv_is_exact_and_tells_no_value_from_an_empty_text(pumphouse: Any, built: Path) -> None:
    columns = "big, amount, note, '' AS none, day, [1, 2] AS list, INTERVAL 3 DAY AS span, big::HUGEINT * 10000 AS huge"
    done = pumphouse("query", f"SELECT {columns} FROM orders ORDER BY order_id", "--format", "csv", cwd=built)
    assert done.code == 0
    header, *rows = csv.reader(io.StringIO(done.out))
    assert header == ["big", "amount", "note", "none", "day", "list", "span", "huge"]
    assert rows[0] == [
        "9007199254740993",
        "5.00",
        "fine",
        "",
        "2024-01-02",
        "[1, 2]",
        "P0M3DT0.000000000S",
        "90071992547409930000",
    ]
    assert rows[2][2] == 'says "hi", =1+1'
    assert done.out.splitlines()[2].startswith('1,20.50,,"",')


def test_json_is_an_array_with_a_row_on_each_line(pumphouse: Any, built: Path) -> None:
    text = "SELECT big, amount, note, day, big::HUGEINT AS wide, {'a': [1]} AS nested FROM orders ORDER BY order_id"
    done = pumphouse("query", text, "--format", "json", cwd=built)
    assert done.code == 0
    assert len(done.out.splitlines()) == 4 + 2
    first, second, *_ = done.json
    assert first["big"] == 9007199254740993
    assert first["wide"] == "9007199254740993"
    assert (first["amount"], first["day"], first["nested"]) == ("5.00", "2024-01-02", {"a": [1]})
    assert second["note"] is None
    assert pumphouse("query", "FROM orders WHERE false", "--format", "json", cwd=built).json == []


def test_infinity_is_written_as_duckdb_writes_it(pumphouse: Any, built: Path) -> None:
    text = "SELECT DATE 'infinity' AS until, [TIMESTAMP '-infinity'] AS at FROM orders LIMIT 1"
    assert pumphouse("query", text, "--format", "json", cwd=built).json == [{"until": "infinity", "at": ["-infinity"]}]
    assert "infinity" in pumphouse("query", text, "--format", "csv", cwd=built).out


def test_arrow_is_a_stream_that_names_its_snapshot(built: Path) -> None:
    done = subprocess.run(
        [PUMPHOUSE, "query", "FROM orders", "--format", "arrow", "--limit", "3"],
        cwd=built,
        capture_output=True,
        check=True,
    )
    with pa.ipc.open_stream(done.stdout) as stream:
        table = stream.read_all()
    assert table.num_rows == 3
    assert table["big"].to_pylist()[0] == 9007199254740993
    assert table.schema.field("amount").type == pa.decimal128(38, 2)
    assert table.schema.metadata == {b"pumphouse.snapshot": b"3"}


def test_columns_of_one_name_are_told_apart(pumphouse: Any, built: Path) -> None:
    done = pumphouse("query", "SELECT 1 AS a, 2 AS a", "--format", "json", cwd=built)
    assert done.json == [{"a": 1, "a_1": 2}]


def test_settings_are_used_by_name(pumphouse: Any, built: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    days = {str(datetime.now(berlin).date())}
    done = pumphouse("query", "SELECT $least AS least, $today AS today", "--format", "json", cwd=built)
    days.add(str(datetime.now(berlin).date()))
    assert done.json[0]["least"] == 10
    assert done.json[0]["today"] in days


def test_an_earlier_snapshot_can_be_asked(pumphouse: Any, shop: Path) -> None:
    with (shop / "orders.sql").open("a") as file:
        file.write("WHERE order_id > 2\n")
    assert pumphouse("run", "orders", cwd=shop).code == 0
    count = ("query", "SELECT count(*) AS n FROM orders", "--format", "json")
    assert pumphouse(*count, cwd=shop).json == [{"n": 2}]
    assert pumphouse(*count, "--snapshot", "3", cwd=shop).json == [{"n": 4}]
    future = pumphouse(*count, "--snapshot", "99", cwd=shop)
    assert future.code == 2
    assert future.err == "error: there is no snapshot 99\n  The newest is 4.\n"


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [
        ("FROM ordrs", 2, "Did you mean 'orders'?"),
        ("SELECT nope FROM orders", 1, '"nope" not found'),
        ("SELEC 1", 1, "the query can't be parsed"),
        ("SELECT CAST(note AS INTEGER) FROM orders", 1, "Could not convert string"),
        ("DROP TABLE orders", 1, "only one SELECT"),
        ("SELECT $nothing", 2, "'$nothing' has no value"),
    ],
)
def test_a_query_that_is_wrong_is_an_error_without_a_traceback(
    pumphouse: Any, built: Path, sql: str, code: int, said: str
) -> None:
    done = pumphouse("query", sql, "--format", "csv", cwd=built)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_reader_that_has_enough_ends_it_quietly_and_what_it_read_is_counted(shop: Path) -> None:
    query = "SELECT o.*, r.range FROM orders o, range(500000) r"
    command = f"'{PUMPHOUSE}' query '{query}' --format csv | head -2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=shop,
        env={**os.environ, "PUMPHOUSE_ACTOR": "ben"},
        capture_output=True,
        text=True,
        check=True,
    )
    header, first, code = done.stdout.splitlines()
    assert header.startswith('"order_id"')
    assert first.startswith("1,7,")
    assert (code, done.stderr) == ("141", "")
    lake = Lake(Location(folder=shop / "lake"), engine=DuckDB(), writable=False)
    (read,) = [access for access in lake.state.accesses(asset="orders") if access.who == "ben"]
    assert (read.door, read.snapshot, read.run) == ("cli", 3, None)
    assert 0 < read.rows < 2_000_000
    lake.close()

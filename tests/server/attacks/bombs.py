"""Statements that make much of little, one after the other in a process of their own, which must outlive them all.

    python -m tests.server.attacks.bombs FOLDER [NAME...]

It writes a line of JSON for each: how it ended, by how many MB the process grew, and how many seconds
of the processor that took. A
limit of the process's addresses keeps the machine whole where nothing else does.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import PumphouseError
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Bounds, Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.memory import resident_bytes
from pumphouse.server.access.policies import Policies

MB = 1024**2
MEMORY_MB, SECONDS = 200, 1.0
ADDRESSES_MAX = 8 * 1024 * MB
ADA = Visitor(who="ada", scope="all")
_DOUBLED = ", ".join(f"t{n} AS MATERIALIZED (SELECT x || x AS x FROM t{n - 1})" for n in range(1, 40))
_LONG = "repeat('a', 100000)"
_ROWS = "FROM range(100000) AS r (i)"

BOMBS: dict[str, str] = {
    "replace": "SELECT length(replace(repeat('a', 30000), 'a', repeat('b', 100000)))",
    "replace_nested": "SELECT length(" + "replace(" * 9 + "'a'" + ", 'a', repeat('a', 20))" * 9 + ")",
    "regexp_replace": "SELECT length(regexp_replace(repeat('a', 30000), 'a', repeat('b', 100000), 'g'))",
    "array_to_string": f"SELECT length(array_to_string(range(100000), {_LONG}))",
    "list_aggregate": f"SELECT length(list_aggregate(range(100000), 'string_agg', {_LONG}))",
    "string_agg": f"SELECT length(string_agg(i::VARCHAR, {_LONG})) {_ROWS}",
    "listagg": f"SELECT length(listagg(i::VARCHAR, {_LONG})) {_ROWS}",
    "group_concat_in_groups": f"SELECT length(group_concat({_LONG} || i, '-')) {_ROWS} GROUP BY i % 1000",
    "concat_ws": f"SELECT length(concat_ws({_LONG}, {', '.join('i' * 2000)})) {_ROWS}",
    "concat": f"SELECT length(concat({', '.join(f'repeat(i::VARCHAR, {n})' for n in range(20000, 22000))})) {_ROWS}",
    "doubled_by_with": f"WITH t0 AS (SELECT 'aaaaaaaa' AS x), {_DOUBLED} SELECT length(x) FROM t39",
    "doubled_in_recursion": (
        "WITH RECURSIVE t AS (SELECT 'a' AS x, 0 AS n UNION ALL SELECT x || x, n + 1 FROM t WHERE n < 40)"
        " SELECT max(length(x)) FROM t"
    ),
    "doubled_by_lambda": (
        "SELECT length(list_reduce([repeat('a', i::INT) FOR i IN range(50)], lambda x, y: x || x || y))"
    ),
    "list_doubled_by_lambda": "SELECT len(list_reduce([[i] FOR i IN range(50)], lambda x, y: x || x || y))",
    "list_doubled_in_recursion": (
        "WITH RECURSIVE t AS (SELECT [1] AS x, 0 AS n UNION ALL SELECT x || x, n + 1 FROM t WHERE n < 40)"
        " SELECT max(len(x)) FROM t"
    ),
    "repeat_of_repeat": f"SELECT length(repeat({_LONG}, 90000))",
    "repeat_by_chance": f"SELECT length(repeat('a', CASE WHEN random() < 0.5 THEN 1 ELSE 900000000 END)) {_ROWS}",
    "repeat_of_a_list": "SELECT len(repeat(range(1000000), 90000))",
    "range_of_rows": f"SELECT sum(len(range(i, i + 999999))) {_ROWS}",
    "range_in_range": "SELECT len([range(x) FOR x IN range(900000)])",
    "transform": "SELECT len(list_transform(range(900000), lambda x: repeat('a', (x % 100000)::INT)))",
    "list_resize": f"SELECT sum(len(list_resize([{_LONG}], (900000 + i % 9)::INT, 'a'))) {_ROWS}",
    "list_resize_of_texts": f"SELECT length(array_to_string(list_resize(['a'], 900000, {_LONG}), ''))",
    "flatten": "SELECT len(flatten(list_resize([range(1000)], 900000, range(1000))))",
    "format": f"SELECT length(format('{'{0}' * 2000}', {_LONG} || i)) {_ROWS}",
    "printf": f"SELECT length(printf('{'%9999d' * 900}', {', '.join('i' * 900)})) {_ROWS}",
    "split": f"SELECT sum(len(string_split({_LONG} || i, ''))) {_ROWS}",
    "json_of_lists": f"SELECT length(to_json(list_resize([{_LONG}], 900000, {_LONG}))::VARCHAR)",
    "json_group_array": f"SELECT length(json_group_array({_LONG} || i)) {_ROWS}",
    "product_of_tables": f"SELECT list({_LONG} || a.i || b.i) FROM range(99999) AS a (i), range(99999) AS b (i)",
    "structs": f"SELECT list({{'a': {_LONG} || i, 'b': [{_LONG} || i]}}) {_ROWS}",
    "maps": f"SELECT map_from_entries([{{'k': x, 'v': {_LONG} || x}} FOR x IN range(900000)])",
    "window": f"SELECT max(length(x)) FROM (SELECT string_agg({_LONG} || i, '') OVER (ORDER BY i) AS x {_ROWS})",
    "histogram": f"SELECT histogram({_LONG} || i) {_ROWS}",
    "levenshtein": f"SELECT sum(levenshtein({_LONG} || i, repeat('b', 100000))) {_ROWS}",
    "damerau_levenshtein": f"SELECT sum(damerau_levenshtein({_LONG} || i, repeat('b', 100000))) {_ROWS}",
    "jaro_winkler": f"SELECT sum(jaro_winkler_similarity({_LONG} || i, repeat('b', 100000))) {_ROWS}",
}

ALLOWED: dict[str, str] = {
    "replace": "SELECT replace('banana', 'a', 'b') AS x",
    "replace_with_more": "SELECT sum(length(replace(repeat('a', 100), 'a', '&amp;'))) AS x FROM range(10000)",
    "regexp_replace": "SELECT regexp_replace('banana', 'an', 'AN', 'g') AS x",
    "string_agg": "SELECT length(string_agg(range::VARCHAR, ', ')) AS x FROM range(100000)",
    "levenshtein": "SELECT levenshtein('kitten', 'sitting') AS x",
    "list": "SELECT len(list_transform(range(1000), lambda x: x || 'a')) AS x",
}


def main() -> None:
    """Run all of them, and after each what is allowed."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_MAX, ADDRESSES_MAX))
    lake = Lake(Location(folder=Path(sys.argv[1])), engine=DuckDB(threads=1))
    rows = pa.table({"id": range(10)})
    commit = Commit(lake, "orders", run="run-1", actor="ada")
    commit.replace("orders", lake.stage(rows.to_batches(), rows.schema, stem="orders"))
    assert commit.publish() is not None
    desk = Desk(lake, Policies(lake, {}), memory=f"{MEMORY_MB}MB", threads=2, bounds=Bounds(seconds=SECONDS))
    for name, text in ALLOWED.items():
        _tell(desk, f"allowed {name}", text)
    for name, text in BOMBS.items():
        if len(sys.argv) < 3 or name in sys.argv[2:]:
            _tell(desk, name, text)
    _tell(desk, "afterwards", "SELECT count(*) AS n FROM orders")
    desk.close()
    lake.close()


def _tell(desk: Desk, name: str, text: str) -> None:
    before, most, is_over = resident_bytes() or 0, 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not is_over.wait(0.005):
            most = max(most, resident_bytes() or 0)

    looking = threading.Thread(target=look)
    looking.start()
    began, ended = time.process_time(), "answered"
    try:
        with desk.ask(ADA, text, door="bombs").run() as result:
            for _ in result:
                pass
    except PumphouseError as error:
        ended = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    except Exception as error:  # noqa: BLE001  # that it comes out so is what the test finds
        ended = f"raised {type(error).__name__}: {error}"[:200]
    seconds = time.process_time() - began
    is_over.set()
    looking.join()
    grown = max(0, most - before) // MB
    line = json.dumps({"name": name, "ended": ended, "grown_mb": grown, "seconds": round(seconds, 2)})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

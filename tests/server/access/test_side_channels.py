"""Two tables that differ only in what is hidden answer every question alike: with the same rows, or the same error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.grants import grant_spec
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place, PumphouseError
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

BOB = Visitor(who="bob", scope="read")
ROWS = 3_000
ATTACKS = (
    "SELECT * FROM {0} ORDER BY id",
    "SELECT count(*), min(id), max(id), sum(id), min(secret), max(secret), min(code), max(pay) FROM {0}",
    "SELECT id FROM {0} WHERE CASE WHEN secret = 'x7' THEN CAST('a' AS INT) END = 1",
    "SELECT id FROM {0} WHERE CASE WHEN id > 1500 THEN CAST('a' AS INT) ELSE 1 END = 1",
    "SELECT id FROM {0} WHERE CAST(secret AS INT) = 1",
    "SELECT id FROM {0} WHERE CAST(code AS INT) = 1",
    "SELECT id FROM {0} WHERE id < 0 OR CAST(code AS DATE) IS NULL",
    "SELECT CAST(code AS INT) FROM {0} LIMIT 1",
    "SELECT id FROM {0} WHERE TRY_CAST(code AS INT) IS NULL ORDER BY id",
    "SELECT id FROM {0} WHERE (1 / (id - 2000)) > 0",
    "SELECT id FROM {0} WHERE id % (id - 2000) = 0 ORDER BY id",
    "SELECT id::TINYINT FROM {0}",
    "SELECT id FROM {0} WHERE (id * 4611686018427387904) = 1",
    "SELECT id FROM {0} WHERE substr(code, CAST(code AS INT)) = 'a'",
    "SELECT id FROM {0} WHERE regexp_matches(code, code || '[')",
    "SELECT id FROM {0} WHERE strptime(code, '%Y') IS NULL",
    "SELECT id FROM {0} WHERE pay / 0 > 0",
    "SELECT id FROM {0} WHERE CAST(pay AS TINYINT) = 1",
    "SELECT sum(CAST(code AS INT)) FROM {0}",
    "SELECT sum(CASE WHEN secret LIKE 'x%' THEN 1 ELSE 0 END), count(DISTINCT secret), count(secret) FROM {0}",
    "SELECT count(*) FILTER (CAST(code AS INT) = 1) FROM {0}",
    "SELECT any_value(secret), first(secret), last(secret), string_agg(secret, ',') FROM {0}",
    "SELECT approx_count_distinct(secret), approx_count_distinct(id), approx_quantile(id, 0.5) FROM {0}",
    "SELECT id, row_number() OVER (ORDER BY id) AS n, lag(code) OVER (ORDER BY id) FROM {0} ORDER BY id",
    "SELECT max(CAST(code AS INT)) OVER (PARTITION BY secret) FROM {0}",
    "SELECT a.id FROM {0} a JOIN {0} b ON CAST(a.code AS INT) = b.id",
    "SELECT a.id FROM {0} a LEFT JOIN {0} b ON a.id = b.id AND CAST(b.secret AS INT) = 1 ORDER BY a.id",
    "SELECT a.id FROM {0} a, LATERAL (SELECT CAST(a.code AS INT) AS n) WHERE n = 1",
    "SELECT (SELECT CAST(max(code) AS INT) FROM {0})",
    "SELECT id FROM {0} WHERE id IN (SELECT CAST(code AS INT) FROM {0})",
    "SELECT id FROM {0} WHERE EXISTS (SELECT 1 FROM {0} b WHERE b.id = {0}.id + 1500) ORDER BY id",
    "SELECT id FROM {0} a WHERE (SELECT count(*) FROM {0} b WHERE b.secret >= 'a' AND b.id = a.id) > 0",
    "WITH RECURSIVE t AS (SELECT 1 n UNION ALL SELECT n + 99 FROM t WHERE n < (SELECT count(*) FROM {0})) FROM t",
    "WITH t AS MATERIALIZED (SELECT * FROM {0}) SELECT id FROM t WHERE CAST(code AS INT) = 1",
    "SELECT t.* FROM (SELECT secret AS id, id AS secret FROM {0}) t ORDER BY ALL",
    "SELECT COLUMNS(c -> c LIKE 's%') FROM {0} ORDER BY ALL",
    "SELECT {0} FROM {0} ORDER BY ALL",
    "SELECT struct_pack(a := secret, b := code) FROM {0} ORDER BY ALL",
    "SELECT to_json({0}) FROM {0} ORDER BY ALL",
    "SUMMARIZE {0}",
    "DESCRIBE {0}",
    "SELECT DISTINCT ON (secret) id FROM {0} ORDER BY secret, id",
    "SELECT secret, count(*) FROM {0} GROUP BY ROLLUP (secret) ORDER BY ALL",
    "SELECT code FROM {0} GROUP BY code HAVING CAST(code AS INT) > 0 ORDER BY code",
    "SELECT id FROM {0} ORDER BY CAST(code AS INT)",
    "SELECT id FROM {0} ORDER BY id LIMIT (SELECT count(*) FROM {0} WHERE secret = 'x7')",
    "SELECT id FROM {0} QUALIFY max(CAST(code AS INT)) OVER () = 1",
    "FROM {0} UNION ALL BY NAME SELECT id, 'x' AS secret FROM {0} ORDER BY ALL",
    "SELECT id FROM {0} EXCEPT SELECT CAST(code AS INT) FROM {0}",
    "PIVOT {0} ON secret IN ('x1', 'x7') USING count(*)",
    "UNPIVOT (SELECT secret, code FROM {0}) ON secret, code ORDER BY ALL",
    "SELECT unnest([secret, code]) AS u FROM {0} ORDER BY u",
    "SELECT list_sum(list(id)), list(secret ORDER BY id) FROM {0}",
    "SELECT id FROM {0} POSITIONAL JOIN (SELECT CAST(code AS INT) AS n FROM {0})",
    "SELECT id FROM {0} WHERE id BETWEEN 1400 AND 1600 AND code > 'k' ORDER BY id",
    "SELECT hash(secret), md5(secret) FROM {0} ORDER BY ALL",
    "SELECT id FROM {0} WHERE id = ? AND CAST(code AS INT) = 1",
    "SELECT rowid FROM {0}",
    "SELECT hidden FROM {0}",
    "SELECT _seen_1 FROM {0}",
    "SELECT id FROM {0} WHERE team = 'b'",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Bob sees rows of team a, ids up to 1500; `secret` masked, `code` and `pay` as they are, `hidden` not at all."""
    folder: Path = tmp_path_factory.mktemp("lake")
    lake = Lake(Location(folder=folder), engine=DuckDB(threads=2))
    assets: dict[str, Asset] = {}
    for name in ("tab_one", "tab_two"):
        fill(lake, name, told=name == "tab_two")
        assets[name] = Asset(name=name, kind="sql", spec=None, common=Common(), place=Place(file="shop"))
        said: dict[str, Any] = {
            "to": "bob",
            "rows": "team = 'a'",
            "mask": {"secret": "null"},
            "columns": ["id", "secret", "code", "pay", "team"],
        }
        assets[f"grant_{name}"] = Asset(
            name=f"grant_{name}", kind="grant", spec=grant_spec(name, **said), common=Common(),
            place=Place(file="shop"), inputs=(name,),
        )  # fmt: skip
    desk = Desk(lake, Policies(lake, assets), threads=2)
    yield desk
    desk.close()
    lake.close()


def fill(lake: Lake, name: str, *, told: bool) -> None:
    """A table whose rows of team b, and whose secrets, are of two kinds: what a visitor sees is the same."""
    ids = list(range(1, ROWS + 1))
    shown = [number <= ROWS // 2 for number in ids]
    rows = pa.table(
        {
            "id": [number if seen or not told else -number for number, seen in zip(ids, shown, strict=True)],
            "secret": [f"x{number % 9}" if told else f"y{number % 5}" for number in ids],
            "code": [
                str(number % 100) if seen else ("q" if told else "12") for number, seen in zip(ids, shown, strict=True)
            ],
            "pay": [number % 50 if seen else (10**6 if told else 1) for number, seen in zip(ids, shown, strict=True)],
            "team": ["a" if seen else "b" for seen in shown],
            "hidden": ["1" if told else "x" for _ in ids],
        }
    )
    commit = Commit(lake, name, run="run-1", actor="ada")
    commit.replace(name, lake.stage(rows.to_batches(), rows.schema, stem=name))
    assert commit.publish() is not None


def answer(desk: Desk, attack: str, table: str) -> tuple[str, str]:
    values = [1600] if "?" in attack else None
    try:
        found = desk.ask(BOB, attack.format(table), door="test", parameters=values).run().read_all()
    except PumphouseError as error:
        return type(error).__name__, str(error).replace(table, "table")
    return "rows", str(sorted(map(str, found.to_pylist()))).replace(table, "table")


@pytest.mark.parametrize("attack", ATTACKS)
def test_hidden_rows_and_masked_values_change_no_answer(desk: Desk, attack: str) -> None:
    assert answer(desk, attack, "tab_one") == answer(desk, attack, "tab_two")


def test_what_is_shown_does_change_answers(desk: Desk) -> None:
    kind, rows = answer(desk, "SELECT count(*) AS n, sum(id) AS s, max(code) AS c FROM {0}", "tab_one")
    assert (kind, rows) == ("rows", str(["{'n': 1500, 's': Decimal('1125750'), 'c': '99'}"]))
    assert answer(desk, "SELECT count(secret) AS n FROM {0}", "tab_one") == ("rows", str(["{'n': 0}"]))
    assert answer(desk, "SELECT CAST(team AS INT) FROM {0}", "tab_one")[0] == "BadRequest"

"""Tables in SQL: settings, the lake's own columns, withheld rows, checks, exact numbers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from pumphouse.declare.asset import Time
from pumphouse.errors import BuildError, CheckFailed, KeyConflict

from .conftest import Bench

RAW = "SELECT range AS id, TIMESTAMPTZ '2024-01-01' + to_days(range::INTEGER) AS _known_at, 'x' AS _raw FROM range(3)"


def test_a_table_is_its_query_at_one_snapshot(bench: Bench) -> None:
    bench.put("raw", RAW)
    built = bench.sql("doubled", "SELECT id * 2 AS id FROM raw -- twice\n;", "raw", key=("id",))
    assert bench.rows("doubled", "SELECT id FROM doubled ORDER BY id") == [(0,), (2,), (4,)]
    assert (built.counts.rows_in, built.counts.rows_out) == (3, 3)
    assert bench.lake.builds()["doubled"].inputs == {"raw": 1}


def test_star_leaves_the_lakes_own_columns_out_and_known_at_travels_along(bench: Bench) -> None:
    bench.put("raw", RAW)
    bench.sql("copied", "SELECT * FROM raw", "raw")
    assert bench.lake.schema("copied").names == ["id", "_known_at"]
    [(last,)] = bench.rows("copied", "SELECT max(_known_at) FROM copied")
    assert last == dt.datetime(2024, 1, 3, tzinfo=last.tzinfo)


def test_a_joined_row_is_known_when_the_last_of_its_inputs_was(bench: Bench) -> None:
    bench.put("a", "SELECT 1 AS id, TIMESTAMPTZ '2024-01-01' AS _known_at")
    bench.put("b", "SELECT 1 AS id, 5 AS n, TIMESTAMPTZ '2024-02-01' AS _known_at")
    bench.sql("joined", "SELECT a.id, b.n FROM a JOIN b ON a.id = b.id", "a", "b")
    assert bench.rows("joined", "SELECT _known_at = TIMESTAMPTZ '2024-02-01' FROM joined") == [(True,)]


def test_where_it_cannot_be_derived_nothing_is_guessed(bench: Bench) -> None:
    bench.put("raw", RAW)
    bench.sql("counted", "SELECT count(*) AS n FROM raw", "raw")
    assert bench.lake.schema("counted").names == ["n"]


def test_settings_are_values_and_a_dollar_in_text_is_text(bench: Bench) -> None:
    bench.put("raw", RAW)
    bench.options["settings"] = {"name": "O'Brien"}
    bench.sql("t", "SELECT $today AS day, $name AS name, '$today' AS text FROM raw LIMIT 1", "raw")
    assert bench.rows("t") == [(dt.date(2026, 1, 2), "O'Brien", "$today")]


@pytest.mark.parametrize(
    ("text", "what", "line", "mend"),
    [
        ("SELECT -- amuont\n  r.amuont\nFROM raw r", "'r' has no column 'amuont'", 2, "Did you mean 'amount'?"),
        (
            "SELECT id,\n  amuont\nFROM raw",
            "there is no column 'amuont' in the tables of the query",
            2,
            "Did you mean 'amount'?",
        ),
        ("SELECT id\nFROM raw\nWHERE w.id = 1", "nothing in FROM is called 'w'", 3, None),
        ("SELECT\n\n  lowr(id)\nFROM raw", "there is no function 'lowr'", 3, "Did you mean 'lower'?"),
        ("SELECT id, amount FROM raw\nGROUP BY id", "the column 'amount' is neither in GROUP BY", 1, None),
        ("SELECT 'x'::INTEGER AS id\nFROM raw", "Conversion Error: Could not convert string 'x'", 1, None),
    ],
)
def test_a_name_that_is_not_there_is_told_with_its_line(
    bench: Bench, text: str, what: str, line: int, mend: str | None
) -> None:
    bench.put("raw", "SELECT 1 AS id, 2.5 AS amount")
    with pytest.raises(BuildError) as raised:
        bench.sql("t", text, "raw")
    assert raised.value.what.startswith(what)
    assert raised.value.place is not None
    assert raised.value.place.line == line
    assert mend is None or raised.value.mend == mend


def test_sums_beyond_two_to_the_53_are_exact(bench: Bench) -> None:
    bench.put("raw", "SELECT 9007199254740993::BIGINT AS n FROM range(3)")
    bench.sql("total", "SELECT sum(n) AS n FROM raw", "raw")
    assert bench.rows("total") == [(Decimal(27021597764222979),)]


def test_a_row_without_a_required_column_is_withheld_whole(bench: Bench) -> None:
    bench.put("raw", "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) t(id, name)")
    built = bench.sql("t", "SELECT id, name FROM raw", "raw", key=("id",), required=("name",))
    assert bench.rows("t") == [(1, "a")]
    assert bench.rows("t__quarantine", 'SELECT row_id, "column", original, reason FROM t__quarantine') == [
        ("2", "*", '{"id":2,"name":null}', "a required column is null: name")
    ]
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.withheld) == (2, 1, 1)


def test_a_key_that_is_none_is_refused_and_the_version_before_stands(bench: Bench) -> None:
    bench.put("raw", "SELECT 1 AS id")
    bench.sql("t", "SELECT id FROM raw", "raw", key=("id",))
    bench.put("raw", "SELECT unnest([1, 1]) AS id")
    with pytest.raises(KeyConflict, match="id = 1 comes 2 times"):
        bench.sql("t", "SELECT id FROM raw", "raw", key=("id",))
    assert bench.rows("t") == [(1,)]


def test_a_check_runs_inside_the_commit(bench: Bench) -> None:
    bench.put("raw", "SELECT -1 AS n")
    bench.check("t", "n >= 0")
    with pytest.raises(CheckFailed, match="a_check"):
        bench.sql("t", "SELECT n FROM raw", "raw")
    assert not bench.lake.has("t")
    bench.check("t", "n >= 0", severity="warn")
    assert "a_check" in bench.sql("t", "SELECT n FROM raw", "raw").warnings[0]


def test_a_joined_row_is_never_known_where_one_of_its_inputs_never_was(bench: Bench) -> None:
    bench.put("a", "SELECT id, IF(id = 1, NULL, TIMESTAMPTZ '2024-03-01') AS _known_at FROM range(1, 3) t(id)")
    bench.put("b", "SELECT id, TIMESTAMPTZ '2024-02-01' AS _known_at FROM range(1, 3) t(id)")
    bench.sql("joined", "SELECT a.id FROM a JOIN b ON a.id = b.id", "a", "b")
    known = bench.rows("joined", "SELECT _known_at = TIMESTAMPTZ '2024-03-01' FROM joined ORDER BY id")
    assert known == [(None,), (True,)]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("SELECT id, day FROM raw", "day"),
        ("SELECT id, day, day AS _known_at FROM raw", None),
        ("SELECT id, day FROM raw UNION ALL SELECT id, day FROM raw WHERE FALSE", "day"),
        ("WITH r AS (SELECT * FROM raw) SELECT id, day FROM r -- all\n;", "day"),
        ("SELECT id, day, CAST(day + INTERVAL 1 DAY AS TIMESTAMP) AS _known_at FROM raw", "day"),
    ],
)
def test_a_day_was_known_when_it_was_over_in_the_projects_zone(bench: Bench, text: str, known: str | None) -> None:
    bench.put("raw", "SELECT 1 AS id, DATE '2024-05-05' AS day")
    bench.sql("t", text, "raw", time=Time(event="day", known=known))
    assert bench.rows("t", "SELECT _known_at = TIMESTAMPTZ '2024-05-06 00:00:00+02' FROM t") == [(True,)]


@pytest.mark.parametrize("call", ["mean(id)", "product(id)", "histogram(id)", "count_star()", "1 + fsum(id)"])
def test_an_aggregate_of_whatever_name_has_no_time_of_its_own(bench: Bench, call: str) -> None:
    bench.put("raw", RAW)
    bench.sql("t", f"SELECT {call} AS n FROM raw", "raw")
    assert bench.lake.schema("t").names == ["n"]


def test_a_repaired_table_withholds_nothing_any_more(bench: Bench) -> None:
    bench.put("raw", "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) t(id, name)")
    bench.sql("t", "SELECT id, name FROM raw", "raw", required=("name",))
    assert len(bench.rows("t__quarantine")) == 1
    bench.put("raw", "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(id, name)")
    assert bench.sql("t", "SELECT id, name FROM raw", "raw", required=("name",)).counts.withheld == 0
    assert bench.rows("t__quarantine") == []

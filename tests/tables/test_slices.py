"""Sliced equals full; what can't be sliced says why."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError
from pumphouse.lake.lake import Lake, Location

from .conftest import Bench

DAILY = "SELECT day, count(*) AS n, sum(v) AS total FROM raw GROUP BY day"
ROWS = "SELECT id, ts, v FROM raw"


def _raw(rows: list[tuple[int, int | None, int]]) -> str:
    values = ", ".join(f"({number}, {_time(hours)}, {v})" for number, hours, v in rows)
    columns = "id::BIGINT AS id, ts::TIMESTAMPTZ AS ts, v::BIGINT AS v, CAST(ts::TIMESTAMPTZ AS DATE) AS day"
    return f"SELECT {columns} FROM (VALUES {values}) t(id, ts, v)"


def _time(hours: int | None) -> str:
    return "NULL" if hours is None else f"TIMESTAMPTZ '2024-03-20 00:00:00+00' + to_hours({hours})"


row = st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 24 * 40)), st.integers(-5, 5))
changes = st.lists(st.lists(row, min_size=1, max_size=6, unique_by=lambda r: r[0]), min_size=1, max_size=4)


@given(changes=changes, unit=st.sampled_from(["day", "week", "month"]))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sliced_equals_full_after_any_changes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[list[tuple[int, int | None, int]]], unit: str
) -> None:
    """Upserts move rows between slices, also over a change of the clocks; each build after them equals a full one."""
    lake = Lake(Location(folder=tmp_path_factory.mktemp("lake")), engine=DuckDB(threads=1, zone="Europe/Berlin"))
    bench = Bench(lake)
    for number, rows in enumerate(changes):
        bench.put("raw", _raw(rows), key=("id",), how="upsert" if number else "replace")
        bench.sql("daily", DAILY, "raw", slice="day by day")
        bench.sql("moved", ROWS, "raw", slice=f"ts by {unit}")
        bench.sql("daily_full", DAILY, "raw")
        bench.sql("moved_full", ROWS, "raw")
        assert bench.rows("daily") == bench.rows("daily_full")
        assert bench.rows("moved") == bench.rows("moved_full")
    lake.close()


def test_only_changed_slices_are_written(bench: Bench) -> None:
    bench.put("raw", "SELECT range AS id, DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(100)")
    bench.sql("daily", DAILY, "raw", slice="day by day")
    bench.put("raw", "SELECT 1000::BIGINT AS id, DATE '2024-01-05' AS day, 7 AS v", how="append")
    built = bench.sql("daily", DAILY, "raw", slice="day by day")
    assert built.counts.rows_out == 1
    assert (dt.date(2024, 1, 5), 2, 8) in [(day, n, int(total)) for day, n, total in bench.rows("daily")]


def test_another_input_that_changed_rebuilds_all(bench: Bench) -> None:
    text = "SELECT r.day, r.v * f.factor AS v FROM raw r JOIN factors f ON TRUE"
    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(3)")
    bench.put("factors", "SELECT 2 AS factor")
    bench.sql("scaled", text, "raw", "factors", slice="day by day")
    bench.put("factors", "SELECT 3 AS factor")
    assert bench.sql("scaled", text, "raw", "factors", slice="day by day").counts.rows_out == 3
    assert {v for _, v in bench.rows("scaled")} == {3}


def test_a_window_redoes_only_its_days_and_leaves_the_record_of_the_rest(bench: Bench) -> None:
    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(5)")
    bench.sql("daily", DAILY, "raw", slice="day by day")
    before = bench.lake.builds()["daily"]
    bench.options["window"] = (dt.date(2024, 1, 2), dt.date(2024, 1, 4))
    built = bench.sql("daily", DAILY + " -- new code", "raw", slice="day by day")
    assert built.counts.rows_out == 2
    assert bench.lake.builds()["daily"].fingerprint == before.fingerprint
    assert len(bench.rows("daily")) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT day, v FROM raw LIMIT 5", "LIMIT"),
        ("SELECT day, count(*) OVER () AS n FROM raw", "window function"),
        ("SELECT max(day) AS day, v FROM raw GROUP BY v", "does not reach"),
        ("SELECT day, v FROM raw UNION ALL SELECT day, v FROM raw", "not one SELECT"),
        ("SELECT a.day, b.v FROM raw a JOIN raw b ON a.v = b.v", "read 2 times"),
        ("SELECT raw.day, other.v FROM other LEFT JOIN raw ON raw.v = other.v", "outer join"),
        ("SELECT day + 1 AS day, v FROM raw", "does not reach"),
        ("SELECT day, v FROM raw WHERE v = (SELECT max(v) FROM raw)", "subquery"),
    ],
)
def test_what_cannot_be_sliced_is_refused_with_the_reason(bench: Bench, text: str, reason: str) -> None:
    bench.put("raw", "SELECT DATE '2024-01-01' AS day, 1 AS v")
    bench.put("other", "SELECT 1 AS v")
    inputs = [name for name in ("raw", "other") if name in text]
    with pytest.raises(BuildError, match=reason):
        bench.sql("t", text, *inputs, slice="day by day")

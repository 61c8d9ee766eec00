"""Sliced equals full; what can't be sliced says why."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError
from pumphouse.lake.expiry import expire, to_expire
from pumphouse.lake.lake import Lake, Location

from .conftest import Bench

DAILY = "SELECT day, count(*) AS n, sum(v) AS total FROM raw GROUP BY day"
ROWS = "SELECT id, ts, v FROM raw"
FRAME = "OVER (PARTITION BY v % 2 ORDER BY {} RANGE BETWEEN INTERVAL {} PRECEDING AND CURRENT ROW)"
ROLLING = f"SELECT id, ts, sum(v) {FRAME.format('ts', '50 HOUR')} AS before FROM raw"
ROLLING_DAYS = f"SELECT day, v % 2 AS odd, sum(sum(v)) {FRAME.format('day', '3 DAY')} AS n FROM raw GROUP BY day, v % 2"


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


@given(changes=changes)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_window_function_over_a_lookback_equals_a_full_build(
    tmp_path_factory: pytest.TempPathFactory, changes: list[list[tuple[int, int | None, int]]]
) -> None:
    lake = Lake(Location(folder=tmp_path_factory.mktemp("lake")), engine=DuckDB(threads=1, zone="Europe/Berlin"))
    bench = Bench(lake)
    for number, rows in enumerate(changes):
        bench.put("raw", _raw(rows), key=("id",), how="upsert" if number else "replace")
        for name, text, slice in (("rolling", ROLLING, "ts by day"), ("rolling_days", ROLLING_DAYS, "day by day")):
            bench.sql(name, text, "raw", slice=slice, lookback=3)
            bench.sql(f"{name}_full", text, "raw")
            assert bench.rows(name) == bench.rows(f"{name}_full")
    lake.close()


def test_a_lookback_reads_earlier_rows_and_writes_only_the_slices_that_see_a_change(bench: Bench) -> None:
    text = f"SELECT day, sum(v) {FRAME.format('day', '2 DAY').replace('PARTITION BY v % 2 ', '')} AS n FROM raw"
    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(10)")
    bench.sql("rolling", text, "raw", slice="day by day", lookback=2)
    bench.put("raw", "SELECT DATE '2024-01-05' AS day, 10 AS v", how="append")
    assert bench.sql("rolling", text, "raw", slice="day by day", lookback=2).counts.rows_out == 4
    expected = [1, 2, 3, 3, 13, 13, 13, 13, 3, 3, 3]
    assert [int(n) for _, n in bench.rows("rolling")] == expected
    bench.options["window"] = (dt.date(2024, 1, 6), dt.date(2024, 1, 8))
    assert bench.sql("rolling", text, "raw", slice="day by day", lookback=2).counts.rows_out == 2
    assert [int(n) for _, n in bench.rows("rolling")] == expected


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("lag(v) OVER (ORDER BY day)", "counts rows"),
        ("row_number() OVER (ORDER BY day RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)", "counts rows"),
        ("sum(v) OVER (ORDER BY day)", "RANGE BETWEEN"),
        ("sum(v) OVER (ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)", "RANGE BETWEEN"),
        ("sum(v) OVER (ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", "can't be told"),
        ("sum(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL 3 DAY PRECEDING AND CURRENT ROW)", "further than 2 days"),
        ("sum(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL 48 HOUR PRECEDING AND CURRENT ROW)", "further than 2 days"),
        (
            "sum(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 DAY FOLLOWING)",
            "reaches later",
        ),
        ("sum(v) OVER (ORDER BY day DESC RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)", "upwards"),
        ("sum(v) OVER (ORDER BY v RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)", "by that column"),
    ],
)
def test_a_window_function_that_may_look_past_its_lookback_is_refused(bench: Bench, call: str, reason: str) -> None:
    bench.put("raw", "SELECT DATE '2024-01-01' AS day, 1 AS v")
    with pytest.raises(BuildError, match=reason):
        bench.sql("t", f"SELECT day, {call} AS n FROM raw", "raw", slice="day by day", lookback=2)


@pytest.mark.parametrize("type", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_a_slice_made_again_withholds_its_rows_once(bench: Bench, type: str) -> None:
    def build() -> None:
        bench.sql("t", "SELECT id, day, name FROM raw", "raw", slice="day by day", required=("name",), key=("id",))

    def withheld() -> list[str]:
        return [key for (key,) in bench.rows("t__quarantine", "SELECT row_id FROM t__quarantine ORDER BY ALL")]

    row = f"SELECT {{}}::BIGINT AS id, {{}}::{type} AS day, {{}} AS name"
    days = ["'2024-01-01'", "'2024-01-02 00:00:00'", "NULL", "'2024-01-03'"]
    names = ["NULL", "NULL", "NULL", "'a'"]
    rows = [row.format(number, day, name) for number, (day, name) in enumerate(zip(days, names, strict=True))]
    bench.put("raw", " UNION ALL ".join(rows), key=("id",))
    build()
    assert withheld() == ["0", "1", "2"]
    bench.put("raw", row.format(7, days[0], "'new'"), key=("id",), how="upsert")
    build()
    assert withheld() == ["0", "1", "2"]
    bench.put("raw", row.format(1, days[1], "'mended'"), key=("id",), how="upsert")
    build()
    assert withheld() == ["0", "2"]
    bench.put("raw", row.format(2, "NULL", "'mended'"), key=("id",), how="upsert")
    build()
    assert withheld() == ["0"]


def test_only_changed_slices_are_written(bench: Bench) -> None:
    bench.put("raw", "SELECT range AS id, DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(100)")
    bench.sql("daily", DAILY, "raw", slice="day by day")
    bench.put("raw", "SELECT 1000::BIGINT AS id, DATE '2024-01-05' AS day, 7 AS v", how="append")
    built = bench.sql("daily", DAILY, "raw", slice="day by day")
    assert built.counts.rows_out == 1
    assert (dt.date(2024, 1, 5), 2, 8) in [(day, n, int(total)) for day, n, total in bench.rows("daily")]


def test_only_changed_slices_are_written_though_the_snapshots_before_left(bench: Bench) -> None:
    bench.put("raw", "SELECT range AS id, DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(100)")
    bench.sql("daily", DAILY, "raw", slice="day by day")
    for number in range(3):
        bench.put("other", f"SELECT {number} AS id")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)
    expire(bench.lake, lambda: to_expire(bench.lake, retention=dt.timedelta(days=30), now=later, pinned=[]))
    bench.put("raw", "SELECT 1000::BIGINT AS id, DATE '2024-01-05' AS day, 7 AS v", how="append")
    assert bench.sql("daily", DAILY, "raw", slice="day by day").counts.rows_out == 1
    assert (dt.date(2024, 1, 5), 2, 8) in [(day, n, int(total)) for day, n, total in bench.rows("daily")]


def test_another_input_that_changed_rebuilds_all(bench: Bench) -> None:
    text = "SELECT r.day, r.v * f.factor AS v FROM raw r JOIN factors f ON TRUE"
    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(3)")
    bench.put("factors", "SELECT 2 AS factor")
    bench.sql("scaled", text, "raw", "factors", slice="day by day")
    bench.put("factors", "SELECT 3 AS factor")
    assert bench.sql("scaled", text, "raw", "factors", slice="day by day").counts.rows_out == 3
    assert {v for _, v in bench.rows("scaled")} == {3}


def test_a_build_at_an_earlier_snapshot_goes_back_to_what_that_gives(bench: Bench) -> None:
    earlier = bench.put("raw", _raw([(1, 0, 1)]))
    bench.put("raw", _raw([(1, 0, 1), (2, 30, 2)]))
    bench.sql("daily", DAILY, "raw", slice="day by day")
    assert len(bench.rows("daily")) == 2
    bench.options |= {"snapshot": earlier, "inputs": {"raw": earlier}}
    assert bench.sql("daily", DAILY, "raw", slice="day by day").snapshot
    assert len(bench.rows("daily")) == 1


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
        ("SELECT max(day) AS day, v FROM raw GROUP BY v", "'day' is computed"),
        ("SELECT day, v FROM raw UNION ALL SELECT day, v FROM raw", "not one SELECT"),
        ("SELECT a.day, b.v FROM raw a JOIN raw b ON a.v = b.v", "read 2 times"),
        ("SELECT raw.day, other.v FROM other LEFT JOIN raw ON raw.v = other.v", "outer join"),
        ("SELECT day + 1 AS day, v FROM raw", "'day' is computed"),
        ("SELECT day, v FROM raw WHERE v = (SELECT max(v) FROM raw)", "subquery"),
        ("SELECT * REPLACE (day + 1 AS day) FROM raw", "does not reach"),
        ("SELECT DISTINCT ON (v) day, v FROM raw", "DISTINCT ON"),
        ("SELECT raw.day, other.v FROM other ASOF JOIN raw ON raw.v <= other.v", "as-of"),
        ("SELECT day, v FROM raw USING SAMPLE 5", "sample"),
        ("SELECT day, v FROM raw TABLESAMPLE 5%", "sample"),
        ("SELECT id AS day, count(*) OVER (PARTITION BY day) AS n FROM raw", "window function"),
        ("SELECT max(day) AS day, mean(v) AS v FROM raw", "'day' is computed"),
        ("SELECT date_trunc('day', id) AS day, v FROM raw", "(?i)date_trunc.* compute 'day' in a table before"),
        ("SELECT id, v FROM raw", "it has no column 'day' .* Select 'day', as it stands in 'raw'"),
    ],
)
def test_what_cannot_be_sliced_is_refused_with_the_reason(bench: Bench, text: str, reason: str) -> None:
    bench.put("raw", "SELECT DATE '2024-01-01' AS day, 1 AS v, DATE '2024-01-02' AS id")
    bench.put("other", "SELECT 1 AS v")
    inputs = [name for name in ("raw", "other") if name in text]
    with pytest.raises(BuildError, match=reason):
        bench.sql("t", text, *inputs, slice="day by day")

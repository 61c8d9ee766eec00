"""Tables in Python: any form in, any form out, exact in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pumphouse.declare.asset import Time
from pumphouse.errors import BuildError

from .conftest import Bench

RAW = "SELECT 9007199254740993::BIGINT AS n, INTERVAL '1 microsecond' AS gap"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (None, duckdb.DuckDBPyRelation),
        ("pa.Table", pa.Table),
        ("pa.RecordBatchReader", pa.RecordBatchReader),
        ("pl.DataFrame", pl.DataFrame),
        ("pl.LazyFrame", pl.LazyFrame),
        ("pd.DataFrame", pd.DataFrame),
    ],
)
def test_an_input_comes_in_the_form_that_is_asked_for_and_goes_back_exact(
    bench: Bench, form: str | None, expected: type
) -> None:
    bench.put("raw", "SELECT 9007199254740993::BIGINT AS n, TIMESTAMPTZ '2024-01-01 00:00:00.000001+00' AS at")
    seen: list[Any] = []

    def same(raw: Any) -> Any:
        seen.append(raw)
        return raw

    bench.python(same, "raw", forms={"raw": form} if form else {})
    assert isinstance(seen[0], expected)
    [(n, at)] = bench.rows("same")
    assert n == 9007199254740993
    assert at == dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)


def test_intervals_and_categories_survive_a_function(bench: Bench) -> None:
    bench.put("raw", RAW)

    def durations(raw: Any) -> pl.DataFrame:
        return pl.DataFrame(
            {"gap": [dt.timedelta(microseconds=1)], "mood": pl.Series(["ok"], dtype=pl.Enum(["sad", "ok"]))}
        )

    bench.python(durations, "raw")
    assert bench.rows("durations", "SELECT gap = INTERVAL '1 microsecond', mood FROM durations") == [(True, "ok")]


def test_lazy_relations_can_be_joined(bench: Bench) -> None:
    bench.put("left_rows", "SELECT range AS id FROM range(3)")
    bench.put("right_rows", "SELECT range AS id, 'x' AS name FROM range(2)")

    def joined(left_rows: Any, right_rows: Any) -> Any:
        return left_rows.join(right_rows, "id").order("id")

    bench.python(joined, "left_rows", "right_rows")
    assert bench.rows("joined") == [(0, "x"), (1, "x")]


def test_rows_may_be_dicts_or_a_stream_of_batches(bench: Bench) -> None:
    def listed() -> list[dict[str, int]]:
        return [{"a": 1}, {"a": 2}]

    def streamed() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            yield pa.RecordBatch.from_pydict({"a": [number]})

    bench.python(listed, key=("a",))
    bench.python(streamed)
    assert bench.rows("listed") == [(1,), (2,)]
    assert bench.rows("streamed") == [(0,), (1,), (2,)]


def test_its_own_name_is_its_previous_version(bench: Bench) -> None:
    bench.put("raw", "SELECT 1 AS n")

    def running(raw: pa.Table, running: pa.Table | None) -> pa.Table:
        before = [] if running is None else running["n"].to_pylist()
        return pa.table({"n": before + raw["n"].to_pylist()})

    for expected in (1, 2, 3):
        bench.python(running, "raw", "running", forms={"raw": "pa.Table", "running": "pa.Table"})
        assert len(bench.rows("running")) == expected


def test_what_is_no_table_is_refused(bench: Bench) -> None:
    def number() -> int:
        return 5

    with pytest.raises(BuildError, match=r"returned builtins\.int, which is no table"):
        bench.python(number)


def test_the_index_of_a_pandas_frame_that_has_a_name_becomes_columns(bench: Bench) -> None:
    bench.put("raw", "SELECT range % 2 AS c, range AS v FROM range(4)")

    def totals(raw: pd.DataFrame) -> pd.DataFrame:
        return raw.groupby("c").sum()

    def filtered(raw: pd.DataFrame) -> pd.DataFrame:
        return raw[raw["v"] > 1]

    bench.python(totals, "raw", forms={"raw": "pd.DataFrame"})
    bench.python(filtered, "raw", forms={"raw": "pd.DataFrame"})
    assert bench.rows("totals", "SELECT c, v FROM totals ORDER BY c") == [(0, 2), (1, 4)]
    assert bench.rows("filtered") == [(0, 2), (1, 3)]


def test_a_pandas_index_that_would_be_lost_or_doubled_is_refused(bench: Bench) -> None:
    def named() -> pd.DataFrame:
        return pd.DataFrame({"v": [1, 2]}, index=["a", "b"])

    def doubled() -> pd.DataFrame:
        return pd.DataFrame({"v": [1, 2]}, index=pd.Index([1, 2], name="V"))

    with pytest.raises(BuildError, match="whose index has no name"):
        bench.python(named)
    with pytest.raises(BuildError, match="two columns 'V' and 'v'"):
        bench.python(doubled)


@pytest.mark.parametrize("names", [["a", "A"], ["a", "a"]])
def test_columns_that_sql_does_not_tell_apart_are_refused(bench: Bench, names: list[str]) -> None:
    def twice() -> pa.Table:
        return pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)

    with pytest.raises(BuildError, match=f"two columns '{names[0]}' and '{names[1]}'"):
        bench.python(twice)


def test_a_column_without_any_value_is_text_and_takes_text_later(bench: Bench) -> None:
    values: list[str | None] = [None, None]

    def notes() -> list[dict[str, Any]]:
        return [{"id": number, "note": value, "tags": []} for number, value in enumerate(values)]

    bench.python(notes)
    types = bench.lake.schema("notes")
    assert (types.field("note").type, types.field("tags").type.value_type) == (pa.string(), pa.string())
    values[0] = "late"
    bench.python(notes)
    assert bench.rows("notes", "SELECT note FROM notes ORDER BY id") == [("late",), (None,)]


def test_a_window_redoes_its_days_and_leaves_the_rest_as_stale_as_it_was(bench: Bench) -> None:
    def daily(raw: Any) -> Any:
        return raw

    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 1 AS v FROM range(4)")
    bench.options["window"] = (dt.date(2024, 1, 2), dt.date(2024, 1, 3))
    bench.python(daily, "raw", slice="day by day")
    assert len(bench.rows("daily")) == 4  # the first time there is nothing to redo
    before = bench.lake.builds()["daily"].inputs
    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day, 10 AS v FROM range(4)")
    assert bench.python(daily, "raw", slice="day by day").counts.rows_out == 1
    assert [v for _, v in bench.rows("daily")] == [1, 10, 1, 1]
    assert bench.lake.builds()["daily"].inputs == before != {"raw": bench.lake.versions()["raw"]}


def test_rows_outside_a_window_are_refused_and_nothing_is_lost_or_doubled(bench: Bench) -> None:
    shift = 0

    def daily(raw: pa.Table) -> list[dict[str, Any]]:
        return [{"day": row["day"] and row["day"] + dt.timedelta(days=shift)} for row in raw.to_pylist()]

    bench.put("raw", "SELECT DATE '2024-01-01' + range::INTEGER AS day FROM range(4)")
    bench.python(daily, "raw", slice="day by day", forms={"raw": "pa.Table"})
    before, shift = bench.rows("daily"), 1
    bench.options["window"] = (dt.date(2024, 1, 1), dt.date(2024, 1, 4))
    with pytest.raises(BuildError, match=r"returned 1 of its 3 rows outside, such as day = 2024-01-04"):
        bench.python(daily, "raw", slice="day by day", forms={"raw": "pa.Table"})
    assert bench.rows("daily") == before


def test_a_day_was_known_when_it_was_over_in_the_projects_zone(bench: Bench) -> None:
    def reports() -> list[dict[str, Any]]:
        return [{"reported_on": dt.date(2024, 5, 5)}, {"reported_on": None}]

    bench.python(reports, time=Time(known="reported_on"))
    known = "SELECT _known_at = TIMESTAMPTZ '2024-05-06 00:00:00+02' FROM reports ORDER BY reported_on"
    assert bench.rows("reports", known) == [(True,), (None,)]


def test_a_known_column_that_is_not_there_or_no_time_is_refused(bench: Bench) -> None:
    def reports() -> list[dict[str, Any]]:
        return [{"reported_on": "soon"}]

    with pytest.raises(BuildError, match="it is string"):
        bench.python(reports, time=Time(known="reported_on"))
    with pytest.raises(BuildError, match=r"no such column.*Did you mean 'reported_on'"):
        bench.python(reports, time=Time(known="reported_at"))

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

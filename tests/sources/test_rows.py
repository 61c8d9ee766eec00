from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.errors import SourceError
from pumphouse.sources.rows import batch_of, batch_of_arrow, column_of, from_bytes, to_bytes

VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.booleans(),
    st.binary(max_size=5),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.dates(),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.integers()),
)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES), min_size=1, max_size=6).filter(any))
def test_any_rows_become_a_batch_that_is_stored_and_read_back_the_same(rows):
    batch = batch_of(rows, asset="raw")
    for name, column in batch.items():
        assert [value is None for value in column.values.to_pylist()] == [row.get(name) is None for row in rows]
    again = from_bytes(to_bytes(batch))
    assert {name: column.values.to_pylist() for name, column in again.items()} == {
        name: column.values.to_pylist() for name, column in batch.items()
    }
    assert {name: column.kinds for name, column in again.items()} == {
        name: column.kinds for name, column in batch.items()
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "x", None, True, {"a": [1]}], ["1", "x", None, "true", '{"a":[1]}']),
        ([2**80, 1], [Decimal(2**80), Decimal(1)]),
        ([2**200, 1], [str(2**200), "1"]),
        (
            [dt.datetime.fromisoformat("2024-01-01"), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)],
            ["2024-01-01T00:00:00", "2024-01-01T00:00:00Z"],
        ),
        ([np.int64(3), np.float64(1.5)], [3.0, 1.5]),
        ([UUID(int=1)], ["00000000-0000-0000-0000-000000000001"]),
        (["\ud800"], ["\\ud800"]),
        ([{"n": 2**70}], ['{"n":1180591620717411303424}']),
        ([{"n": "\ud800"}], ['{"n": "\\ud800"}']),
        ([b"\x01", "x"], ["\\x01", "x"]),
    ],
)
def test_values_of_several_types_lose_nothing(values, expected):
    assert column_of(values, name="a", asset="raw").values.to_pylist() == expected


def test_arrow_becomes_what_the_lake_keeps():
    batch = pa.RecordBatch.from_pydict(
        {
            "word": pa.array(["a", "b"]).dictionary_encode(),
            "at": pa.array([1, 2], pa.timestamp("ns", tz="Europe/Berlin")),
            "deep": pa.array([{"x": 1}, None]),
            "long": pa.array(["a", "b"], pa.large_string()),
        }
    )
    columns = batch_of_arrow(batch, asset="raw")
    assert [column.values.type for column in columns.values()] == [
        pa.string(),
        pa.timestamp("us", "UTC"),
        pa.string(),
        pa.string(),
    ]
    assert columns["deep"].values.to_pylist() == ['{"x":1}', None]


def test_an_interval_is_refused():
    with pytest.raises(SourceError, match="column 'span' is an interval"):
        batch_of_arrow(pa.RecordBatch.from_pydict({"span": pa.array([1], pa.duration("s"))}), asset="raw")

from __future__ import annotations

import uuid
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines import storage
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

SPANS = st.tuples(
    st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-(2**53), 2**53)
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.none() | SPANS, max_size=5))
def test_any_interval_is_read_back_as_it_was(
    duck: DuckDB, tmp_path: Path, spans: list[tuple[int, int, int] | None]
) -> None:
    values = [
        "NULL::INTERVAL" if span is None else f"to_months({span[0]}) + to_days({span[1]}) + to_microseconds({span[2]})"
        for span in spans
    ]
    text = f'SELECT unnest([{", ".join(["NULL::INTERVAL", *values])}]) AS "a ""span"'
    # A name of its own: DuckDB remembers files that it has read.
    written = duck.write(Query(text=text), folder=tmp_path, stem=uuid.uuid4().hex)
    (field,) = written.schema
    assert storage.is_interval(field.type)
    files = ", ".join(f"'{file}'" for file in written.files)
    restored = f"SELECT {storage.restored(field.name, field.type)} FROM read_parquet([{files}])"
    # As text: DuckDB holds 30 days and a month to be equal.
    said = "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({})"
    found = duck.read(Query(text=said.format(restored))).read_all()
    assert found.column(0).to_pylist() == duck.read(Query(text=said.format(text))).read_all().column(0).to_pylist()
    assert duck.schema(Query(text=restored)).names == ['a "span']


def test_only_a_struct_with_an_intervals_parts_is_an_interval() -> None:
    assert storage.is_interval(storage.INTERVAL_STRUCT)
    assert not storage.is_interval(pa.struct([("months", pa.int32())]))
    assert not storage.is_interval(pa.int64())
    assert storage.restored("x", pa.int64()) == quoted("x")


def test_a_refusal_names_the_column_its_type_and_the_way_out() -> None:
    with pytest.raises(BuildError, match=r"column 'when' .* TIME WITH TIME ZONE.*CAST\(when AS VARCHAR\)"):
        storage.stored("when", "TIME WITH TIME ZONE")

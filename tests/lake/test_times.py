from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.times import EventTime, form_of, moment, moments

ZONES = ("UTC", "Europe/Berlin", "America/Havana", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Kiritimati")
"""Some whose clocks change at midnight, so that a day has no start, or two."""
DAYS = st.dates(date(1995, 1, 1), date(2035, 12, 31))


@pytest.fixture(scope="module")
def engines():
    made = {zone: DuckDB(threads=1, zone=zone) for zone in ZONES}
    yield made
    for engine in made.values():
        engine.close()


@given(days=st.lists(DAYS, min_size=1, max_size=20), zone=st.sampled_from(ZONES))
def test_a_day_counts_from_its_end_in_sql_and_in_arrow_alike(engines, days: list[date], zone: str):
    values = pa.array([*days, None], pa.date32())
    here = moments(values, zone=zone)
    for kind in (pa.date32(), pa.timestamp("us")):
        given = values.cast(kind)
        text = f"SELECT {moment(exp.column('day'), form_of(kind)).sql('duckdb')} AS at FROM t"
        found = engines[zone].read(Query(text=text, tables={"t": pa.table({"day": given})})).read_all()["at"]
        assert found.cast(here.type).to_pylist() == moments(given, zone=zone).to_pylist()
    # Nobody knew of the day before it was over: 22 hours after its start at the least, whatever the clocks did.
    starts = moments(values.cast(pa.timestamp("us")), zone=zone).to_pylist()
    assert all(
        end - start >= timedelta(hours=22) for start, end in zip(starts[:-1], here.to_pylist()[:-1], strict=True)
    )


def test_a_day_ends_where_the_project_is():
    days = pa.array([date(2026, 5, 5)])
    assert moments(days, zone="America/New_York").to_pylist() == [datetime(2026, 5, 6, 4, tzinfo=UTC)]
    assert moments(days, zone="Asia/Tokyo").to_pylist() == [datetime(2026, 5, 5, 15, tzinfo=UTC)]


@pytest.mark.parametrize("hour", [0, 1, 12, 23])
def test_a_day_within_a_span_is_one_that_was_over_at_its_end_and_not_at_its_start(engines, hour: int):
    time = EventTime(event="day", form="date")
    start = exp.cast(exp.Literal.string(f"2026-03-10 {hour:02}:00:00+00"), "timestamptz", dialect="duckdb")
    end = exp.Add(this=start, expression=exp.Interval(this=exp.Literal.string("3 days")))
    text = (
        f"SELECT day, {time.within('t', start, end).sql('duckdb')} AS within,"
        f" {time.happened('t', end).sql('duckdb')} AND NOT {time.happened('t', start).sql('duckdb')} AS came FROM t"
    )
    days = [date(2026, 3, 8) + timedelta(days=number) for number in range(8)]
    rows = engines["UTC"].read(Query(text=text, tables={"t": pa.table({"day": days})})).read_all().to_pylist()
    assert [row["within"] for row in rows] == [row["came"] for row in rows]
    assert [row["day"].day for row in rows if row["within"]] == [10, 11, 12]

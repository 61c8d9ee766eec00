from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, parse_date
from pumphouse.cleaning.step import Resources
from pumphouse.engines.duckdb import DuckDB

DAYS = st.dates(min_value=date(1000, 1, 1))
FORMATS = ["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "100%% %d.%m.%Y"]


def test_each_format_is_tried() -> None:
    step = parse_date("%d/%m/%Y", "%Y-%m-%d")
    assert step.one("03/04/1962") == Cell(value=date(1962, 4, 3))
    assert step.one(" 1962-4-3 ") == Cell(value=date(1962, 4, 3))


def test_a_date_with_two_readings_is_declined_and_both_are_told() -> None:
    cell = parse_date("%d/%m/%Y", "%m/%d/%Y").one("03/04/1962")
    assert cell == Cell(value=None, reason="03/04/1962 is 3 April 1962 (%d/%m/%Y) or 4 March 1962 (%m/%d/%Y)")


@pytest.mark.parametrize("written", ["03/03/1962", "25/03/1962", "03/25/1962"])
def test_a_date_with_one_reading_is_taken_though_two_formats_could_differ(written: str) -> None:
    assert parse_date("%d/%m/%Y", "%m/%d/%Y").one(written).value.month == 3


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("31/02/1962", "February 1962 has no day 31"),
        ("29/02/1900", "February 1900 has no day 29"),
        ("01/13/1962", "there is no month 13"),
        ("01/01/0000", "there is no year 0"),
        ("1/1/62", "does not fit %d/%m/%Y"),
        ("1962", "does not fit %d/%m/%Y"),
        ("01/01/1962 10:00", "does not fit %d/%m/%Y"),
        ("٠١/٠١/١٩٦٢", "does not fit %d/%m/%Y"),
    ],
)
def test_what_is_no_date_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert parse_date("%d/%m/%Y").one(written) == Cell(value=None, reason=reason)


def test_numbers_side_by_side_need_all_their_digits() -> None:
    assert parse_date("%d%m%Y").one("01121962").value == date(1962, 12, 1)
    assert parse_date("%d%m%Y").one("1121962").value is None  # 1 December or 11 February


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("%d/%m/%y", "leaves the century open"),
        ("%d/%m", "must have one day"),
        ("%d/%m/%Y %H", "has %H, which is none of"),
        ("%d/%m/%b/%Y", "must have one day"),
        ("%d/%m/%Y%", "has %, which is none of"),
    ],
)
def test_a_format_that_leaves_something_open_is_refused_when_declared(format: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_date(format)


def test_without_a_format_nothing_is_declared() -> None:
    with pytest.raises(ValueError, match="1 to 20 formats"):
        parse_date()


def test_dates_stay_dates() -> None:
    column = pa.array([date(1962, 4, 3), None])
    assert parse_date("%d/%m/%Y").load(Resources())(column, {}).values.equals(column)


@settings(deadline=None)
@given(DAYS, st.sampled_from(FORMATS))
def test_a_printed_date_is_read_back(day: date, format: str) -> None:
    assert parse_date(format).one(day.strftime(format)) == Cell(value=day)


@settings(deadline=None)
@given(st.lists(st.one_of(DAYS.map(str), st.text("0123456789-/ ", max_size=10), st.none()), max_size=20))
def test_what_is_accepted_is_what_duckdb_accepts(engine: DuckDB, column: list[str | None]) -> None:
    ours = parse_date("%Y-%m-%d").load(Resources())(pa.array(column, pa.string()), {}).values.to_pylist()
    query = "SELECT try_strptime(unnest($1::VARCHAR[]), '%Y-%m-%d')::DATE"
    theirs = [row[0] for row in engine.execute(query, [column])]
    for written, our, their in zip(column, ours, theirs, strict=True):
        # DuckDB also takes years of fewer digits; ours are a part of its.
        assert our is None or our == their, written
        if their is not None and their >= date(1000, 1, 1):
            assert our == their, written


def test_every_day_of_a_leap_year_is_read() -> None:
    days = [date(2000, 1, 1) + timedelta(days=number) for number in range(366)]
    cleaned = parse_date("%d %B %Y").load(Resources())(pa.array([day.strftime("%d %B %Y").upper() for day in days]), {})
    assert cleaned.values.to_pylist() == days

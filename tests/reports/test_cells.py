from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.reports.cells import Column, label, shown


def texts(values: Any, name: str = "amount", kind: pa.DataType | None = None) -> tuple[str | None, ...]:
    return column(values, name, kind).texts


def column(values: Any, name: str = "amount", kind: pa.DataType | None = None) -> Column:
    return shown(name, pa.chunked_array([pa.array(values, kind)]), zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1234567, -5, None], ("1,234,567", "−5", None)),
        ([2**63 - 1], ("9,223,372,036,854,775,807",)),
        ([1234.5, 2.0], ("1,234.50", "2.00")),
        ([3.0, 4.0], ("3", "4")),
        ([0.01234, 0.5], ("0.012", "0.500")),
        ([0.00012], ("0.000120",)),
        ([-0.0004, 1.0], ("0.00", "1.00")),
        ([1e18, 1.5], ("1e+18", "1.50")),
        ([float("nan"), float("inf"), 1.5], ("not a number", "∞", "1.50")),
        ([Decimal("1234567890123456789.10")], ("1,234,567,890,123,456,789.10",)),
    ],
)
def test_numbers(values: list[Any], said: tuple[str | None, ...]) -> None:
    assert texts(values) == said
    assert column(values).setting == "number"


@pytest.mark.parametrize("name", ["customer_id", "id", "year", "birth_year"])
def test_a_number_that_names_something_has_no_thousands(name: str) -> None:
    assert texts([23570], name) == ("23570",)


def test_days_and_moments_read_as_people_write_them() -> None:
    moment = dt.datetime(2026, 6, 2, 22, 30, tzinfo=dt.UTC)
    assert texts([dt.date(2026, 1, 2)]) == ("2 Jan 2026",)
    assert texts([moment], kind=pa.timestamp("us", tz="UTC")) == ("3 Jun 2026, 00:30",)
    assert texts([moment.replace(tzinfo=None, second=7)]) == ("2 Jun 2026, 22:30:07",)


def test_moments_that_all_begin_a_day_read_as_days() -> None:
    weeks = [dt.datetime(1997, 1, 6), None, dt.datetime(1997, 1, 13)]  # noqa: DTZ001 - a column without a zone
    assert texts(weeks) == ("6 Jan 1997", None, "13 Jan 1997")
    berlin = [dt.datetime(2026, 1, 4, 23, tzinfo=dt.UTC)]
    assert texts(berlin, kind=pa.timestamp("us", tz="UTC")) == ("5 Jan 2026",)


def test_infinity_and_far_years_are_words() -> None:
    days = pa.chunked_array([pa.array([2**31 - 1, 35804357, 0], pa.int32()).view(pa.date32())])
    assert shown("until", days, zone="UTC").texts == ("infinity", "99999-01-01", "1 Jan 1970")
    moments = pa.chunked_array([pa.array([-(2**63) + 1, 0], pa.int64()).view(pa.timestamp("us"))])
    assert shown("at", moments, zone="UTC").texts == ("-infinity", "1 Jan 1970, 00:00")


def test_other_values_are_words() -> None:
    assert texts([True, False, None]) == ("yes", "no", None)
    assert texts([[1, 2]]) == ("[1, 2]",)
    assert texts([b"abc"]) == ("3 bytes",)
    assert column(["a"]).setting == "short"
    assert column(["a" * 40]).setting == "long"


@pytest.mark.parametrize(
    ("name", "said"),
    [("amount_usd", "Amount USD"), ("customer_id", "Customer ID"), ("Net sales", "Net sales"), ("_", "_")],
)
def test_a_columns_name_as_words(name: str, said: str) -> None:
    assert label(name) == said

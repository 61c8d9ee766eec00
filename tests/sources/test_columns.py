from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.sources.columns import BIG, MOMENT, NAIVE, chosen, fit, kinds_of_text, kinds_of_times, natural

TEXTS = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.integers(-(10**40), 10**40).map(str),
    st.floats(allow_nan=True).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.booleans().map(str),
    st.dates().map(str),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC])).map(lambda time: time.isoformat()),
    st.sampled_from(
        ["007", "-0", "1.", ".5", "2024-02-30", "1e999", "NaN", "inf", " 1", "+1", "1_000", "٣", "2024-01-01T25:00"]
    ),
)


@given(st.lists(st.none() | TEXTS, max_size=6))
def test_a_column_of_text_gets_a_type_from_which_every_text_is_told_back(texts):
    values = pa.array(texts, pa.string())
    kind = natural(kinds_of_text(values)) if any(text is not None for text in texts) else pa.string()
    fitted = fit(values, kind)
    for text, value in zip(texts, fitted.to_pylist(), strict=True):
        if text is None:
            assert value is None
        elif value is None:  # a whole number that a column of doubles can't hold exactly
            assert kind == pa.float64()
            assert int(float(text)) != int(text)
        elif kind == pa.string():
            assert value == text
        elif kind in (pa.int64(), BIG):
            assert str(value) == text
        elif kind == pa.float64():
            assert value == float(text)
        elif kind == pa.bool_():
            assert str(value).lower() == text.lower()
        elif kind == pa.date32():
            assert value.isoformat() == text
        else:
            said = dt.datetime.fromisoformat(text)
            assert value.replace(tzinfo=None) == (
                said.astimezone(dt.UTC) if kind == MOMENT and said.tzinfo else said
            ).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ({pa.int64(), pa.float64()}, pa.float64()),
        ({pa.int64(), BIG}, BIG),
        ({pa.int32(), pa.int64()}, pa.int64()),
        ({pa.int64(), pa.string()}, pa.string()),
        ({pa.bool_(), pa.int64()}, pa.string()),
        ({pa.date32(), MOMENT}, MOMENT),
        ({pa.date32(), NAIVE}, NAIVE),
        ({NAIVE, MOMENT}, pa.string()),
        ({pa.decimal128(5, 2), pa.decimal128(6, 4)}, pa.decimal128(7, 4)),
        ({pa.decimal128(5, 2), pa.int64()}, pa.decimal128(21, 2)),
        ({pa.decimal128(38, 2), pa.decimal128(38, 30)}, pa.string()),
        (set(), pa.string()),
    ],
)
def test_the_narrowest_type_that_holds_all(kinds, expected):
    assert natural(kinds) == expected


@pytest.mark.parametrize(
    ("kinds", "known", "expected"),
    [
        ({pa.int64()}, pa.float64(), pa.float64()),
        ({pa.float64()}, pa.int64(), pa.float64()),
        ({pa.int64()}, pa.string(), pa.string()),
        ({pa.string()}, pa.int64(), pa.string()),
        ({pa.string(), pa.int64()}, pa.int64(), pa.int64()),
        ({pa.date32()}, MOMENT, MOMENT),
        ({pa.decimal128(3, 1)}, pa.decimal128(9, 2), pa.decimal128(9, 2)),
        (set(), pa.int64(), pa.int64()),
    ],
)
def test_a_table_keeps_its_type_where_nothing_is_lost_by_it(kinds, known, expected):
    assert chosen(kinds, known=known) == expected


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([2**53, 2**53 + 1]), pa.float64(), [2.0**53, None]),
        (pa.array([1.0, 1.5]), pa.int64(), [1, None]),
        (pa.array(["1.25", "1.255", "x", ""]), pa.decimal128(6, 2), [Decimal("1.25"), None, None, None]),
        (pa.array(["99999.99", "100000"]), pa.decimal128(7, 2), [Decimal("99999.99"), None]),
        (pa.array(["19970101", "1997-01-01", "19971301"]), pa.date32(), [dt.date(1997, 1, 1)] * 2 + [None]),
        (pa.array(["2024-01-01T10:00", "x"]), NAIVE, [dt.datetime.fromisoformat("2024-01-01T10:00"), None]),
        (pa.array(["0001-01-01T00:00:00+09:00"]), MOMENT, [None]),
        (pa.array([b"\x00\xff", None]), pa.string(), ["\\x00ff", None]),
        (pa.array(["true", "1"]), pa.bool_(), [True, None]),
        (pa.nulls(2), pa.int64(), [None, None]),
        (pa.array([dt.date(2024, 1, 1)]), MOMENT, [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
    ],
)
def test_what_does_not_fit_is_null(values, kind, expected):
    fitted = fit(values, kind)
    assert fitted.type == kind
    assert fitted.to_pylist() == expected


def test_times_in_text_are_days_moments_or_none():
    assert kinds_of_times(pa.array(["2024-01-02", None])) == {pa.date32()}
    assert kinds_of_times(pa.array(["2024-01-02T10:00:00+02:00"])) == {MOMENT}
    assert kinds_of_times(pa.array(["2024-01-02 10:00", "soon"])) == {NAIVE, pa.string()}

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, number
from pumphouse.cleaning.numbers.columns import plain_numbers, signs_of
from pumphouse.cleaning.numbers.reader import read_number
from pumphouse.cleaning.step import Resources

if TYPE_CHECKING:
    from conftest import Works


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5.0), ("-5", -5.0), ("+5", 5.0), ("5-", -5.0), ("(5)", -5.0), ("\u22125", -5.0),
        ("- 5", -5.0), ("-0", 0.0),
        ("1.234,56", 1234.56), ("1,234.56", 1234.56), ("1.5", 1.5), ("1,5", 1.5), (".5", 0.5), (",5", 0.5),
        ("0.123", 0.123), ("0,123", 0.123), ("1234.567", 1234.567), ("1,234,567", 1234567.0), ("1.234.567", 1234567.0),
        ("1 234 567", 1234567.0), ("1\u00a0234,5", 1234.5), ("1\u202f234", 1234.0), ("1'234.50", 1234.5),
        ("1\u2019234", 1234.0), ("12,34,567", 1234567.0), ("1,23,456.7", 123456.7),
        ("12%", 0.12), ("12,5 %", 0.125), ("(3%)", -0.03), ("1.5M", 1.5e6), ("2k", 2000.0), ("2 K", 2000.0),
        ("3bn", 3e9), ("1e5", 1e5), ("1.5E-3", 0.0015), ("-1,5e3", -1500.0), ("\ufeff7\u00a0", 7.0),
        ("\u0661\u0662\u0663", 123.0), ("\u0661\u066c\u0662\u0663\u0664\u066b\u0665", 1234.5), ("\uff15", 5.0),
        ("0.1", 0.1), ("9007199254740992", 9007199254740992.0), ("1.0000", 1.0),
    ],
)  # fmt: skip
def test_what_has_one_reading_is_read(written: str, value: float) -> None:
    cell = number().one(written)
    assert cell == Cell(value=value)
    assert str(cell.value) == str(value)  # no minus before 0


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("1.234", "1.234 or 1234: no decimal mark is declared"),
        ("-12,345", "-12345 or -12.345: no decimal mark is declared"),
        ("007", "a leading zero, as identifiers have"),
        ("00.5", "a leading zero, as identifiers have"),
        ("9007199254740993", "more digits than a DOUBLE holds"),
        ("0.12345678901234567890", "more digits than a DOUBLE holds"),
        ("1e400", "beyond what a DOUBLE holds"),
        ("1e-400", "more digits than a DOUBLE holds"),
        ("$5", "a currency beside the number: money reads both"),
        ("1.5m", "m may be a million, a thousand or a metre"),
        ("inf", "not a number"),
        ("NaN", "not a number"),
        ("free", "not a number"),
        ("N/A", "not a number"),
        ("-", "not a number"),
        ("--5", "not a number as people write it"),
        ("(-5)", "two signs"),
        ("12 apples", "letters beside the number"),
        ("0x1F", "letters beside the number"),
        ("1_000", "not a number as people write it"),
        ("1,2345,6789", "not a number as people write it"),
        ("1 234.567,8", "not a number as people write it"),
        ("5-10", "not a number as people write it"),
        ("1/2", "not a number as people write it"),
        ("5\u00b2", "not a number as people write it"),
        ("1\u0662", "digits of two scripts"),
        ("1" * 65, "too long for a number"),
    ],
)
def test_what_is_unsure_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert number().one(written) == Cell(value=None, reason=reason)


def test_a_declared_mark_decides_and_the_other_one_is_declined() -> None:
    assert number(decimal=",").one("1.234") == Cell(value=1234.0)
    assert number(decimal=".").one("1.234") == Cell(value=1.234)
    assert number(decimal=",").one("1,234.56").reason == "the decimal mark is a comma"
    assert number(decimal=".").one("1,5").reason == "the decimal mark is a point"
    with pytest.raises(ValueError, match="the decimal mark is"):
        number(decimal="x")  # type: ignore[arg-type]


def test_columns_of_numbers_have_a_point_whatever_is_declared() -> None:
    step = number(decimal=",")
    for column in (pa.array([1.5, None]), pa.array([Decimal("1.500"), None]), pa.array(["1,5", None])):
        assert step.load(Resources())(column, {}).values.to_pylist() == [1.5, None]
    assert step.load(Resources())(pa.array([7]), {}).values.to_pylist() == [7.0]


def amounts(works: Works, column: list[str]) -> list[float | None]:
    works.gather([{"id": place, "amount": written} for place, written in enumerate(column)])
    works.build(col.amount >> number(), key="id")
    return [row["amount"] for row in works.table(order="id")]


def test_a_column_proves_its_decimal_mark(works: Works) -> None:
    assert amounts(works, ["1.234", "1.234,56", "7", "x"]) == [1234.0, 1234.56, 7.0, None]
    evidence = {row["group"]: json.loads(row["value"]) for row in works.table("__fit")}
    assert evidence == {
        ",": {"read": True, "values": 1, "open": 1},
        ".": {"read": False, "values": 0, "open": 1},
    }
    # It holds for what comes later, until somebody asks for a new one.
    assert amounts(works, ["1.234", "5.5"]) == [1234.0, None]


@pytest.mark.parametrize("column", [["1.234", "1.234,56", "7.5"], ["1.234", "7"]])
def test_a_column_that_proves_both_marks_or_none_leaves_open_what_is_open(works: Works, column: list[str]) -> None:
    assert amounts(works, column)[0] is None
    assert [row["reason"] for row in works.table("__quarantine")] == [
        "which decimal mark this column has can't be told"
    ]
    assert amounts(works, column)[1] is not None


GROUPS: dict[str, tuple[str, Literal[".", ","]]] = {",": (",", "."), ".": (".", ","), " ": (" ", ","), "'": ("'", ".")}


@settings(deadline=None)
@given(st.decimals(-(10**9), 10**9, places=3), st.sampled_from(sorted(GROUPS)))
def test_a_printed_number_is_read_back_by_its_declared_mark(value: Decimal, mark: str) -> None:
    group, decimal = GROUPS[mark]
    written = f"{value:,.3f}".translate({ord(","): group, ord("."): decimal})
    assert number(decimal=decimal).one(written) == Cell(value=float(value))
    alone = number().one(written)
    assert alone.value in (None, float(value))


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_that_is_printed_is_read_back(value: float) -> None:
    written = repr(value)
    assert number(decimal=".").one(written).value == value


WRITTEN = st.builds(
    str.__add__,
    st.sampled_from(["", "", "-", "+", "(", "- ", "\u2212", "\u2009", "\u0663", "\u066b", "\ufeff", "$"]),
    st.builds(
        str.__add__,
        st.one_of(
            st.sampled_from(["0", "007", "1.5", "1.234", "1,234.56", "1\u00a0234,5", "1 234.567,8", "12,34,567"]),
            st.decimals(0, 10**16, places=3).map("{:,}".format),
            st.integers(0, 10**17).map(str),
        ),
        st.sampled_from(["", "", ")", "-", " %", "k", "\n", "e5", "\u0663", " " * 60]),
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([None, ".", ","]), st.lists(WRITTEN, max_size=12))
def test_a_whole_column_becomes_what_each_value_becomes(decimal: Literal[".", ","] | None, column: list[str]) -> None:
    loaded = number(decimal=decimal).load(Resources())
    cleaned = loaded(pa.array(column, pa.string()), {})
    each = [tuple(loaded.of_text.asked(written)) for written in column]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


@settings(deadline=None, max_examples=200)
@given(st.lists(WRITTEN, max_size=12))
def test_a_column_proves_what_its_values_prove_one_by_one(column: list[str]) -> None:
    plain = plain_numbers(pa.array(column, pa.string()), decimal=None)
    signs = signs_of(plain, lambda frame: read_number(frame, decimal=None).value)
    for place, written in enumerate(column):
        if plain.where[place] and signs[place]:
            mark = [mark for mark, only in plain.only.items() if only[place]]
            assert mark == [one for one in [read_number(written, decimal=None).mark] if one]

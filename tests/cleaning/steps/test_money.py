from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, money
from pumphouse.cleaning.step import Resources

if TYPE_CHECKING:
    from conftest import Works


@pytest.mark.parametrize(
    ("written", "value", "currency"),
    [
        ("-5 USD", "-5", "USD"), ("USD 5", "5", "USD"), ("5 usd", "5", "USD"), ("1.234,56 €", "1234.56", "EUR"),
        ("$1k", "1000", None), ("(5)", "-5", None), ("($5)", "-5", None), ("-$5", "-5", None), ("$-5", "-5", None),
        ("$(5)", "-5", None), ("€ 5,-", "5", "EUR"), ("5,- €", "5", "EUR"), ("R$ 12,50", "12.50", "BRL"),
        ("US$5", "5", "USD"), ("5 US$", "5", "USD"), ("$5 USD", "5", "USD"), ("5 kr", "5", None), ("kr. 5", "5", None),
        ("100 kr.", "100", None), ("12 zł", "12", "PLN"), ("CHF 1'234.50", "1234.50", "CHF"), ("¥500", "500", None),
        ("₹12,34,567.5", "1234567.5", "INR"), ("1.5M€", "1500000", "EUR"), ("5", "5", None), ("0.0001", "0.0001", None),
        ("£3", "3", None), ("5 Euro", "5", "EUR"),
    ],
)  # fmt: skip
def test_an_amount_is_read_with_the_currency_that_is_written(written: str, value: str, currency: str | None) -> None:
    assert money().one(written) == Cell(value=Decimal(value), extra={"currency": currency} if currency else {})


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("free", "free: that this is 0 has to be declared"),
        ("$5 EUR", "two currencies"),
        ("$1,234", "1234 or 1.234: no decimal mark is declared"),
        ("0.00001", "more than 4 decimals"),
        ("1e14", "beyond what a DECIMAL(18,4) holds"),
        ("12%", "a share, not an amount"),
        ("5 all", "letters beside the number"),
        ("USDA 5", "letters beside the number"),
        ("USD", "not a number"),
        ("--5", "not a number as people write it"),
        ("N/A", "not a number"),
    ],
)
def test_what_is_unsure_is_declined_with_a_reason(written: str, reason: str) -> None:
    cell = money().one(written)
    assert (cell.value, cell.extra) == (None, {})
    assert cell.reason == reason


def test_a_sign_of_several_currencies_is_read_as_the_one_that_is_declared() -> None:
    assert money(default="CAD").one("$5").extra == {"currency": "CAD"}
    assert money(default="NOK").one("5 kr").extra == {"currency": "NOK"}
    assert money(default="EUR").one("5").extra == {"currency": "EUR"}
    assert money(default="EUR").one("$5").reason == "the sign is not one of EUR"
    assert money(default="EUR").one("5 USD").extra == {"currency": "USD"}


def test_a_rows_currency_goes_before_the_default_and_after_what_is_written() -> None:
    step = money(currency=col.currency, default="USD")
    assert step.one("5", currency="eur").extra == {"currency": "EUR"}
    assert step.one("5", currency=None).extra == {"currency": "USD"}
    assert step.one("5 SEK", currency="EUR").extra == {"currency": "SEK"}
    assert step.one("5", currency="Euros").reason == "the row's currency is no ISO 4217 code"


def test_what_costs_nothing_is_0_where_that_is_declared() -> None:
    assert money(free=True, default="EUR").one("Free") == Cell(value=Decimal(0), extra={"currency": "EUR"})


def test_amounts_that_are_numbers_already_are_taken_as_they_are() -> None:
    for column in (pa.array([1.234]), pa.array([Decimal("1.2340")])):
        assert money(decimal=",").load(Resources())(column, {}).values.to_pylist() == [Decimal("1.2340")]


def test_a_column_proves_its_decimal_mark(works: Works) -> None:
    works.gather([{"id": 1, "price": "€ 1.234"}, {"id": 2, "price": "€ 7,50"}])
    works.build(col.price >> money(), key="id")
    assert [(row["price"], row["price__currency"]) for row in works.table(order="id")] == [
        (Decimal("1234.0000"), "EUR"),
        (Decimal("7.5000"), "EUR"),
    ]


def test_options_that_make_no_sense_are_refused_when_declared() -> None:
    with pytest.raises(TypeError, match="write default='USD'"):
        money(currency="USD")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="an ISO 4217 code"):
        money(default="dollars")


@settings(deadline=None)
@given(st.decimals(-(10**13), 10**13, places=4), st.sampled_from(["{} USD", "USD {}", "US${}"]))
def test_a_printed_amount_is_read_back_exactly(value: Decimal, form: str) -> None:
    cell = money(decimal=".").one(form.format(f"{value:,.4f}"))
    assert cell == Cell(value=value, extra={"currency": "USD"})


CELLS = st.builds(
    str.__add__,
    st.sampled_from(["", "-", "($", "\u20ac ", "USD ", "-$", "kr. ", "\u2009", "\u0663", "\u066b", "usda ", "\ufeff"]),
    st.builds(
        str.__add__,
        st.sampled_from(["0", "007", "5", "1.5", "1,234", "1.234,56", "1\u00a0234,5", "1'234.50", "12,34,567",
            "0.00001", "99999999999999", "100000000000000", "99999999999.9999", "1 234.567,8", "1,2345"]),
        st.sampled_from(["", "", ")", "-", " EUR", ",-", " %", "k", " kr.", "\n", "e5", "\u0663"]),
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([None, ".", ","]),
    st.lists(st.tuples(CELLS, st.sampled_from([None, "", "eur", " SEK ", "Euros"])), max_size=12),
)
def test_a_whole_column_becomes_what_each_value_becomes(
    decimal: Literal[".", ","] | None, rows: list[tuple[str, str | None]]
) -> None:
    loaded = money(decimal=decimal, currency=col.currency, default="USD").load(Resources())
    currencies = {"currency": pa.array([currency for _, currency in rows], pa.string())}
    cleaned = loaded(pa.array([written for written, _ in rows], pa.string()), currencies)
    arrays = (cleaned.values, cleaned.extra["currency"], cleaned.reasons)
    each = [tuple(loaded.of_text.asked(*row)) for row in rows]
    assert list(zip(*(array.to_pylist() for array in arrays), strict=True)) == each

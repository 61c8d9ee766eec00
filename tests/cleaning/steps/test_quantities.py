from __future__ import annotations

from typing import TYPE_CHECKING

import pint
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, quantity
from pumphouse.cleaning.numbers.units import UNITS, UNSURE, conversions, spellings
from pumphouse.cleaning.step import Resources

if TYPE_CHECKING:
    from conftest import Works


@pytest.mark.parametrize(
    ("to", "written", "value"),
    [
        ("kg", "5 lb", 2.26796185), ("kg", "2,5 kg", 2.5), ("kg", "2.5kg", 2.5), ("kg", "10 lbs.", 4.5359237),
        ("kg", "5 lb 3 oz", 2.353010419375), ("kg", "-3 kg", -3.0), ("kg", "1 234,5 g", 1.2345),
        ("kg", "5 Pounds", 2.26796185),
        ("cm", "6'2\"", 187.96), ("cm", "6’ 2”", 187.96), ("cm", "5 ft 11 in", 180.34), ("cm", "1,80 m", 180.0),
        ("min", "1h 30m", 90.0), ("min", "1h30m", 90.0), ("min", "1 hr, 5 mins", 65.0), ("min", "90 s", 1.5),
        ("km", "500m", 0.5), ("min", "30m", 30.0),
        ("°C", "72°F", 200 / 9), ("°C", "-40 °F", -40.0), ("°C", "300 K", 26.85), ("°F", "100 °C", 212.0),
        ("l", "1 US gal", 3.785411784), ("l", "3 m³", 3000.0), ("l", "5cc", 0.005), ("m2", "5 ha", 50000.0),
        ("km/h", "60 mph", 96.56064), ("kW", "5 MW", 5000.0), ("bar", "1 atm", 1.01325), ("kWh", "3.6 MJ", 1.0),
    ],
)  # fmt: skip
def test_a_quantity_is_given_in_the_unit_that_is_asked_for(to: str, written: str, value: float) -> None:
    assert quantity(to=to).one(written) == Cell(value=value)


@pytest.mark.parametrize(
    ("to", "written", "reason"),
    [
        ("kg", "6 ft", "a length, and kg is a mass"),
        ("kg", "5 ha", "an area, and kg is a mass"),
        ("kg", "5", "the unit is missing"),
        ("cm", "6'2", "the unit is missing"),
        ("kg", "1 ton", "a ton is metric, long or short"),
        ("l", "1 gal", "a gallon is a US or an imperial one"),
        ("km", "5 nm", "nm is a nanometer or a nautical mile"),
        ("kW", "100 hp", "a horsepower is metric or imperial"),
        ("d", "1 month", "months are of different lengths"),
        ("kW", "5 mw", "not a unit that is known"),
        ("kg", "1.234 kg", "1.234 or 1234: no decimal mark is declared"),
        ("kg", "007 kg", "a leading zero, as identifiers have"),
        ("min", "1h 90m", "parts that do not follow from large to small"),
        ("min", "30m 1h", "parts that do not follow from large to small"),
        ("°C", "20 °C 3 K", "two temperatures"),
        ("kg", "2 ** 9 kg", "not a unit that is known"),
        ("kg", "2 * kg", "not a unit that is known"),
        ("kg", "5 meter * kilogram / meter", "not a unit that is known"),
        ("kg", "__import__('os')", "not a number with a unit"),
        ("kg", "heavy", "not a number with a unit"),
        ("kg", "1" * 65, "too long for a quantity"),
    ],
)
def test_what_is_unsure_is_declined_with_a_reason(to: str, written: str, reason: str) -> None:
    assert quantity(to=to).one(written) == Cell(value=None, reason=reason)


def test_a_unit_that_is_none_or_several_is_refused_when_declared() -> None:
    with pytest.raises(ValueError, match="a gallon is a US or an imperial one"):
        quantity(to="gal")
    with pytest.raises(ValueError, match=r"there is no unit 'kilogran'\. Did you mean"):
        quantity(to="kilogran")


def test_a_column_of_doubles_is_in_the_unit_already() -> None:
    assert quantity(to="kg").load(Resources())(pa.array([1.5, None]), {}).values.to_pylist() == [1.5, None]


def test_a_column_proves_its_decimal_mark(works: Works) -> None:
    works.gather([{"id": 1, "weight": "1.234 g"}, {"id": 2, "weight": "0,5 kg"}, {"id": 3, "weight": "x"}])
    works.build(col.weight >> quantity(to="kg"), key="id")
    assert [row["weight"] for row in works.table(order="id")] == [1.234, 0.5, None]


def test_no_spelling_is_of_two_units_of_a_kind_and_none_that_is_unsure_is_read() -> None:
    for kind, units in UNITS.items():
        listed = [spelling for written in units.values() for spelling in written.split()]
        assert len(listed) == len(set(listed)), kind
        assert not set(spellings(kind)) & set(UNSURE)


@pytest.mark.parametrize("kind", UNITS)
def test_units_are_converted_as_pint_does(kind: str) -> None:
    registry = pint.UnitRegistry()
    to, target = next(iter(spellings(kind).items()))
    for spelling, conversion in conversions(to).items():
        expected = registry.Quantity(3.0, spellings(kind)[spelling]).to(target).magnitude
        assert float(3 * conversion.scale + conversion.offset) == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(0, 8), st.integers(0, 11))
def test_feet_and_inches_are_added_up(feet: int, inches: int) -> None:
    assert quantity(to="in").one(f"{feet}' {inches}\"").value == 12 * feet + inches

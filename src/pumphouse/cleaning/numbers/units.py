"""Units as people write them, by what they measure. Only these are read; the library that converts sees no data."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from pumphouse.errors import MissingExtra, did_you_mean

UNITS: Mapping[str, Mapping[str, str]] = {
    "length": {
        "nanometer": "nanometer nanometers nanometre nanometres",
        "micrometer": "µm μm um micrometer micrometre micron microns",
        "millimeter": "mm millimeter millimeters millimetre millimetres", "meter": "m meter meters metre metres",
        "centimeter": "cm CM centimeter centimeters centimetre centimetres", "decimeter": "dm",
        "kilometer": "km Km KM kilometer kilometers kilometre kilometres", "inch": "in inch inches \" ″ ” ''",
        "foot": "ft foot feet ' ′ ’", "yard": "yd yds yard yards", "mile": "mi mile miles",
        "nautical_mile": "nmi nautical_mile nautical_miles",
    },
    "mass": {
        "microgram": "µg μg ug mcg microgram micrograms", "milligram": "mg milligram milligrams",
        "gram": "g gram grams gramme grammes", "kilogram": "kg Kg KG kgs kilo kilos kilogram kilograms",
        "metric_ton": "t tonne tonnes metric_ton metric_tons",
        "pound": "lb lbs Lb LB pound pounds", "ounce": "oz OZ ounce ounces",
        "stone": "st stone stones", "short_ton": "short_ton short_tons", "long_ton": "long_ton long_tons",
    },
    "time": {
        "microsecond": "µs μs us", "millisecond": "ms millisecond milliseconds msec",
        "second": "s sec secs second seconds",
        "minute": "m min mins minute minutes", "hour": "h hr hrs hour hours", "day": "d day days",
        "week": "wk wks week weeks",
    },
    "temperature": {
        "degree_Celsius": "°C ℃ C °c degC deg_C celsius degrees_celsius",
        "kelvin": "K kelvin",
        "degree_Fahrenheit": "°F ℉ F °f degF deg_F fahrenheit degrees_fahrenheit",
    },
    "volume": {
        "milliliter": "ml mL milliliter milliliters millilitre millilitres cc cm3 cm³", "centiliter": "cl cL",
        "deciliter": "dl dL", "liter": "l L liter liters litre litres", "hectoliter": "hl hL", "meter ** 3": "m3 m³",
        "foot ** 3": "ft3 ft³ cu_ft", "gallon": "US_gal US_gallon US_gallons", "fluid_ounce": "US_fl_oz",
        "imperial_gallon": "imp_gal imperial_gallon imperial_gallons UK_gal",
    },
    "area": {
        "centimeter ** 2": "cm2 cm²", "meter ** 2": "m2 m² sqm sq_m", "hectare": "ha hectare hectares",
        "kilometer ** 2": "km2 km² sq_km", "foot ** 2": "ft2 ft² sqft sq_ft", "acre": "ac acre acres",
        "mile ** 2": "sq_mi mi2 mi²",
    },
    "speed": {
        "kilometer / hour": "km/h kmh kph", "meter / second": "m/s", "mile / hour": "mph",
        "knot": "kn kt kts knot knots",
        "foot / second": "ft/s",
    },
    "energy": {
        "joule": "J joule joules", "kilojoule": "kJ", "megajoule": "MJ", "watt_hour": "Wh", "kilowatt_hour": "kWh kwh",
        "megawatt_hour": "MWh", "kilocalorie": "kcal",
    },
    "power": {"watt": "W watt watts", "kilowatt": "kW", "megawatt": "MW", "gigawatt": "GW"},
    "pressure": {
        "pascal": "Pa", "hectopascal": "hPa", "kilopascal": "kPa", "megapascal": "MPa", "bar": "bar bars",
        "millibar": "mbar", "psi": "psi", "atmosphere": "atm", "millimeter_Hg": "mmHg mm_Hg",
    },
}  # fmt: skip
"""By what is measured and the name that pint has for the unit: its spellings. `_` is a space or nothing."""

UNSURE: Mapping[str, str] = {
    "ton": "a ton is metric, long or short", "tons": "a ton is metric, long or short",
    "gal": "a gallon is a US or an imperial one", "gallon": "a gallon is a US or an imperial one",
    "gallons": "a gallon is a US or an imperial one", "fl oz": "a fluid ounce is a US or an imperial one",
    "pt": "a pint is a US or an imperial one", "pint": "a pint is a US or an imperial one",
    "pints": "a pint is a US or an imperial one", "qt": "a quart is a US or an imperial one",
    "cup": "cups differ from country to country", "cups": "cups differ from country to country",
    "nm": "nm is a nanometer or a nautical mile", "hp": "a horsepower is metric or imperial",
    "cal": "cal is a calorie or a thousand of them", "gr": "gr is a grain or a gram",
    "month": "months are of different lengths", "months": "months are of different lengths",
    "year": "years are of different lengths", "years": "years are of different lengths",
    "yr": "years are of different lengths", "y": "years are of different lengths",
}  # fmt: skip
"""Spellings of more than one unit, or of none that is always the same."""


class Conversion(NamedTuple):
    """To the unit that is asked for: times `scale`, plus `offset`. Both are exact."""

    scale: Fraction
    offset: Fraction


def spellings(kind: str) -> dict[str, str]:
    """Every spelling of the units of one kind, and pint's name."""
    listed = {}
    for unit, written in UNITS[kind].items():
        for spelling in written.split():
            for space in (" ", "", "_") if "_" in spelling else ("",):
                listed[spelling.replace("_", space)] = unit
    return listed


def kind_of(unit: str) -> str:
    """What a unit measures: "mass". Raises ValueError for a spelling that is not known, or of more than one unit."""
    if unit in UNSURE:
        raise ValueError(f"{UNSURE[unit]}: name another unit to convert to")
    for kind in UNITS:
        if unit in spellings(kind):
            return kind
    known = [spelling for kind in UNITS for spelling in spellings(kind)]
    raise ValueError(f"there is no unit '{unit}'. {did_you_mean(unit, known) or 'There are kg, lb, m, ft, h, °C, l'}")


@cache
def conversions(to: str) -> dict[str, Conversion]:
    """For each spelling of a unit of the same kind, how it becomes `to`."""
    try:
        import pint
    except ImportError:
        raise MissingExtra("pint", extra="cleaning", purpose="quantity") from None
    registry: Any = pint.UnitRegistry(non_int_type=Fraction)  # Any: pint's types know no Fraction
    listed = spellings(kind_of(to))
    target = registry.Unit(listed[to])
    known: dict[str, Conversion] = {}
    for unit in set(listed.values()):
        source = registry.Unit(unit)
        zero, one = (Fraction(registry.Quantity(Fraction(number), source).to(target).magnitude) for number in (0, 1))
        known[unit] = Conversion(one - zero, zero)
    return {spelling: known[unit] for spelling, unit in listed.items()}

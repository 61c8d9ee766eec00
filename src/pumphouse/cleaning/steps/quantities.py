"""Quantities from text, in one unit: 5 lb, 2,5 kg, 6'2", 1h 30m, 72°F."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.numbers.marks import OPEN, learn, proved
from pumphouse.cleaning.numbers.reader import LENGTH_MAX, MINUS, Number, read_number
from pumphouse.cleaning.numbers.units import UNITS, UNSURE, Conversion, conversions, kind_of, spellings
from pumphouse.cleaning.step import EachValue, Resources

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow

PART = re.compile(
    r"(?P<number>[0-9.,](?:[0-9.,]|[ \u00a0\u202f](?=[0-9]{3}(?![0-9])))*)\s*"
    r"(?P<unit>[^0-9.,]*?(?:(?:(?<=m)|(?<=ft)|(?<=mi))[23](?![0-9]))?\.?)"
    r"(?:,?\s*(?=[0-9])|$)"
)
PARTS_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityStep(FittedStep):
    """The step that `quantity` makes."""

    name: ClassVar[str] = "quantity"
    gives: ClassVar[str] = "DOUBLE"
    to: str
    decimal: str | None = None
    is_fitted: bool = False
    version: str = field(default_factory=lambda: with_versions("1", "pint"), init=False)

    def fit_name(self, column: str) -> str | None:
        """With a decimal mark nothing is open."""
        return None if self.decimal else f"quantity {column}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """How many different values prove each decimal mark."""
        return learn(staged, column, read=_number_of, step=str(self.fit_name(column)))

    def fitted(self, fit: Sequence[FitRow]) -> QuantityStep:
        """The step with the column's mark, if it was proved."""
        return replace(self, decimal=proved(fit), is_fitted=True)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays. A column of DOUBLE is in the unit already, and stays as it is."""
        return EachValue(self, partial(converted, step=self, units=conversions(self.to)))


def quantity(to: str, *, decimal: Literal[".", ","] | None = None) -> QuantityStep:
    """A step that reads quantities with their units and gives their number in one unit: `quantity(to="kg")`.

    It reads what people write, 6'2" and 1h 30m among it. A unit of another kind is declined, and so are one that is
    missing, and one that is not the same everywhere, as a gallon. The `decimal` mark is learnt as `number` does.

    `quantity(to="cm").one("6'2\\"").value == 187.96`
    """
    kind_of(to)
    if decimal is not None and decimal not in (".", ","):
        raise ValueError(f"the decimal mark is '.' or ',', not {decimal!r}")
    return QuantityStep(to=to, decimal=decimal)


def parts_of(bare: str) -> list[tuple[str, str]] | None:
    """The numbers and the units of a text, in their order."""
    parts: list[tuple[str, str]] = []
    place = 0
    while place < len(bare) and len(parts) < PARTS_MAX:
        found = PART.match(bare, place)
        if not found:
            return None
        parts.append((found["number"].rstrip(","), " ".join(found["unit"].split())))
        place = found.end()
    return parts if place == len(bare) else None


def _number_of(written: str) -> Number:
    parts = parts_of(written.strip(AROUND).lstrip(MINUS + "+")) if len(written) <= LENGTH_MAX else None
    return read_number(parts[0][0], decimal=None) if parts else Number()


def converted(written: str, *, step: QuantityStep, units: dict[str, Conversion]) -> tuple[float | None, str | None]:
    """One quantity: (value, reason)."""
    bare = written.strip(AROUND)
    if not bare:
        return None, None
    if len(bare) > LENGTH_MAX:
        return None, "too long for a quantity"
    negative = bare[0] in MINUS
    parts = parts_of(bare[1:].lstrip() if negative or bare[0] == "+" else bare)
    if not parts:
        return None, "not a number with a unit"
    total, before = Fraction(), None
    for written_number, written_unit in parts:
        unit = _unit(written_unit, units)
        if unit is None:
            return None, _why_no_unit(written_unit, step.to)
        number = read_number(written_number, decimal=step.decimal)
        if number.value is None:
            return None, OPEN if number.is_open and step.is_fitted else number.reason
        value, conversion = Fraction(number.value), units[unit]
        if len(parts) > 1 and conversion.offset:
            return None, "two temperatures"
        # 1h 30m: each part is less than one of the unit before.
        if before is not None and (conversion.scale >= before or value * conversion.scale >= before):
            return None, "parts that do not follow from large to small"
        total += (-value if negative else value) * conversion.scale + conversion.offset
        before = conversion.scale
    try:
        return float(total), None
    except OverflowError:
        return None, "beyond what a DOUBLE holds"


def _unit(written: str, units: dict[str, Conversion]) -> str | None:
    """The spelling that is known; words, not signs as mW and MW, are read in any case."""
    for spelling in (written, written.rstrip(".")):
        if spelling in units:
            return spelling
        small = spelling.lower()
        if len(small) > 2 and small in units and spelling in (small.upper(), small.capitalize()):
            return small
    return None


def _why_no_unit(written: str, to: str) -> str:
    if not written:
        return "the unit is missing"
    if reason := UNSURE.get(written.rstrip(".").lower()):
        return reason
    for kind in UNITS:
        if _unit(written, dict.fromkeys(spellings(kind), Conversion(Fraction(1), Fraction()))):
            return f"{_a(kind)}, and {to} is {_a(kind_of(to))}"
    return "not a unit that is known"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "ae" else f"a {kind}"

"""Numbers from text, as people write them in all countries: 1.234,56 and 1,234.56, (5), 12 %, 1.5M."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.numbers.columns import Plain, signs_of
from pumphouse.cleaning.numbers.marks import OPEN, NumberColumn, learn, proved
from pumphouse.cleaning.numbers.reader import read_number
from pumphouse.cleaning.step import Resources

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStep(FittedStep):
    """The step that `number` makes."""

    name: ClassVar[str] = "number"
    gives: ClassVar[str] = "DOUBLE"
    decimal: str | None = None
    is_fitted: bool = False
    version: str = field(default="1", init=False)

    def fit_name(self, column: str) -> str | None:
        """With a decimal mark nothing is open."""
        return None if self.decimal else f"number {column}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """How many different values prove each decimal mark."""
        return learn(staged, column, read=partial(read_number, decimal=None), step=str(self.fit_name(column)))

    def fitted(self, fit: Sequence[FitRow]) -> NumberStep:
        """The step with the column's mark, if it was proved."""
        return replace(self, decimal=proved(fit), is_fitted=True)

    def load(self, resources: Resources) -> NumberColumn:
        """The function over arrays. A column of numbers stays as it is."""
        return NumberColumn(self, partial(double, is_fitted=self.is_fitted), doubles, decimal=self.decimal)


def number(*, decimal: Literal[".", ","] | None = None) -> NumberStep:
    """A step that reads numbers: with separators of thousands, signs, (5) for -5, percent, exponents, 1.5M and 2k.

    Without a `decimal` mark it is learnt from all values of the column: one that can only be read by one of the marks
    proves it, as 1.234,56 does, if none proves the other. What was learnt is stored in `<table>__fit` until `--refit`.
    One value alone is declined where both marks read it, as 1.234. So is what a DOUBLE can't hold to all its digits,
    and a number with a leading zero, which is an identifier.

    `number(decimal=",").one("1.234,5").value == 1234.5`
    """
    if decimal is not None and decimal not in (".", ","):
        raise ValueError(f"the decimal mark is '.' or ',', not {decimal!r}")
    return NumberStep(decimal=decimal)


def double(written: str, *, decimal: str | None, is_fitted: bool) -> tuple[float | None, str | None]:
    """One number: (value, reason)."""
    if not written.strip(AROUND):
        return None, None
    found = read_number(written, decimal=decimal)
    if found.value is None:
        if any(unicodedata.category(letter) == "Sc" for letter in written):
            return None, "a currency beside the number: money reads both"
        return None, OPEN if found.is_open and is_fitted else found.reason
    value = float(found.value)
    if math.isinf(value):
        return None, "beyond what a DOUBLE holds"
    if Decimal(repr(value)) != found.value:
        return None, "more digits than a DOUBLE holds"
    return value, None


def doubles(plain: Plain, _: Mapping[str, pa.Array]) -> tuple[Any, list[pa.Array]]:
    """(where, numbers): so few digits over a power of ten are the nearest DOUBLE, and are printed as they were."""
    import pyarrow as pa

    signs = signs_of(plain, lambda frame: read_number(frame, decimal=None).value)
    where = plain.where & (signs != 0)
    values = signs * (plain.digits / 10.0**plain.places) + 0.0  # no minus before 0
    return where, [pa.array(values, pa.float64(), mask=~where)]

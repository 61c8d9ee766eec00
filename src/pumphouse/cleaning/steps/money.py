"""Amounts of money from text, exactly, and the currency beside them: -5 USD, 1.234,56 €, R$ 12, $1k."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.dates.columns import mask
from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.libraries import numpy, with_versions
from pumphouse.cleaning.numbers.columns import Plain, signs_of
from pumphouse.cleaning.numbers.currencies import codes, taken_from_end, taken_from_start
from pumphouse.cleaning.numbers.marks import OPEN, NumberColumn, learn, proved
from pumphouse.cleaning.numbers.reader import LENGTH_MAX, MINUS, Number, read_number
from pumphouse.cleaning.step import Resources, arrow_type, text

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow

CODE = re.compile("[A-Z]{3}")
NO_CENTS = re.compile(r"(.*[0-9])[.,][-\u2013\u2014]{1,2}", re.DOTALL)
"""5,- and 5.--: an amount without cents, as shops write it."""
FREE = frozenset({"free", "free of charge", "gratis", "kostenlos", "gratuit"})
PLACES = 4
LIMIT = Decimal(10) ** 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Money(FittedStep):
    """The step that `money` makes."""

    name: ClassVar[str] = "money"
    gives: ClassVar[str] = "DECIMAL(18,4)"
    extras: ClassVar[Mapping[str, str]] = {"currency": "VARCHAR"}
    currency: Column | None = None
    default: str | None = None
    decimal: str | None = None
    free: bool = False
    is_fitted: bool = False
    version: str = field(default_factory=lambda: with_versions("1", "pycountry"), init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's currency."""
        return (self.currency.name,) if self.currency else ()

    def fit_name(self, column: str) -> str | None:
        """With a decimal mark nothing is open."""
        return None if self.decimal else f"money {column}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """How many different values prove each decimal mark."""
        return learn(staged, column, read=_number_of, step=str(self.fit_name(column)))

    def fitted(self, fit: Sequence[FitRow]) -> Money:
        """The step with the column's mark, if it was proved."""
        return replace(self, decimal=proved(fit), is_fitted=True)

    def load(self, resources: Resources) -> NumberColumn:
        """The function over arrays."""
        codes()
        answer = partial(amount, default=self.default, free=self.free, is_fitted=self.is_fitted)
        whole = partial(amounts, currency=self.currency.name if self.currency else None, default=self.default)
        return NumberColumn(self, answer, whole, decimal=self.decimal)


def money(
    *,
    currency: Column | None = None,
    default: str | None = None,
    decimal: Literal[".", ","] | None = None,
    free: bool = False,
) -> Money:
    """A step that reads amounts of money to four places, and keeps the ISO 4217 code in `<column>__currency`.

    A currency that is written in the cell goes before the row's, a column of codes, and that before the `default`. A
    sign of several currencies, as $ and kr, is read as the row's or the default's where it is one of them; without
    either the amount is kept and the currency is null. The `decimal` mark is learnt from the column as `number` does.
    "free" is declined but with `free=True`, where it is 0.

    `money().one("-5 USD").extra == {"currency": "USD"}`
    """
    if currency is not None and not isinstance(currency, Column):
        raise TypeError(
            f"money's currency is a column, as in currency=col.currency; for one write default={currency!r}"
        )
    if default is not None and not CODE.fullmatch(default):
        raise ValueError(f"money's default currency is an ISO 4217 code like USD or EUR, not {default!r}")
    if decimal is not None and decimal not in (".", ","):
        raise ValueError(f"the decimal mark is '.' or ',', not {decimal!r}")
    return Money(currency=currency, default=default, decimal=decimal, free=free)


class Parts(NamedTuple):
    """An amount taken apart: the number as it is written, and the currencies that it may be of."""

    number: str
    currencies: tuple[str, ...] | None
    reason: str | None = None


def parts_of(written: str) -> Parts:
    """The number and the currency of one text."""
    rest, is_enclosed, sign = written.strip(AROUND), False, ""
    if rest.startswith("(") and rest.endswith(")"):
        is_enclosed, rest = True, rest[1:-1].strip()
    if rest[:1] and rest[0] in MINUS + "+":
        sign, rest = rest[0], rest[1:].lstrip()
    before, rest = taken_from_start(rest)
    after, rest = taken_from_end(rest)
    if before and after and not set(before) & set(after):
        return Parts("", None, "two currencies")
    found = tuple(code for code in before if code in after) if before and after else before or after
    if cents := NO_CENTS.fullmatch(rest):
        rest = cents[1]
    number = sign + rest
    return Parts(f"({number})" if is_enclosed else number, found)


def _number_of(written: str) -> Number:
    return read_number(parts_of(written).number, decimal=None)


def amount(
    written: str,
    row_currency: str | None = None,
    *,
    default: str | None,
    decimal: str | None,
    free: bool,
    is_fitted: bool,
) -> tuple[Decimal | None, str | None, str | None]:
    """One amount: (value, currency, reason)."""
    bare = written.strip(AROUND)
    if not bare:
        return None, None, None
    declared = _declared(row_currency, default)
    if bare.lower() in FREE:
        if not free:
            return None, None, "free: that this is 0 has to be declared"
        return Decimal(0), declared if declared in codes() else None, None
    if len(bare) > LENGTH_MAX:
        return None, None, "too long for an amount"
    number, currencies, reason = parts_of(bare)
    if reason:
        return None, None, reason
    found = read_number(number, decimal=decimal)
    if found.value is None:
        return None, None, OPEN if found.is_open and is_fitted else found.reason
    if bare.rstrip().endswith("%"):
        return None, None, "a share, not an amount"
    value, reason = _to_places(found.value)
    if reason:
        return None, None, reason
    code, reason = _currency(currencies, declared)
    return (None, None, reason) if reason else (value, code, None)


def amounts(
    plain: Plain, others: Mapping[str, pa.Array], *, currency: str | None, default: str | None
) -> tuple[Any, list[pa.Array]]:
    """(where, [amounts, currencies]) of plain numbers, by what stands around them and what is declared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    np = numpy("money")
    signs = signs_of(plain, lambda frame: _number_of(frame).value)
    where = plain.where & (signs != 0) & (plain.places <= PLACES)
    missing = np.where(where, PLACES - plain.places, PLACES)
    where &= plain.digits < 10 ** (PLACES - missing) * int(LIMIT)
    scaled = signs * np.where(where, plain.digits, 0) * 10**missing
    declared, rows = [_declared(None, default)], np.zeros(len(where), dtype=np.int64)
    if currency is not None:
        encoded = text(others[currency], step="money").dictionary_encode()
        declared = [_declared(written, default) for written in (*encoded.dictionary.to_pylist(), None)]
        rows = encoded.indices.fill_null(len(declared) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
    pairs = pa.array(plain.codes.astype(np.int64) * len(declared) + rows, mask=~where).dictionary_encode()
    currencies = [parts_of(frame).currencies for frame in plain.frames]
    found = [
        _currency(currencies[pair // len(declared)], declared[pair % len(declared)])
        for pair in pairs.dictionary.to_pylist()
    ]
    is_declined = pa.array([reason is not None for _, reason in found], pa.bool_()).take(pairs.indices)
    where &= ~mask(is_declined)
    codes_found = pa.array([code for code, _ in found], pa.string()).take(pairs.indices)
    kept = pa.array(where)
    words = np.stack([scaled, scaled >> 63], axis=1)  # a decimal is 16 bytes
    values = pa.Array.from_buffers(arrow_type(Money.gives), len(where), [None, pa.py_buffer(words)])
    return where, [pc.if_else(kept, values, None), pc.if_else(kept, codes_found, None)]


def _declared(row_currency: str | None, default: str | None) -> str | None:
    return (row_currency or default or "").strip(AROUND).upper() or None


def _currency(currencies: tuple[str, ...] | None, declared: str | None) -> tuple[str | None, str | None]:
    """(code, reason) by what is written, and by what is declared."""
    if currencies and len(currencies) == 1:
        return currencies[0], None
    if declared is not None and declared not in codes():
        return None, "the row's currency is no ISO 4217 code"
    if currencies and declared and declared not in currencies:
        return None, f"the sign is not one of {declared}"
    return declared, None


def _to_places(value: Decimal) -> tuple[Decimal | None, str | None]:
    """The value with PLACES decimals, where these hold it exactly."""
    if value.copy_abs() >= LIMIT:
        return None, "beyond what a DECIMAL(18,4) holds"
    rounded = round(value, PLACES)
    return (rounded, None) if rounded == value else (None, f"more than {PLACES} decimals")

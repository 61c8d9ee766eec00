"""Dates from text, by formats that are declared or that the column's values prove. What is unsure is declined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.dates.columns import read_dates, small_letters
from pumphouse.cleaning.dates.formats import AROUND, FORMATS_MAX, checked, compiled, month_names
from pumphouse.cleaning.dates.proof import learn, rejected
from pumphouse.cleaning.dates.reader import DateReader, told
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import Cleaned, EachValue, Resources, text

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow

HAS_OTHER_DIGITS = re.compile(r"(?![0-9])\d")
SHORT = re.compile(r"[0-9]{1,2}([-/. ])[0-9]{1,2}\1[0-9]{1,2}")
WHOLE_NUMBER = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
WITH_TIME = re.compile(r".*[0-9][t ,]+[0-9]{1,2}:[0-9]{2}.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseDate(FittedStep):
    """The step that `parse_date` makes."""

    name: ClassVar[str] = "parse_date"
    gives: ClassVar[str] = "DATE"
    formats: tuple[str, ...] = ()
    excel: str | None = None
    pivot: int | None = None
    language: str | None = None
    rejected: frozenset[str] = frozenset()
    """Formats that are read without being declared, and that the column disproved."""
    is_fitted: bool = False
    version: str = "2"

    def fit_name(self, column: str) -> str | None:
        """What is read besides the order of day and month. With formats nothing is open."""
        if self.formats:
            return None
        options = [f"{name} {value}" for name, value in self._options().items() if value is not None]
        return f"parse_date {', '.join([column, *options])}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """How many different values fit each known format, and which are read."""
        name = self.fit_name(column)
        assert name is not None
        return learn(staged, column, reader=self.reader(), step=name)

    def fitted(self, fit: Sequence[FitRow]) -> ParseDate:
        """The step without the formats that the column disproved."""
        return replace(self, rejected=rejected(fit), is_fitted=True)

    def load(self, resources: Resources) -> DateColumn:
        """The function over arrays. A column of dates stays as it is."""
        return DateColumn(self)

    def reader(self) -> DateReader:
        """Its formats, ready to read text by."""
        return DateReader(
            self.formats,
            names=month_names(self.language),
            pivot=self.pivot,
            excel=self.excel,
            rejected=self.rejected,
        )

    def _options(self) -> dict[str, object]:
        return {"excel": self.excel, "pivot": self.pivot, "language": self.language}


def parse_date(
    *format: str,
    excel: Literal["1900", "1904"] | None = None,
    pivot: int | None = None,
    language: str | None = None,
) -> ParseDate:
    """A step that reads text as dates by one or more formats: `parse_date("%d/%m/%Y", "%Y-%m-%d")`.

    Formats are made of %d, %m, %Y (four digits), %b (Apr), %B (April), in English and, with `language="de"`, in another
    one. A date that two formats read differently is declined, as 03/04/1962 by %d/%m/%Y and %m/%d/%Y; so is one that no
    calendar has. %y, a year of two digits, needs a `pivot`: with 30, 29 is 2029 and 30 is 1930. `excel="1900"` or
    "1904" says that numbers are days as Excel counts them.

    Without a format all common ones are read, and the order of day and month is learnt from all values of the column:
    one with a day above 12 proves it, if none is against it. What was learnt is stored in `<table>__fit`, with its
    evidence, until `--refit`. Raises ValueError for a format that leaves something open.

    `parse_date("%d/%m/%Y").one("03/04/1962").value == date(1962, 4, 3)`
    """
    if len(format) > FORMATS_MAX:
        raise ValueError(f"parse_date takes up to {FORMATS_MAX} formats, and was given {len(format)}")
    if excel is not None and excel not in ("1900", "1904"):
        raise ValueError(f"parse_date's excel is '1900' or '1904', the year from which days are counted, not {excel!r}")
    if pivot is not None and not 0 <= pivot <= 100:
        raise ValueError(f"parse_date's pivot is a year of two digits, 0 to 100, not {pivot}")
    names = month_names(language)
    for one in format:
        checked(one, step="parse_date", has_pivot=pivot is not None)
        compiled(one, names)
    version = with_versions("2", "babel") if language is not None else "2"
    return ParseDate(formats=format, excel=excel, pivot=pivot, language=language, version=version)


class DateColumn:
    """What `ParseDate.load` hands out: dates all at once, and what is none or is odd value by value."""

    def __init__(self, step: ParseDate) -> None:
        self.step = step
        self.reader = step.reader()
        self.each = EachValue(step, partial(parsed, reader=self.reader, is_fitted=step.is_fitted))

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Dates, and reasons."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_date32(column.type):
            return self.each(column, others)
        written = text(column, step=self.step.name)
        where, days = read_dates(small_letters(written), self.reader)
        values = pa.array(days, pa.int32(), mask=~where).cast(pa.date32())
        left = pc.and_(pa.array(~where), pc.is_valid(written))
        if not pc.any(left, min_count=0).as_py():
            return Cleaned(values=values, reasons=pa.nulls(len(column), pa.string()))
        rest = self.each(written.filter(left), others)
        reasons = pa.nulls(len(column), pa.string())
        return Cleaned(
            values=pc.replace_with_mask(values, left, rest.values),
            reasons=pc.replace_with_mask(reasons, left, rest.reasons),
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (DateColumn, (self.step,))


def parsed(written: str, *, reader: DateReader, is_fitted: bool) -> tuple[date | None, str | None]:
    """One date: (date, reason)."""
    bare = written.strip(AROUND)
    if not bare:
        return None, None
    found, impossible = reader.dates(bare)
    if len(found) == 1:
        return next(iter(found)), None
    if found and is_fitted:
        return None, "day and month can't be told apart in this column"
    if found:
        return None, f"{bare} is {' or '.join(f'{told(day)} ({format})' for day, format in found.items())}"
    return None, impossible or why_unread(bare, reader)


def why_unread(bare: str, reader: DateReader) -> str:
    """Why a text is no date, as nearly as can be said."""
    if HAS_OTHER_DIGITS.search(bare):
        return "digits of another script, and with them maybe of another calendar"
    if not reader.is_known:
        return f"does not fit {' or '.join(reader.formats)}"
    if SHORT.fullmatch(bare) and reader.pivot is None:
        return "the century is missing"
    if WITH_TIME.fullmatch(bare.lower()):
        return "a time of day beside the date"
    if WHOLE_NUMBER.fullmatch(bare) and reader.excel is None:
        return "a number: days as Excel counts them have to be declared"
    return "not a date in a form that is known"

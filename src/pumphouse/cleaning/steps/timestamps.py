"""Moments from text: a date, a time, and an offset or a zone. What clocks skipped or showed twice is declined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.dates.clock import (
    COMPACT,
    TIME,
    WEEKDAY,
    WEEKDAYS,
    WITH_TIME,
    Clock,
    clock_of,
    moment,
    zone_named,
)
from pumphouse.cleaning.dates.columns import small_letters
from pumphouse.cleaning.dates.formats import (
    AROUND,
    FORMATS_MAX,
    MonthNames,
    checked,
    compiled,
    month_names,
    why_impossible,
)
from pumphouse.cleaning.dates.moments import EPOCH, by_formats, by_known, microseconds_of
from pumphouse.cleaning.dates.proof import learn, rejected
from pumphouse.cleaning.dates.reader import DateReader, told
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.libraries import numpy, with_versions
from pumphouse.cleaning.step import Cleaned, EachValue, Resources, arrow_type, text
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow

SINCE_EPOCH = re.compile(r"-?[0-9]{1,17}(?:\.[0-9]{1,9})?(?:e\+?[0-9]{1,2})?")
MICROSECONDS = {"s": 1_000_000, "ms": 1_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseTimestamp(FittedStep):
    """The step that `parse_timestamp` makes."""

    name: ClassVar[str] = "parse_timestamp"
    gives: ClassVar[str] = "TIMESTAMP WITH TIME ZONE"
    formats: tuple[str, ...] = ()
    zone: Column | None = None
    default: str | None = None
    epoch: str | None = None
    language: str | None = None
    rejected: frozenset[str] = frozenset()
    """Formats of dates that are read without being declared, and that the column disproved."""
    is_fitted: bool = False
    version: str = "1"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's zone."""
        return (self.zone.name,) if self.zone else ()

    def fit_name(self, column: str) -> str | None:
        """With formats, or seconds since 1970, nothing is open."""
        if self.formats or self.epoch:
            return None
        language = f", language {self.language}" if self.language else ""
        return f"parse_timestamp {column}{language}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """How many different values fit each known format of their date, and which are read."""
        name = self.fit_name(column)
        assert name is not None
        return learn(staged, column, reader=self.reader(), step=name, part=date_part)

    def fitted(self, fit: Sequence[FitRow]) -> ParseTimestamp:
        """The step without the formats that the column disproved."""
        return replace(self, rejected=rejected(fit), is_fitted=True)

    def load(self, resources: Resources) -> MomentColumn:
        """The function over arrays. A column of moments stays as it is. Raises ConfigError for an unknown zone."""
        if self.default and zone_named(self.default) is None:
            raise ConfigError(
                f"parse_timestamp's default zone '{self.default}' is not known",
                mend="Name one of IANA's, like Europe/Berlin or UTC.",
            )
        return MomentColumn(self)

    def reader(self) -> DateReader:
        """The dates that it knows, ready to read text by."""
        return DateReader((), names=month_names(self.language), rejected=self.rejected)


def parse_timestamp(
    *format: str,
    zone: Column | None = None,
    default: str | None = None,
    epoch: Literal["s", "ms"] | None = None,
    language: str | None = None,
) -> ParseTimestamp:
    """A step that reads text as moments: a date, a time, and an offset from UTC as +02:00 or Z.

    A time without an offset is one of the row's `zone`, a column of IANA names like Europe/Berlin, and where that is
    null of the `default` zone; without either it is declined. So is a time that clocks skipped or showed twice there.

    Without a format it reads ISO 8601, other common dates with a time, and 12-hour clocks; the order of day and month
    is learnt from the column as `parse_date` does. Formats are made as for `parse_date`, with %H or %I and %p, %M, %S,
    %f and %z. `epoch="s"` or "ms" reads numbers as seconds or milliseconds since 1970.

    `parse_timestamp(default="Europe/Berlin").one("2024-07-01 12:00").value.hour == 10`
    """
    if zone is not None and not isinstance(zone, Column):
        raise TypeError(f"parse_timestamp's zone is a column, as in zone=col.zone; for one zone write default={zone!r}")
    if len(format) > FORMATS_MAX:
        raise ValueError(f"parse_timestamp takes up to {FORMATS_MAX} formats, and was given {len(format)}")
    if epoch is not None and epoch not in MICROSECONDS:
        raise ValueError(f"parse_timestamp's epoch is 's' or 'ms', not {epoch!r}")
    names = month_names(language)
    version = with_versions("1", "babel") if language is not None else "1"
    for one in format:
        checked(one, step="parse_timestamp", has_time=True, has_pivot=False)
        compiled(one, names)
    return ParseTimestamp(formats=format, zone=zone, default=default, epoch=epoch, language=language, version=version)


class MomentColumn:
    """What `ParseTimestamp.load` hands out: moments all at once, and what is none or is odd value by value."""

    def __init__(self, step: ParseTimestamp) -> None:
        self.step = step
        self.names = month_names(step.language)
        self.reader = step.reader()
        self.patterns = tuple((format, compiled(format, self.names)) for format in step.formats)
        self.answer = partial(parsed, step=step, reader=self.reader, patterns=self.patterns, names=self.names)
        self.each = EachValue(step, self.answer)

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Moments, and reasons."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.step.epoch or not pa.types.is_string(column.type):
            return self.each(column, others)
        small = small_letters(column)
        shown = by_formats(small, self.patterns, self.names) if self.patterns else by_known(small, self.reader)
        where, microseconds = microseconds_of(shown, *self._zones(len(column), others))
        values = pa.array(microseconds, pa.int64(), mask=~where).cast(arrow_type(self.step.gives))
        reasons = pa.nulls(len(column), pa.string())
        left = pc.and_(pa.array(~where), pc.is_valid(column))
        if not pc.any(left, min_count=0).as_py():
            return Cleaned(values=values, reasons=reasons)
        rest = self.each(column.filter(left), {name: other.filter(left) for name, other in others.items()})
        return Cleaned(
            values=pc.replace_with_mask(values, left, rest.values),
            reasons=pc.replace_with_mask(reasons, left, rest.reasons),
        )

    def _zones(self, length: int, others: Mapping[str, pa.Array]) -> tuple[list[str | None], Any]:
        """(names of zones, for each row the place of its own)."""
        np = numpy("parse_timestamp")
        if self.step.zone is None:
            return [self.step.default], np.zeros(length, dtype=np.int64)
        encoded = text(others[self.step.zone.name], step=self.step.name).dictionary_encode()
        names = [zone_of(written, self.step.default) for written in (*encoded.dictionary.to_pylist(), None)]
        codes = encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        return names, codes.astype(np.int64)

    def __reduce__(self) -> tuple[object, ...]:
        return (MomentColumn, (self.step,))


def zone_of(row_zone: str | None, default: str | None) -> str | None:
    """The name of the row's zone, or else of the default one."""
    return (row_zone or "").strip(AROUND) or default


def date_part(written: str) -> str:
    """The date in a text with a time, or nothing."""
    small = WEEKDAY.sub("", written.strip(AROUND).lower(), count=1)
    found = COMPACT.fullmatch(small) or WITH_TIME.fullmatch(small)
    return found["date"] if found else ""


def parsed(
    written: str,
    row_zone: str | None = None,
    *,
    step: ParseTimestamp,
    reader: DateReader,
    patterns: tuple[tuple[str, re.Pattern[str]], ...],
    names: MonthNames,
) -> tuple[datetime | None, str | None]:
    """One moment: (moment in UTC, reason)."""
    bare = written.strip(AROUND)
    if not bare:
        return None, None
    small = bare.lower()
    if step.epoch and SINCE_EPOCH.fullmatch(small):
        return _since_epoch(Decimal(small), step.epoch)
    found, reason = (
        _by_formats(small, patterns, names) if patterns else _by_known(small, reader, is_fitted=step.is_fitted)
    )
    if reason or found is None:
        return None, reason
    day, clock = found
    if clock.offset is not None:
        return moment(day, clock, None)
    name = zone_of(row_zone, step.default)
    zone = zone_named(name) if name else None
    if name and zone is None:
        return None, "no zone of that name: one like Europe/Berlin is needed"
    return moment(day, clock, zone)


def _by_known(small: str, reader: DateReader, *, is_fitted: bool) -> tuple[tuple[date, Clock] | None, str | None]:
    weekday = WEEKDAY.match(small)
    text = small[weekday.end() :] if weekday else small
    if compact := COMPACT.fullmatch(text):
        written, parts = compact["date"], compact.groupdict()
    elif (split := WITH_TIME.fullmatch(text)) and (time := TIME.fullmatch(split["time"].rstrip())):
        written, parts = split["date"].rstrip(","), time.groupdict()
    elif split:
        return None, "no time of day as people write it"
    elif SINCE_EPOCH.fullmatch(text):
        return None, "a number: seconds since 1970 have to be declared"
    else:
        return None, "the time of day is missing" if reader.dates(text)[0] else "not a time in a form that is known"
    if parts.get("abbreviation"):
        return None, f"{parts['abbreviation'].upper()} is no offset: more than one zone is called so"
    days, impossible = reader.dates(written)
    if len(days) != 1:
        if days and is_fitted:
            return None, "day and month can't be told apart in this column"
        told_apart = " or ".join(f"{told(day)} ({format})" for day, format in days.items())
        return None, told_apart or impossible or "not a date in a form that is known"
    day = next(iter(days))
    if weekday and WEEKDAYS[day.weekday()][:3] != weekday[1][:3]:
        return None, f"{told(day)} was a {WEEKDAYS[day.weekday()].capitalize()}"
    clock = clock_of(parts)
    return (None, clock.reason) if clock.reason else ((day, clock), None)


def _by_formats(
    small: str, patterns: tuple[tuple[str, re.Pattern[str]], ...], names: MonthNames
) -> tuple[tuple[date, Clock] | None, str | None]:
    readings: dict[tuple[date, Clock], str] = {}
    impossible = None
    for format, pattern in patterns:
        if not (match := pattern.fullmatch(small)):
            continue
        parts = match.groupdict()
        month = (
            names.short.get(parts.get("b") or "") or names.full.get(parts.get("B") or "") or int(parts.get("m") or 0)
        )
        year, day = int(parts["Y"]), int(parts["d"])
        clock = clock_of(parts)
        try:
            if clock.reason:
                impossible = impossible or clock.reason
            else:
                readings.setdefault((date(year, month, day), clock), format)
        except ValueError:
            impossible = impossible or why_impossible(year, month, day)
    if len(readings) == 1:
        return next(iter(readings)), None
    if readings:
        return None, " or ".join(f"{told(day)} ({format})" for (day, _), format in readings.items())
    return None, impossible or f"does not fit {' or '.join(format for format, _ in patterns)}"


def _since_epoch(number: Decimal, unit: str) -> tuple[datetime | None, str | None]:
    microseconds = number * MICROSECONDS[unit]
    if microseconds != microseconds.to_integral_value():
        return None, "more digits than microseconds"
    try:
        return EPOCH + timedelta(microseconds=int(microseconds)), None
    except OverflowError:
        return None, "outside the years 1 to 9999"

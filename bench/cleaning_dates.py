"""How much faster a column of dates is read than date by date with dateutil, all of them different, in the same run.

    python bench/cleaning_dates.py

Seconds of one core. The peer is told the order of day and month, as the step is; where the step is told nothing, it
also counts what the column proves, which the peer does not. Both give the same dates. Times without an offset are of a
zone that the step is told; the peer reads them only, and the conversion to UTC is not in its seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
from dateutil import parser

from pumphouse.cleaning import parse_date, parse_timestamp
from pumphouse.cleaning.dates.proof import Proof
from pumphouse.cleaning.step import Resources

ROWS, ROWS_ONE_BY_ONE, TIMES_AT_LEAST = 500_000, 20_000, 15
FIRST_DAY, FIRST_MOMENT = date(1000, 1, 1), datetime(2001, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
DATES = ("%d/%m/%Y", "%d %b %Y", "%B %d, %Y")
MOMENTS = (
    # as it is written; the formats that are declared; whether the zone is
    ("%Y-%m-%dT%H:%M:%S+00:00", (), False),
    ("%Y-%m-%d %H:%M:%S", (), True),
    ("%a, %d %b %Y %H:%M:%S +0000", (), False),
    ("%d/%m/%Y %H:%M:%S", ("%d/%m/%Y %H:%M:%S",), True),
    ("%m/%d/%Y %I:%M:%S %p", ("%m/%d/%Y %I:%M:%S %p",), True),
)


def main() -> None:
    days = [FIRST_DAY + timedelta(days=number) for number in range(ROWS)]
    for format in DATES:
        reads = parse_date(format).load(Resources())
        column = pa.array([day.strftime(format) for day in days])
        told(f"dates as {format}", column, lambda: reads(column, {}).values, dayfirst=True)  # noqa: B023  # called at once

    column, tight = (pa.array([day.strftime(format) for day in days]) for format in ("%d/%m/%Y", "%d%m%Y"))
    learnt = parse_date()

    def learn_and_read() -> pa.Array:
        proof = Proof(learnt.reader())
        proof.add(column)
        return learnt.fitted(proof.rows("parse_date", "day")).load(Resources())(column, {}).values

    told("dates whose order is learnt first", column, learn_and_read, dayfirst=True)
    reads_tight = parse_date("%d%m%Y").load(Resources())
    # dateutil takes such numbers for another date; it reads the same days with a mark between.
    told("dates as %d%m%Y", tight, lambda: reads_tight(tight, {}).values, dayfirst=True, theirs=column)

    moments = [FIRST_MOMENT + timedelta(seconds=977 * number) for number in range(ROWS)]
    for format, formats, has_zone in MOMENTS:
        step = parse_timestamp(*formats, default=ZONE.key if has_zone else None).load(Resources())
        stamps = pa.array([moment.strftime(format) for moment in moments])
        told(
            f"moments as {format}",
            stamps,
            lambda: step(stamps, {}).values,  # noqa: B023  # called at once
            dayfirst=format.startswith("%d"),
        )


def told(
    what: str, column: pa.Array, ours: Callable[[], pa.Array], *, dayfirst: bool, theirs: pa.Array | None = None
) -> None:
    cells = (column if theirs is None else theirs)[:ROWS_ONE_BY_ONE].to_pylist()
    started = time.process_time()
    read = [parser.parse(cell, dayfirst=dayfirst) for cell in cells]
    one_by_one = len(cells) / (time.process_time() - started)
    started = time.process_time()
    values = ours()
    as_a_column = len(column) / (time.process_time() - started)
    check(values, read)
    ratio = as_a_column / one_by_one
    print(f"{what}, {len(column):,} different ones: {as_a_column:,.0f} rows/s;", end=" ")
    print(f"dateutil {one_by_one:,.0f} rows/s; ratio {ratio:.1f} (at least {TIMES_AT_LEAST})")


def check(values: pa.Array, read: list[datetime]) -> None:
    """The same as the peer's. Null is only a time that clocks showed twice, or never."""
    found = values[: len(read)].to_pylist()
    if pa.types.is_date(values.type):
        assert values.null_count == 0
        assert found == [one.date() for one in read]
        return
    assert values.null_count <= len(values) / 1000
    for value, one in zip(found, read, strict=True):
        local = one if one.tzinfo else one.replace(tzinfo=ZONE)
        assert value == local.astimezone(UTC) or (value is None and is_change(local))


def is_change(local: datetime) -> bool:
    return local.utcoffset() != local.replace(fold=1).utcoffset()


if __name__ == "__main__":
    main()

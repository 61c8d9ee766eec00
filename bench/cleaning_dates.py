"""How much faster a column of dates is read than date by date with dateutil, all of them different, in the same run.

    python bench/cleaning_dates.py

Seconds of one core. The peer is told the order of day and month, as the step is; where the step is told nothing, it
also counts what the column proves, which the peer does not. Both give the same dates.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from dateutil import parser

from pumphouse.cleaning import parse_date, parse_timestamp
from pumphouse.cleaning.dates.proof import Proof
from pumphouse.cleaning.step import Resources

ROWS, ROWS_ONE_BY_ONE, TIMES_AT_LEAST = 500_000, 20_000, 15
FIRST_DAY, FIRST_MOMENT = date(1000, 1, 1), datetime(2001, 1, 1, tzinfo=UTC)


def main() -> None:
    days = [FIRST_DAY + timedelta(days=number) for number in range(ROWS)]
    declared = parse_date("%d/%m/%Y").load(Resources())
    column = pa.array([day.strftime("%d/%m/%Y") for day in days])
    told("dates of one format", column, lambda: declared(column, {}).values, dayfirst=True)

    learnt = parse_date()

    def learn_and_read() -> pa.Array:
        proof = Proof(learnt.reader())
        proof.add(column)
        return learnt.fitted(proof.rows("parse_date", "day")).load(Resources())(column, {}).values

    told("dates whose order is learnt first", column, learn_and_read, dayfirst=True)

    moments = [FIRST_MOMENT + timedelta(seconds=977 * number) for number in range(ROWS_ONE_BY_ONE)]
    stamps = pa.array([moment.isoformat() for moment in moments])
    reads = parse_timestamp().load(Resources())
    told("moments", stamps, lambda: reads(stamps, {}).values, dayfirst=False)


def told(what: str, column: pa.Array, ours: Callable[[], pa.Array], *, dayfirst: bool) -> None:
    cells = column[:ROWS_ONE_BY_ONE].to_pylist()
    started = time.process_time()
    theirs = [parser.parse(cell, dayfirst=dayfirst) for cell in cells]
    one_by_one = len(cells) / (time.process_time() - started)
    started = time.process_time()
    values = ours()
    as_a_column = len(column) / (time.process_time() - started)
    assert values.null_count == 0
    found = values[:ROWS_ONE_BY_ONE].to_pylist()
    assert found == [cell if isinstance(found[0], datetime) else cell.date() for cell in theirs]
    ratio = as_a_column / one_by_one
    print(f"{what}, {len(column):,} different ones: {as_a_column:,.0f} rows/s;", end=" ")
    print(f"dateutil {one_by_one:,.0f} rows/s; ratio {ratio:.1f} (at least {TIMES_AT_LEAST})")


if __name__ == "__main__":
    main()

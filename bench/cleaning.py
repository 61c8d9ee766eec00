"""How much faster a column of telephone numbers is cleaned than number by number, in the same run.

    python bench/cleaning.py

A table has the same numbers again and again: here a million rows of 20,000 different ones, as orders have customers.
The peer parses and formats each cell with the same library, and does none of the checks that decline a cell.
"""

from __future__ import annotations

import time
from random import Random

import phonenumbers
import pyarrow as pa

from pumphouse.cleaning import e164
from pumphouse.cleaning.step import Resources

ROWS, NUMBERS, ROWS_ONE_BY_ONE, BATCH_ROWS = 1_000_000, 20_000, 20_000, 50_000


def main() -> None:
    random = Random(1)
    numbers = [
        f"({random.choice((212, 310, 415, 602))}) 555-{number % 10_000:04} x{number}" for number in range(NUMBERS)
    ]
    cells = random.choices(numbers, k=ROWS)

    started = time.perf_counter()
    for cell in cells[:ROWS_ONE_BY_ONE]:
        phonenumbers.format_number(phonenumbers.parse(cell, "US"), phonenumbers.PhoneNumberFormat.E164)
    one_by_one = ROWS_ONE_BY_ONE / (time.perf_counter() - started)

    column = pa.chunked_array([pa.array(cells[place : place + BATCH_ROWS]) for place in range(0, ROWS, BATCH_ROWS)])
    cleaner = e164(default="US").load(Resources())
    started = time.perf_counter()
    cleaned = [cleaner(batch, {}) for batch in column.chunks]
    as_a_column = ROWS / (time.perf_counter() - started)
    assert sum(part.values.null_count for part in cleaned) == 0

    print(f"e164, {ROWS:,} rows of {NUMBERS:,} different numbers: {as_a_column:,.0f} rows/s;", end=" ")
    print(f"one by one {one_by_one:,.0f} rows/s; ratio {as_a_column / one_by_one:.1f}")


if __name__ == "__main__":
    main()

"""What reading a column of numbers or amounts takes, beside Python's float or Decimal value by value, in the same run.

    python bench/cleaning_numbers.py

Seconds of one core, all values different. The peer is told the marks, takes them out and asks no question; the steps
decline what has two readings or more digits than they hold, and keep the currency.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

from pumphouse.cleaning import money, number
from pumphouse.cleaning.step import Resources, Step

ROWS, MICROSECONDS_AT_MOST = 500_000, 5.0


def main() -> None:
    amounts = [f"{place * 7.25:,.2f}" for place in range(ROWS)]
    told("number", number(), [one.replace(",", "") for one in amounts], float)
    told("number with thousands", number(decimal="."), amounts, lambda one: float(one.replace(",", "")))
    continental = str.maketrans({",": ".", ".": ","})
    euros = [f"{one.translate(continental)} EUR" for one in amounts]
    told(
        "money",
        money(decimal=","),
        euros,
        lambda one: Decimal(one.removesuffix(" EUR").replace(".", "").replace(",", ".")),
    )


def told(what: str, step: Step, cells: list[str], peer: Callable[[str], float | Decimal]) -> None:
    started = time.process_time()
    theirs = [peer(cell.strip()) for cell in cells]
    one_by_one = (time.process_time() - started) / len(cells) * 1e6
    column, reads = pa.array(cells), step.load(Resources())
    started = time.process_time()
    values = reads(column, {}).values
    as_a_column = (time.process_time() - started) / len(cells) * 1e6
    assert values.to_pylist() == theirs
    print(f"{what}, {len(cells):,} different ones: {as_a_column:.2f} microseconds each", end=" ")
    print(f"(at most {MICROSECONDS_AT_MOST:.0f});", end=" ")
    print(f"{peer_of(theirs)} {one_by_one:.2f}; ratio {one_by_one / as_a_column:.2f}")


def peer_of(values: list[float | Decimal]) -> str:
    return f"Python's {type(values[0]).__name__}"


if __name__ == "__main__":
    main()

"""CDNOW's purchases as they stand in the two committed files, one line a purchase."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).resolve().parent.parent
FILE_PART = EXAMPLES / "shop" / "cdnow" / "purchases.txt.gz"
"""Purchases up to SPLIT_DAY: what the shop hands over as a file."""
API_PART = EXAMPLES / "shop_world" / "later_purchases.txt.gz"
"""Purchases after SPLIT_DAY: what the shop's API serves."""
SPLIT_DAY = date(1997, 12, 31)


class Purchase(NamedTuple):
    """One line of CDNOW_master.txt; US cents. A customer may have two equal lines on a day: both are purchases."""

    customer_id: int
    day: date
    cds: int
    cents: int


def read(path: Path) -> list[Purchase]:
    """The purchases of one file, in its order: by customer, then by day."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        return [parse(line) for line in lines]


def parse(line: str) -> Purchase:
    """One line, ` 00002 19970112  5   77.00`: customer, day, number of CDs, dollars."""
    customer, day, cds, dollars = line.split()
    whole, hundredths = dollars.split(".")
    return Purchase(int(customer), date.fromisoformat(day), int(cds), int(whole) * 100 + int(hundredths))


def first_days() -> dict[int, date]:
    """The day of each customer's first purchase. All 23,570 first bought in the first quarter of 1997."""
    days: dict[int, date] = {}
    for purchase in read(FILE_PART):
        days.setdefault(purchase.customer_id, purchase.day)
    return days

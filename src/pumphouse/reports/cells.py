"""How values read on a page: thousands set apart, days by name of month, what is missing as a dash."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pumphouse.engines.python_values import python_values

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
DECIMALS_MAX = 6
SHORT_LENGTH_MAX = 28

EXACT_MAX = 1e15
"""From here on a fraction's digits are no longer all true, and it is written as a power of ten."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_ACRONYMS = frozenset(
    (
        "api",
        "csv",
        "eur",
        "gbp",
        "html",
        "http",
        "id",
        "ip",
        "isbn",
        "pdf",
        "sku",
        "sql",
        "uk",
        "url",
        "us",
        "usd",
        "vat",
    )
)
_NO_AMOUNT = re.compile(r"(?:.*_)?(?:id|year|zip|postcode)", re.IGNORECASE)
"""Numbers that name something: no thousands are set apart in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as it is shown: its label, one text for each value (None where there is none), and how they are set."""

    name: str
    label: str
    texts: tuple[str | None, ...]
    setting: Literal["number", "short", "long"]
    """A number aligns right; a short text stays on one line."""


def shown(name: str, values: pa.ChunkedArray, *, zone: str) -> Column:
    """The column's texts. Fractions of one column have as many decimals; moments are in `zone`.

    A column whose moments all begin a day, as weeks and months do, reads as days.
    """
    import pyarrow as pa

    kind = values.type
    cells = python_values(values)
    if pa.types.is_decimal(kind):
        decimals = max(0, kind.scale)
    elif pa.types.is_floating(kind):
        decimals = _decimals(cells)
    else:
        decimals = 0
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    grouped = not _NO_AMOUNT.fullmatch(name)
    if pa.types.is_timestamp(kind) and all(_begins_a_day(cell, zone) for cell in cells if cell is not None):
        cells = [_local(cell, zone).date() if isinstance(cell, datetime) else cell for cell in cells]
    texts = tuple(
        None if cell is None else _number(cell, decimals, grouped=grouped) if is_number else text(cell, zone=zone)
        for cell in cells
    )
    longest = max((len(cell) for cell in texts if cell), default=0)
    setting: Literal["number", "short", "long"] = (
        "number" if is_number else "short" if longest <= SHORT_LENGTH_MAX else "long"
    )
    return Column(name=name, label=label(name), texts=texts, setting=setting)


def label(name: str) -> str:
    """A column's name as words: `amount_usd` reads "Amount USD". A name with capitals or spaces is left as it is."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        return name
    words = [word.upper() if word in _ACRONYMS else word for word in name.split("_") if word]
    joined = " ".join(words) or name
    return joined[0].upper() + joined[1:]


def text(value: Any, *, zone: str) -> str:  # any value Arrow can hold
    """One value that is no number, as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value, zone=zone)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def day(value: date) -> str:
    """A day as people write it: "2 Jan 2026"."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime, *, zone: str) -> str:
    """A moment to the minute, or to the second where it has some: "2 Jan 2026, 07:05"."""
    local = _local(value, zone)
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{day(local)}, {clock}"


def _local(value: datetime, zone: str) -> datetime:
    return value.astimezone(ZoneInfo(zone)) if value.tzinfo else value


def _begins_a_day(value: datetime | str, zone: str) -> bool:
    return isinstance(value, datetime) and _local(value, zone).time() == time()


def _number(value: int | float | Decimal, decimals: int, *, grouped: bool) -> str:
    if isinstance(value, int):
        return (f"{value:,}" if grouped else str(value)).replace("-", MINUS)
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    if isinstance(value, float) and abs(value) >= EXACT_MAX:
        return f"{value:.6g}".replace("-", MINUS)
    written = f"{value:,.{decimals}f}" if grouped else f"{value:.{decimals}f}"
    return written.replace("-", MINUS) if written.strip("-0.,") else written.lstrip("-")


def _decimals(values: list[float | None]) -> int:
    """None where all are whole; two where the largest is 1 or more; else enough for three digits of the largest."""
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    if all(value == int(value) for value in finite):
        return 0
    largest = max(finite)
    return 2 if largest >= 1 else min(DECIMALS_MAX, 2 - math.floor(math.log10(largest)))

"""A visit that begins a lag before its cursor, for rows that come late: in the words in which the source wrote it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from pumphouse.declare.sources import Lag
from pumphouse.errors import ConfigError
from pumphouse.sources.fetch import Visit


def begin_before(visit: Visit, lag: Lag) -> None:
    """Let a live visit begin so far before its cursor. Raises ConfigError where that is not of the lag's kind."""
    if lag is not None and visit.recorded is None:
        visit.begins = before(visit.cursor, lag, asset=visit.asset)


def before(cursor: Any, lag: timedelta | float, *, asset: str) -> Any:  # a number or text, or None before the first run
    """The cursor less the lag: `before("2024-01-02 09:00", timedelta(hours=1)) == "2024-01-02 08:00:00"`.

    Of a day it is a day, never a later one. Raises ConfigError for a lag of hours before a number, and the reverse.
    """
    if cursor is None:
        return None
    if isinstance(lag, timedelta):
        moved = _earlier(cursor, lag) if isinstance(cursor, str) else None
        if moved is None:
            raise ConfigError(
                f"the lag of '{asset}' is a time, and its cursor is {cursor!r}", asset=asset, mend="Give it a number."
            )
        return moved
    if isinstance(cursor, int | float):
        return cursor - lag
    try:
        return str(Decimal(cursor) - Decimal(str(lag)))
    except InvalidOperation:
        raise ConfigError(
            f"the lag of '{asset}' is a number, and its cursor is {cursor!r}",
            asset=asset,
            mend="Give it a time: lag='1h'.",
        ) from None


def _earlier(text: str, lag: timedelta) -> str | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        moved = time - lag
    except OverflowError:
        moved = datetime.min.replace(tzinfo=time.tzinfo)
    if len(text) == len("2024-01-02"):
        return moved.date().isoformat()
    fraction = len(text.partition(".")[2].rstrip("Z").split("+")[0].split("-")[0])
    precision = "microseconds" if fraction > 3 else "milliseconds" if fraction else "seconds"
    written = moved.isoformat(sep="T" if "T" in text else " ", timespec=precision)
    return written.replace("+00:00", "Z") if text.endswith("Z") else written

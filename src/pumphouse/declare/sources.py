"""Declaring a function as a source, and how what any source brings meets what is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pumphouse.declare.asset import Common, Declaration, names, place_of_function, time_of, with_brackets
from pumphouse.declare.layouts import layout_of

Mode = Literal["replace", "append", "upsert", "compare"]


def mode(*, key: tuple[str, ...], cursor: str | None) -> Mode:
    """How what was fetched meets what is there.

    Key and cursor upsert, a cursor alone appends, a key alone compares the whole, neither replaces.
    """
    if cursor:
        return "upsert" if key else "append"
    return "compare" if key else "replace"


Lag = timedelta | float | None
"""How far before its cursor a source is read again, for rows that come late: a time, or a number; None: not at all."""
_UNITS = {"s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days"}


def lag_of(given: Any, *, cursor: str | None, of: str) -> Lag:  # whatever a person wrote
    """A declared lag: `lag_of("1h", cursor="at", of="a source") == timedelta(hours=1)`. Raises TypeError for no lag."""
    if given is not None and not cursor:
        raise TypeError(f"{of} has a lag and no cursor that it could be before")
    if given is None or (isinstance(given, int | float) and not isinstance(given, bool) and given >= 0):
        return given
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", given) if isinstance(given, str) else None
    if found is None:
        raise TypeError(f"{of} has lag={given!r}; it is like '90s', '5m', '1h', '2d', or a number")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSource:
    """Spec of kind "source": a generator function over services."""

    connection: str | None
    cursor: str | None
    lag: Lag
    history: bool


@with_brackets
def source(
    *,
    connection: str | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    lag: str | float | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
) -> Callable[[Callable[..., Any]], Declaration]:
    """A decorator for a generator function that yields rows (dicts, lists of dicts, Arrow) of an outside system.

    `key` and `cursor` upsert, a `cursor` alone appends, a `key` alone compares the whole, neither replaces.
    `lag` ("1h", or a number) is how far before the cursor it is read again, for rows that come late.
    `history=True` keeps every version of a key. `time` names the columns of the event's time and of when it was known.
    `connection` names one of pumphouse.toml, `every` says when to look again: "1h", "day at 02:00". `layout` says how
    rows lie in the table's files, as of `ph.table`.

    For example:

        @ph.source(connection="shop_api", key="order_id", cursor="updated_at", time={"event": "paid_at"}, every="1h")
        def raw_orders(http: ph.Http, since: ph.Cursor):
            '''Orders of the shop's API. One row per order; US cents.'''
            yield from http.pages("/orders", params={"since": since})
    """

    late = lag_of(lag, cursor=cursor, of="a source")

    def declare(function: Callable[..., Any]) -> Declaration:
        return Declaration(
            kind="source",
            spec=FunctionSource(connection=connection, cursor=cursor, lag=late, history=history),
            common=Common(
                doc=(function.__doc__ or "").strip(),
                key=names(key),
                time=time_of(time),
                every=every,
                layout=layout_of(layout),
            ),
            place=place_of_function(function),
            function=function,
        )

    return declare

"""Declaring a function as a source, and how what any source brings meets what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import Common, Declaration, Time, names, place_of_function, with_brackets

Mode = Literal["replace", "append", "upsert", "compare"]


def mode(*, key: tuple[str, ...], cursor: str | None) -> Mode:
    """How what was fetched meets what is there.

    Key and cursor upsert, a cursor alone appends, a key alone compares the whole, neither replaces.
    """
    if cursor:
        return "upsert" if key else "append"
    return "compare" if key else "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSource:
    """Spec of kind "source": a generator function over services."""

    connection: str | None
    cursor: str | None
    history: bool


@with_brackets
def source(
    *,
    connection: str | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
) -> Callable[[Callable[..., Any]], Declaration]:
    """A decorator for a generator function that yields rows (dicts, lists of dicts, Arrow) of an outside system.

    `key` and `cursor` upsert, a `cursor` alone appends, a `key` alone compares the whole, neither replaces.
    `history=True` keeps every version of a key. `time` names the columns of the event's time and of when it was known.
    `connection` names one of pumphouse.toml, `every` says when to look again: "1h", "day at 02:00".

    For example:

        @ph.source(connection="shop_api", key="order_id", cursor="updated_at", time={"event": "paid_at"}, every="1h")
        def raw_orders(http: ph.Http, since: ph.Cursor):
            '''Orders of the shop's API. One row per order; US cents.'''
            yield from http.pages("/orders", params={"since": since})
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        return Declaration(
            kind="source",
            spec=FunctionSource(connection=connection, cursor=cursor, history=history),
            common=Common(doc=(function.__doc__ or "").strip(), key=names(key), time=Time(**(time or {})), every=every),
            place=place_of_function(function),
            function=function,
        )

    return declare

"""Declaring tables that are made from other tables, and what must hold of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import (
    Common,
    Declaration,
    Slice,
    names,
    place_of_caller,
    place_of_function,
    time_of,
    with_brackets,
)
from pumphouse.declare.checks import Condition, FailingRows, Fresh, RowCount, Steady, others_read
from pumphouse.declare.layouts import layout_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """Spec of kind "sql": a `.sql` file of the project."""

    text: str
    slice: Slice | None = None
    reads: tuple[str, ...] | None = None
    """Declared edges, for text that the parser can't read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Spec of kind "table": a Python function from tables to a table."""

    slice: Slice | None = None
    memory_bytes_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Spec of kind "check": what must be true of a table."""

    asset: str
    condition: Condition
    severity: Literal["error", "warn"]
    where: str | None = None
    """Only rows that meet this are looked at."""
    mostly: float = 1.0
    """The share of the rows looked at that has to pass."""


def slice_of(text: str, *, lookback: int = 0) -> Slice:
    """The slice that `"paid_at by day"` means. Raises ValueError with the forms that exist."""
    found = re.fullmatch(r"\s*(\w+)\s+by\s+(hour|day|week|month)\s*", text)
    if not found:
        raise ValueError(f"slice '{text}' is not of the form '<column> by hour|day|week|month'")
    unit = found[2]
    return Slice(column=found[1], unit=unit, lookback=lookback)  # type: ignore[arg-type]  # the pattern allows only these


@with_brackets
def table(
    *,
    key: str | tuple[str, ...] | None = None,
    slice: str | None = None,
    time: Mapping[str, str] | None = None,
    required: str | tuple[str, ...] | None = None,
    memory_bytes_max: int | None = None,
    timeout_s: float | None = None,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
) -> Callable[[Callable[..., Any]], Declaration]:
    """A decorator for a function from tables to a table. Its parameters are the names of what it reads.

    It may return a frame (polars, pandas, Arrow), a lazy frame or a DuckDB relation, or yield Arrow batches. It runs in
    a process of its own, which may take `timeout_s` seconds and `memory_bytes_max` bytes. A parameter's annotation says
    in which form it comes: pl.LazyFrame, pl.DataFrame, pd.DataFrame, pa.Table, pa.RecordBatchReader; without one it is
    a DuckDB relation.

    `layout` says how its rows lie in files: `{"sort_by": "paid_at", "partition_by": "year(paid_at)"}`.

    For example:

        @ph.table(key="customer_id")
        def last_orders(orders: pl.LazyFrame):
            '''One row per customer: the day of the last order.'''
            return orders.group_by("customer_id").agg(pl.col("paid_at").max())
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        return Declaration(
            kind="table",
            spec=Table(slice=slice_of(slice) if slice else None, memory_bytes_max=memory_bytes_max),
            common=Common(
                doc=(function.__doc__ or "").strip(),
                key=names(key),
                required=names(required),
                time=time_of(time),
                timeout_s=timeout_s,
                layout=layout_of(layout),
            ),
            place=place_of_function(function),
            function=function,
        )

    return declare


def check(
    asset: str,
    condition: Condition,
    *,
    severity: Literal["error", "warn"] = "error",
    where: str | None = None,
    mostly: float = 1.0,
    doc: str = "",
) -> Declaration:
    """What must be true of a table: a condition in SQL on each row, where null passes, or a rule of `pumphouse.checks`.

    It runs inside the commit: "error" leaves the version before standing, "warn" reports; both keep the rows that
    failed in `<table>__failed`. Only rows that meet `where` are looked at, and at least the share `mostly` of them has
    to pass.

    For example:

        no_negative = ph.check("orders", "amount_usd >= 0", severity="warn")
        one_each = ph.check("orders", unique("order_id"))
    """
    if severity not in ("error", "warn"):
        raise ValueError(f"severity is 'error' or 'warn', not '{severity}'")
    if not 0 < mostly <= 1:
        raise ValueError(f"mostly is a share of the rows, above 0 and up to 1, not {mostly}")
    if where is not None and isinstance(condition, FailingRows):
        raise ValueError("a query says itself which rows it looks at; leave where out")
    if mostly < 1 and isinstance(condition, FailingRows | Fresh | RowCount | Steady):
        raise ValueError("mostly is about rules that look at each row")
    return Declaration(
        kind="check",
        spec=Check(asset=asset, condition=condition, severity=severity, where=where, mostly=mostly),
        common=Common(doc=doc),
        place=place_of_caller(),
        inputs=tuple(dict.fromkeys((asset, *others_read(condition)))),
    )

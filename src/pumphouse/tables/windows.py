"""Window functions that reach back a bounded time, so that a slice with its `lookback` holds all they see."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from pumphouse.declare.asset import Slice
from pumphouse.graph.aggregates import is_aggregate

_BY_ROWS = (
    exp.Lag, exp.Lead, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile,
)  # fmt: skip
"""Functions that count rows and pay no heed to the frame: the row before may be any time ago."""

_DAYS = {"DAY": 1, "WEEK": 7}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_HOURS_MIN = {"HOUR": 1, "DAY": 22, "WEEK": 166, "MONTH": 28 * 24 - 2}
_HOURS_MAX = {"SECOND": 1 / 3600, "MINUTE": 1 / 60, "HOUR": 1, "DAY": 26, "WEEK": 170, "MONTH": 31 * 24 + 2}
"""Units in hours, where clocks that change by two hours at most make days shorter or longer."""


def beyond(window: exp.Window, slice: Slice, *, is_column: Callable[[exp.Expression], bool]) -> str | None:
    """Why a window function may see more than a slice and the `lookback` slices before it; None where it can't.

    It can't where it is an aggregate, or the first, last or nth value, over a frame by the slice's own column:
    `ORDER BY day RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW`. `is_column` knows that column.
    """
    if not slice.lookback:
        return "its frame isn't bounded by a lookback"
    function = window.this
    while isinstance(function, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
        function = function.this
    if isinstance(function, _BY_ROWS) or not is_aggregate(function):
        return "it counts rows, whenever they were"
    order = window.args["order"].expressions if window.args.get("order") else []
    if len(order) != 1 or order[0].args.get("desc") or not is_column(order[0].this):
        return "it isn't ordered by that column alone, upwards"
    frame = window.args.get("spec")
    if frame is None or frame.args.get("kind") != "RANGE" or frame.args.get("start_side") != "PRECEDING":
        return "its frame isn't RANGE BETWEEN INTERVAL ... PRECEDING AND CURRENT ROW"
    if frame.args.get("end") not in (None, "CURRENT ROW") and frame.args.get("end_side") != "PRECEDING":
        return "its frame reaches later rows"
    if not _fits(frame.args["start"], slice):
        return f"its frame reaches back further than {slice.lookback} {slice.unit}s, or that can't be told"
    return None


def _fits(interval: object, slice: Slice) -> bool:
    """Whether an interval is surely no longer than the slices that are looked back to."""
    if not isinstance(interval, exp.Interval) or interval.args.get("unit") is None:
        return False
    number, unit = interval.this.unnest(), interval.args["unit"].name.upper().removesuffix("S")
    if not isinstance(number, exp.Literal) or not number.name.isdigit():
        return False
    count, back = int(number.name), slice.unit.upper()
    for calendar in (_DAYS, _MONTHS):
        if unit in calendar and back in calendar:
            return count * calendar[unit] <= slice.lookback * calendar[back]
    return unit in _HOURS_MAX and count * _HOURS_MAX[unit] <= slice.lookback * _HOURS_MIN[back]

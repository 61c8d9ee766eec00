"""The questions that cleaning asks of a whole table, as SQL over the input `staged`: fits, and which rows stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa


def fill_query(*, how: str, by: Sequence[str], column: str, kind: pa.DataType) -> str:
    """SQL over the input `staged`: one row for each group, with the group's columns and the value it is filled with."""
    import pyarrow.types as types

    cell = quoted(column)
    groups = [f"group_{place}" for place in range(len(by))]
    listed = "".join(f"{group}, " for group in groups)
    named = "".join(f"{quoted(name)} AS {group}, " for name, group in zip(by, groups, strict=True))
    partition = f"PARTITION BY {', '.join(groups)}" if groups else ""
    values = f"SELECT {named}{cell} AS value FROM staged WHERE {cell} IS NOT NULL"
    if how == "mode":
        values = f"SELECT {listed}value, count(*) AS times FROM ({values}) AS v GROUP BY {listed}value"
        order, wanted = "times DESC, value", "place = 1"
    elif types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_temporal(kind):
        values = f"SELECT {listed}value, count(*) OVER ({partition}) AS times FROM ({values}) AS v"
        order, wanted = "value", "2 * place IN (times, times + 1)"
    else:
        raise BuildError(f"'{column}' has no median: its type is {kind}", mend="Fill it with its mode: fill('mode').")
    placed = (
        f"SELECT {listed}value, times, row_number() OVER ({partition} ORDER BY {order}) AS place FROM ({values}) AS w"
    )
    return f"SELECT {listed}value FROM ({placed}) AS p WHERE {wanted}"


def forward_query(
    *,
    column: str,
    by: Sequence[str],
    over: str,
    within_s: int | None,
    columns: Sequence[str],
    kept: Sequence[str],
    key: Sequence[str],
) -> str:
    """SQL over the input `staged`: its rows with the columns `kept`, the gaps of one filled by the last value before.

    A row without a time, or with null in a column of its group, is left as it is, and fills no other.
    """
    cell, moment = quoted(column), quoted(over)
    groups = ", ".join(map(quoted, by))
    # Every column decides in the end, so that the same rows give the same one.
    order = ", ".join(f"{quoted(name)} ASC NULLS LAST" for name in dict.fromkeys([over, *key, *columns]))
    listed = ", ".join(map(quoted, columns))
    partition = f"PARTITION BY {groups}" if groups else ""
    # Each value begins a stretch of rows that goes up to the next one: its first row holds what fills the others.
    before = f"{partition} ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    stretches = f"SELECT {listed}, {moment} AS _moment, count({cell}) OVER ({before}) AS _stretch FROM staged"
    within = f"PARTITION BY {f'{groups}, ' if groups else ''}_stretch ORDER BY {order}"
    lasts = (
        f"SELECT *, first_value({cell}) OVER ({within}) AS _last, first_value(_moment) OVER ({within}) AS _since"
        f" FROM ({stretches}) AS stretches"
    )
    known = [f"{quoted(name)} IS NOT NULL" for name in (*by, over)]
    near = [f"_moment <= _since + INTERVAL {within_s} SECOND"] if within_s else []
    fills = " AND ".join([f"{cell} IS NULL", "_last IS NOT NULL", *known, *near])
    parts = []
    for name in kept:
        parts.append(f"CASE WHEN {fills} THEN _last ELSE {cell} END AS {cell}" if name == column else quoted(name))
        if name == column:
            parts.append(f"coalesce({fills}, FALSE) AS {quoted(f'{column}__filled')}")
    return f"SELECT {', '.join(parts)} FROM ({lasts}) AS lasts"


def profile_query(columns: Sequence[tuple[str, pa.DataType]]) -> str:
    """SQL over the input `staged`: one row with the count, and of each column how many cells, and if all are equal."""
    import pyarrow.types as types

    parts = ["count(*) AS row_count"]
    for place, (name, kind) in enumerate(columns):
        cells = quoted(name)
        comparable = not (types.is_nested(kind) or types.is_binary(kind))
        parts.append(f"count({cells}) AS cells_{place}")
        parts.append(f"{f'min({cells}) = max({cells})' if comparable else 'FALSE'} AS same_{place}")
    return f"SELECT {', '.join(parts)} FROM staged"


def chain_query(steps: int) -> str:
    """SQL over the crosswalks `step_0`, `step_1`, ...: one, where each row leads to the one that stays."""
    parts = []
    for first in range(steps):
        survivor, joins = "c.survivor_id", ""
        for later in range(first + 1, steps):
            # A key that several rows had may lead to itself, or, of rows that went apart, to the smallest.
            onward = f"FROM step_{later} WHERE row_id <> survivor_id GROUP BY row_id"
            onward = f"SELECT row_id, min(survivor_id) AS survivor_id {onward}"
            joins += f" LEFT JOIN ({onward}) AS s{later} ON s{later}.row_id = {survivor}"
            survivor = f"coalesce(s{later}.survivor_id, {survivor})"
        parts.append(
            f"SELECT c.row_id, {survivor} AS survivor_id, c.rule, c.probability, c.gave FROM step_{first} AS c{joins}"
        )
    return " UNION ALL ".join(parts)

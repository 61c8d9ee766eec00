"""What all values of a column prove about its decimal mark, and the choice of the mark that a column is read by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.numbers.reader import MARKS, Number
from pumphouse.cleaning.step import Cleaned, EachValue, Step, text
from pumphouse.cleaning.table_step import FitRow
from pumphouse.engines.parameters import quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged

OPEN = "which decimal mark this column has can't be told"


def learn(staged: Staged, column: str, *, read: Callable[[str], Number], step: str) -> list[FitRow]:
    """How many different values can only have been written with each decimal mark. They are counted batch by batch."""
    staged.require(column)
    if not is_text(staged.rows.schema.field(column).type):
        return []  # what is a number already has a point
    sure: Counter[str] = Counter()
    open_ = 0
    query = staged.query(f"SELECT DISTINCT {quoted(column)} FROM staged WHERE {quoted(column)} IS NOT NULL")
    for batch in staged.engine.read(query):
        for written in text(batch.column(0), step=step).to_pylist():
            number = read(written)
            if number.mark:
                sure[number.mark] += 1
            open_ += number.is_open
    if not sure and not open_:
        return []
    proved = next(iter(sure)) if len(sure) == 1 else None
    return [
        FitRow(
            step=step,
            column=column,
            group=mark,
            value=json.dumps({"read": proved in (mark, None), "values": sure[mark], "open": open_}),
        )
        for mark in MARKS
    ]


def proved(fit: Sequence[FitRow]) -> str | None:
    """The decimal mark of the column, where its values prove one."""
    read = [row.group for row in fit if row.value and json.loads(row.value)["read"]]
    return read[0] if len(read) == 1 else None


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is text, which may have either mark. What is cast to text has a point."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


class NumberColumn:
    """An ArrayFunction that asks `answer(text, *others, decimal=...)`, with a point for columns that are no text."""

    def __init__(self, step: Step, answer: Callable[..., Sequence[Any]], typed: Callable[..., Sequence[Any]]) -> None:
        self.of_text = EachValue(step, answer)
        self.of_numbers = EachValue(step, typed)

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Numbers, what comes out besides, and reasons."""
        return (self.of_text if is_text(column.type) else self.of_numbers)(column, others)

    def __reduce__(self) -> tuple[object, ...]:
        return (NumberColumn, (self.of_text.step, self.of_text.answer, self.of_numbers.answer))

"""What all values of a column prove about its decimal mark, and the choice of the mark that a column is read by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.numbers.columns import Plain, plain_numbers, signs_of
from pumphouse.cleaning.numbers.reader import MARKS, Number
from pumphouse.cleaning.step import Cleaned, EachValue, Step, arrow_type, text
from pumphouse.cleaning.table_step import FitRow
from pumphouse.engines.parameters import quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged

OPEN = "which decimal mark this column has can't be told"


def learn(staged: Staged, column: str, *, read: Callable[[str], Number], step: str) -> list[FitRow]:
    """How many different values can only have been written with each decimal mark. They are counted batch by batch."""
    import pyarrow as pa

    staged.require(column)
    if not is_text(staged.rows.schema.field(column).type):
        return []  # what is a number already has a point
    sure: Counter[str] = Counter()
    open_ = 0
    query = staged.query(f"SELECT DISTINCT {quoted(column)} FROM staged WHERE {quoted(column)} IS NOT NULL")
    for batch in staged.engine.read(query):
        column_of_text = text(batch.column(0), step=step)
        plain = plain_numbers(column_of_text, decimal=None)
        where = plain.where & (signs_of(plain, lambda frame: read(frame).value) != 0)
        for mark, only in plain.only.items():
            sure[mark] += int((where & only).sum())
        for written in column_of_text.filter(pa.array(~where)).to_pylist():
            number = read(written)
            if number.mark:
                sure[number.mark] += 1
            open_ += number.is_open
    sure = +sure
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
    """An ArrayFunction that reads plain numbers all at once, and asks `answer` about the others.

    `whole(plain, others)` gives where it read some, and their values and extras. Columns that are no text have a point.
    """

    def __init__(
        self,
        step: Step,
        answer: Callable[..., Sequence[Any]],
        whole: Callable[[Plain, Mapping[str, pa.Array]], tuple[Any, list[pa.Array]]],
        *,
        decimal: str | None,
    ) -> None:
        self.step, self.answer, self.whole, self.decimal = step, answer, whole, decimal
        self.of_text = EachValue(step, partial(answer, decimal=decimal))
        self.of_numbers = EachValue(step, partial(answer, decimal="."))

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Numbers, what comes out besides, and reasons."""
        import pyarrow as pa
        import pyarrow.compute as pc

        one_by_one = self.of_text if is_text(column.type) else self.of_numbers
        if column.type == arrow_type(self.step.gives):
            return one_by_one(column, others)
        written = text(column, step=self.step.name)
        plain = plain_numbers(written, decimal=self.decimal if is_text(column.type) else ".")
        where, made = self.whole(plain, others)
        reasons = pa.nulls(len(column), pa.string())
        left = pc.and_(pa.array(~where), pc.is_valid(written))
        if pc.any(left, min_count=0).as_py():
            rest = one_by_one(written.filter(left), {name: other.filter(left) for name, other in others.items()})
            columns = zip((*made, reasons), (rest.values, *rest.extra.values(), rest.reasons), strict=True)
            *made, reasons = (pc.replace_with_mask(array, left, its) for array, its in columns)
        return Cleaned(values=made[0], reasons=reasons, extra=dict(zip(self.step.extras, made[1:], strict=True)))

    def __reduce__(self) -> tuple[object, ...]:
        return (_number_column, (self.step, self.answer, self.whole, self.decimal))


def _number_column(step: Step, answer: Any, whole: Any, decimal: str | None) -> NumberColumn:  # Any: as above
    return NumberColumn(step, answer, whole, decimal=decimal)

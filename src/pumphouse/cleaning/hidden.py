"""Columns that a step masks: what a quarantine keeps of them is masked too, or it would be where the secrets gather."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.cleaning.step import ArrayFunction, each_row, text

if TYPE_CHECKING:
    import pyarrow as pa

Hidden = Mapping[str, tuple[ArrayFunction, ...]]
"""By column, the steps with `hides` that it goes through, wherever they stand."""

REASON_KEPT_BACK = "declined; the reason would show what is masked"
WORD = re.compile(r"\w+")
LETTERS_TELLING = 4
"""A word of the cell that long, or with a digit, tells something of it."""


def shown(column: pa.Array, functions: tuple[ArrayFunction, ...]) -> pa.Array:
    """What may be kept of a column: its text after the steps that mask it."""
    for function in functions:
        column = function(column, {}).values
    return text(column, step="mask")


def shown_rows(rows: pa.RecordBatch, hidden: Hidden) -> pa.RecordBatch:
    """Rows with what may be kept of each column."""
    import pyarrow as pa

    columns = [
        shown(column, hidden[name]) if name in hidden else column
        for name, column in zip(rows.schema.names, rows.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def shown_reasons(reasons: pa.Array, originals: pa.Array) -> pa.Array:
    """The reasons, but for those that have a word or a number of the cell in them."""
    import pyarrow as pa

    return each_row([reasons, originals], _shown_reason, pa.string())[0]


def _shown_reason(reason: str, original: str | None) -> tuple[str]:
    return (REASON_KEPT_BACK if _words(reason) & _words(original or "") else reason,)


def _words(written: str) -> set[str]:
    return {
        word.lstrip("0")
        for word in WORD.findall(written.casefold())
        if len(word) >= LETTERS_TELLING or re.search(r"\d", word)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HideCells:
    """Masks the cells that a step over the whole table declined. An engine maps it; it pickles."""

    hidden: Hidden
    output: str

    def __call__(self, cells: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """The same cells, with what may be kept of the originals."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = {name: cells.column(name) for name in cells.schema.names}
        for name, functions in self.hidden.items():
            is_hidden = pc.equal(table["column"], name)
            inside = pc.if_else(is_hidden, table["original"], None)
            quiet = shown_reasons(table["reason"], inside)
            table["reason"] = pc.if_else(is_hidden, quiet, table["reason"])
            table["original"] = pc.if_else(is_hidden, shown(inside, functions), table["original"])
        return {self.output: pa.RecordBatch.from_arrays(list(table.values()), schema=cells.schema)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HideIds:
    """Masks what names rows whose key is masked. An engine maps it; it pickles."""

    columns: tuple[str, ...]
    functions: tuple[ArrayFunction, ...]
    output: str

    def __call__(self, rows: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """The same rows, each named as its masked key is."""
        return {self.output: shown_rows(rows, dict.fromkeys(self.columns, self.functions))}

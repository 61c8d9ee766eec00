"""The forms in which a query's rows are written: exact ones for programs, a table for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import BinaryIO

import msgspec
import pyarrow as pa
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from pumphouse.cli.output import visible
from pumphouse.engines import csv
from pumphouse.engines.parameters import quoted
from pumphouse.engines.python_values import python_rows
from pumphouse_client.tables import Table

NULL = "NULL"
GAP = "  "
CELL_WIDTH_LEAST = 12
"""Cells are cut to no less than this to fit a terminal; columns that have no room even so are left out, and named."""


def first(rows: Table, limit: int | None) -> Table:
    """At most so many of the rows; all of them without a limit."""
    return rows if limit is None else rows.limit(limit)


def write_csv(rows: Table, out: BinaryIO) -> None:
    """Rows as the CSV that deliveries and reports write: a text that a spreadsheet would run gets an apostrophe."""
    with rows.to_batches() as batches:
        csv.write_csv(batches, batches.schema, sink=out)


def write_json(rows: Table, out: BinaryIO) -> None:
    """Rows as a JSON array, each on a line. Decimals are texts, so that no reader rounds them; times are ISO 8601.

    Days at infinity and beyond the years 1 to 9999 are as DuckDB writes them. NaN and infinite numbers are null: JSON
    has no form for them.
    """
    encode = msgspec.json.Encoder().encode
    with _as_text(rows, lambda kind: pa.types.is_interval(kind) or pa.types.is_binary(kind)).to_batches() as batches:
        before = b"[\n"
        for batch in batches:
            for row in python_rows(batch):
                out.write(before + encode(row))
                before = b",\n"
        out.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def write_arrow(rows: Table, out: BinaryIO) -> None:
    """Rows as an Arrow stream, whose schema's metadata names the snapshot."""
    with rows.to_batches() as batches:
        schema = batches.schema.with_metadata({"pumphouse.snapshot": str(rows.snapshot)})
        with pa.ipc.new_stream(out, schema) as stream:
            for batch in batches:
                stream.write_batch(batch.replace_schema_metadata(schema.metadata))


def print_table(rows: Table, *, limit: int) -> None:
    """The first rows as a table, numbers to the right; on a terminal it is cut to fit."""
    to_right = [_is_number(kind) for kind in rows.schema.types]
    found = first(_as_text(rows, lambda kind: True), limit + 1).to_arrow()
    shown = found.slice(0, limit)
    columns = [[_cell(name), *map(_cell, shown[at].to_pylist())] for at, name in enumerate(shown.column_names)]
    widths = [max(map(cell_len, column)) for column in columns]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if console.is_terminal:
        widths = _fitted(widths, room=console.width)
    columns = [
        [_aligned(cell, width, right=right) for cell in column]
        for column, width, right in zip(columns, widths, to_right, strict=False)
    ]
    header, *lines = (GAP.join(cells).rstrip() for cells in zip(*columns, strict=True))
    console.print(Text(header, style="bold"))
    console.print(Text(GAP.join("-" * width for width in widths), style="dim"))
    for line in lines:
        console.print(Text(line))
    said = f"{shown.num_rows:,} row{'' if shown.num_rows == 1 else 's'}"
    more = f"the first {said}, more with --limit" if found.num_rows > limit else said
    console.print(Text(f"({more}; snapshot {rows.snapshot})", style="dim"))
    if left_out := shown.column_names[len(widths) :]:
        console.print(Text(f"(no room for {visible(', '.join(left_out))})", style="dim"))


def _as_text(rows: Table, where: Callable[[pa.DataType], bool]) -> Table:
    """The rows with columns of some types as text, written as DuckDB does."""
    columns = {
        field.name: f"CAST({quoted(field.name)} AS VARCHAR)" if where(field.type) else quoted(field.name)
        for field in rows.schema
    }
    return rows.select(**columns)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cell(text: str | None) -> str:
    return NULL if text is None else visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _aligned(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1) + "…"
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding


def _fitted(widths: Sequence[int], *, room: int) -> list[int]:
    """Widths with which the columns fit, the widest cut first; fewer of them where there is no room for all."""
    for most in range(min(max(widths), room), CELL_WIDTH_LEAST, -1):
        cut = [min(width, most) for width in widths]
        if sum(cut) + len(GAP) * (len(cut) - 1) <= room:
            return cut
    cut = [min(width, CELL_WIDTH_LEAST) for width in widths]
    ends = accumulate(cut, lambda end, width: end + len(GAP) + width)
    return cut[: max(1, sum(end <= room for end in ends))]

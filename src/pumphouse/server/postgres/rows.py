"""Rows as they are sent, put together from the columns of Arrow batches: no Python runs for a row or a cell.

What is of one size in every row stands in one array of structs; between such arrays stands what differs. Arrow joins
them row by row, and the memory of the joined column is the messages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pumphouse.errors import BadRequest
from pumphouse.server.postgres.binary import binary_array_cells, binary_cells
from pumphouse.server.postgres.cells import Cells, Fixed, as_binary, joined, varied
from pumphouse.server.postgres.moments import Zone
from pumphouse.server.postgres.text import array_text, json_of, text_of
from pumphouse.server.postgres.types import Column, stored

SLICE_ROWS_MAX = 16_384
SLICE_BYTES_MAX = 1024 * 1024
"""About how much of Arrow's memory is made into messages at a time."""
MESSAGE_BYTES_MAX = 2**30 - 1
"""PostgreSQL's own bound on a message."""
DATA_ROW, COPY_DATA = b"D", b"d"


def rows_at_a_time(batch: pa.RecordBatch) -> int:
    """How many rows of the batch are made into messages at a time."""
    rows_max: int = SLICE_BYTES_MAX * batch.num_rows // max(batch.nbytes, 1)
    return max(1, min(SLICE_ROWS_MAX, rows_max))


def messages_of(
    batch: pa.RecordBatch, columns: Sequence[Column], formats: Sequence[int], zone: Zone, *, kind: bytes = DATA_ROW
) -> memoryview:
    """A message for each row. `formats` has 0 for text and 1 for binary, for each column."""
    count = batch.num_rows
    cells = [
        _cells(array, column, binary=bool(binary), zone=zone)
        for array, column, binary in zip(batch.columns, columns, formats, strict=True)
    ]
    sizes = np.full(count, 6, dtype=np.int64)
    for one in cells:
        sizes += 4
        sizes += one.values.dtype.itemsize if isinstance(one, Fixed) else np.maximum(one.sizes, 0)
    total = int(sizes.sum()) + count
    if sizes.max() > MESSAGE_BYTES_MAX or total > 2**31 - 1:
        raise BadRequest("a row is too long to be sent", mend="Ask for fewer or shorter columns.")
    fields: list[tuple[str, object]] = [("kind", "S1"), ("size", ">i4"), ("columns", ">i2")]
    values: list[object] = [kind, sizes, len(columns)]
    pieces: list[pa.Array] = []
    for one in cells:
        if isinstance(one, Fixed):
            fields += [(f"size{len(fields)}", ">i4"), (f"value{len(fields)}", one.values.dtype)]
            values += [one.values.dtype.itemsize, one.values]
        else:
            fields.append((f"size{len(fields)}", ">i4"))
            values.append(one.sizes)
            pieces += [_structs(count, fields, values), one.data]
            fields, values = [], []
    if fields:
        pieces.append(_structs(count, fields, values))
    if len(pieces) == 1:
        return memoryview(pieces[0].buffers()[2])
    return memoryview(joined(pieces).buffers()[2])[:total]


def _structs(count: int, fields: list[tuple[str, object]], values: list[object]) -> pa.Array:
    structs = np.empty(count, dtype=fields)
    for (name, _), value in zip(fields, values, strict=True):
        structs[name] = value
    return as_binary(structs)


def _cells(array: pa.Array, column: Column, *, binary: bool, zone: Zone) -> Cells:
    if not binary or column.nested:
        return varied(_text(array, column, zone))
    array = stored(array, column)
    return binary_array_cells(array, column.kind) if column.is_array else binary_cells(array, column.kind)


def texts_of(batch: pa.RecordBatch, columns: Sequence[Column], zone: Zone) -> list[pa.Array]:
    """The cells of each column as text."""
    return [_text(array, column, zone) for array, column in zip(batch.columns, columns, strict=True)]


def _text(array: pa.Array, column: Column, zone: Zone) -> pa.Array:
    array = stored(array, column)
    if column.nested:
        return json_of(array)
    return array_text(array, column.kind, zone) if column.is_array else text_of(array, column.kind, zone)

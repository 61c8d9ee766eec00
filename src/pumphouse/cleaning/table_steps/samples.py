"""Rows of a table to measure something on: some of them, the same ones each time and on each engine, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pumphouse.engines.parameters import quoted
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from pumphouse.cleaning.staged import Staged


def sample(staged: Staged, columns: Sequence[str], *, rows_max: int, known: Sequence[str] = ()) -> pa.Table:
    """Up to so many rows with these columns, chosen and ordered by the hash of their key, or else of the columns.

    Only rows where the columns `known` are not null.
    """
    staged.require(*columns, *staged.key)
    query = staged.query(sample_query(columns, by=staged.key or columns, rows_max=rows_max, known=known))
    return staged.engine.read(query).read_all()


def sample_query(columns: Sequence[str], *, by: Sequence[str], rows_max: int, known: Sequence[str] = ()) -> str:
    """SQL over the input `staged`: rows by the hash of the columns `by`. Rows that are equal there go by the others."""
    there = f" WHERE {' AND '.join(f'{quoted(name)} IS NOT NULL' for name in known)}" if known else ""
    written = " || '|' || ".join(f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" for name in by)
    listed = ", ".join(map(quoted, columns))
    order = ", ".join(f"{quoted(name)} ASC NULLS LAST" for name in columns)
    hashed = f"SELECT {listed}, md5({written}) AS _hash FROM staged{there}"
    return f"SELECT {listed} FROM ({hashed}) AS hashed ORDER BY _hash, {order} LIMIT {rows_max}"


def codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], int]:
    """A number for each cell, the same for equal cells and -1 for null, and how many different cells there are."""
    import numpy as np
    import pyarrow as pa

    encoded = column.combine_chunks()
    encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
    numbers = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(numbers), len(encoded.dictionary)


def is_flat(kind: pa.DataType) -> bool:
    """Whether cells of this type can be compared and written as text."""
    import pyarrow.types as types

    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_interval(kind))


def numpy(purpose: str) -> Any:  # the module
    """numpy. Raises MissingExtra where it is not installed."""
    try:
        import numpy as np
    except ImportError as error:
        raise MissingExtra("numpy", extra="cleaning", purpose=purpose) from error
    return np

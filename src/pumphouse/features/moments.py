"""Moments: an entity and an `as_of`, what a feature is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOMENTS = "moments"
"""The reserved name: in a feature's SQL it is the table of the moments that are asked about."""
AS_OF = "as_of"


def entity_texts(rows: pa.Table, entity: Sequence[str]) -> pa.DictionaryArray:
    """The entity of each row as one text; the dictionary has each entity once, in the order of its first row."""
    import pyarrow as pa
    from pyarrow import compute

    keys = [rows[name].cast(pa.string()).combine_chunks() for name in entity]
    texts = compute.binary_join_element_wise(*keys, "\x00", null_handling="replace", null_replacement="None")
    return texts.dictionary_encode()


def entity_numbers(rows: pa.Table, entity: Sequence[str]) -> NDArray[np.int64]:
    """A number for each row that is the same for rows of one entity."""
    numbers: NDArray[np.int64] = entity_texts(rows, entity).indices.to_numpy().astype("int64")
    return numbers

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


def entity_texts(rows: pa.Table, entity: Sequence[str]) -> list[str]:
    """The entity of each row as one text."""
    return ["\x00".join(map(str, key)) for key in zip(*(rows[name].to_pylist() for name in entity), strict=True)]


def entity_numbers(rows: pa.Table, entity: Sequence[str]) -> NDArray[np.int64]:
    """A number for each row that is the same for rows of one entity."""
    import numpy as np

    return np.unique(entity_texts(rows, entity), return_inverse=True)[1]

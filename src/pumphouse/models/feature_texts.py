"""What a version was asked with, as the JSON text that is stored with a prediction; of a million rows at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pumphouse.features.frames import column_forms

if TYPE_CHECKING:
    import pyarrow as pa


def feature_texts(values: pa.Table, columns: Sequence[str]) -> pa.Array:
    """The columns of each row as a JSON object, in their order. Numbers are floats; what is not finite is null."""
    import pyarrow as pa
    from pyarrow import compute

    forms = column_forms(values.schema, columns)
    parts: list[pa.Array | pa.Scalar] = []
    for number, (name, form) in enumerate(forms.items()):
        column = values[name].combine_chunks()
        if form == "number":
            floats = column.cast(pa.float64(), safe=False)
            texts = compute.if_else(compute.is_finite(floats), floats.cast(pa.string()), None)
        else:
            each = column.cast(pa.string()).dictionary_encode()
            spelled = [json.dumps(text, ensure_ascii=False) for text in each.dictionary.to_pylist()]
            texts = pa.array(spelled, pa.string()).take(each.indices)
        parts += [f"{',' if number else '{'}{json.dumps(name, ensure_ascii=False)}:", compute.fill_null(texts, "null")]
    joined = compute.binary_join_element_wise(*parts, "}", "")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined

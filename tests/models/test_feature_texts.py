from __future__ import annotations

import json
import math
from decimal import Decimal

import msgspec
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.features.frames import arrays_of
from pumphouse.models.feature_texts import feature_texts

ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.decimals(-(10**6), 10**6, places=2),
        st.none() | st.text(),
    ),
    min_size=1,
    max_size=20,
)
NAMES = ("a", 'b "of" \\ it', "flag", "price", "é")
TYPES = (pa.float64(), pa.int64(), pa.bool_(), pa.decimal128(12, 2), pa.string())


def table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = zip(NAMES, TYPES, zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(values, kind) for name, kind, values in columns})


@given(ROWS)
def test_the_text_has_to_the_bit_what_the_estimator_is_asked_with(rows: list[tuple[object, ...]]) -> None:
    rows = [
        tuple(one.encode("utf-8", "replace").decode() if isinstance(one, str) else one for one in row) for row in rows
    ]
    values = table(rows)
    arrays = arrays_of(values, NAMES)
    texts = feature_texts(values, NAMES).to_pylist()
    for number, text in enumerate(texts):
        read = msgspec.json.decode(text, type=dict[str, float | str | None])
        assert tuple(read) == NAMES
        for name in NAMES:
            asked = arrays[name][number]
            missing = asked is None or (isinstance(asked, float) and not math.isfinite(asked))
            assert read[name] == (None if missing else asked)


def test_some_columns_of_a_chunked_table_in_their_order() -> None:
    values = pa.concat_tables([table([(1.5, 2, True, Decimal("0.10"), "x")]), table([(None, 3, False, None, None)])])
    assert [json.loads(text) for text in feature_texts(values, ["é", "a"]).to_pylist()] == [
        {"é": "x", "a": 1.5},
        {"é": None, "a": None},
    ]

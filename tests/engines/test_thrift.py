from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.engines.thrift import BINARY, I32, I64, LIST, STRUCT, Reader, binary, fields, listed, struct, whole

WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(WHOLE, st.binary(max_size=300), st.lists(WHOLE, max_size=40))
def test_what_is_written_is_read(number: int, text: bytes, numbers: list[int]) -> None:
    inner = struct((3, I64, whole(number)), (4, BINARY, binary(text)))
    written = fields((1, I32, whole(7)), (2, LIST, listed(I64, [whole(one) for one in numbers])))
    written += struct((9, LIST, listed(STRUCT, [inner, inner])), after=2)
    expected = {1: 7, 2: numbers, 9: [{3: number, 4: text}] * 2}
    assert Reader(written).value(STRUCT) == expected
    for end in range(len(written)):
        with pytest.raises(ValueError, match=r"too early|longer than"):
            Reader(written[:end]).value(STRUCT)


def test_structures_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="within too many"):
        Reader(bytes([0x1C]) * 1_000).value(STRUCT)
    with pytest.raises(ValueError, match="longer than"):
        Reader(b"\x19\xf5\xff\xff\x7f").value(STRUCT)

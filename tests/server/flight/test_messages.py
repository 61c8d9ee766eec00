from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.errors import BadRequest
from pumphouse.server.flight.messages import (
    CommandGetSqlInfo,
    CommandGetTables,
    CommandGetXdbcTypeInfo,
    Message,
    Unknown,
    decoded,
    encoded,
    packed,
    unpacked,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": st.text(),
    "str | None": st.none() | st.text(),
    "bytes": st.binary(),
    "bytes | None": st.none() | st.binary(),
    "bool": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "int | None": st.none() | st.integers(-(2**31), 2**31 - 1),
    "tuple[str, ...]": st.lists(st.text()).map(tuple),
    "tuple[int, ...]": st.lists(st.integers(0, 2**32 - 1)).map(tuple),
}
MESSAGES = st.sampled_from(get_args(Message)).flatmap(
    lambda kind: st.builds(kind, **{one.name: VALUES[one.type] for one in fields(kind)})
)


@given(MESSAGES)
def test_message_comes_out_as_it_went_in(message: Message) -> None:
    assert decoded(encoded(message), type(message)) == message
    assert unpacked(packed(message)) == message


@given(st.binary(max_size=200), st.sampled_from(get_args(Message)))
def test_any_bytes_are_a_message_or_refused(data: bytes, kind: Any) -> None:
    for read in (unpacked, lambda data: decoded(data, kind)):
        with suppress(BadRequest):
            read(data)


def test_bytes_are_those_of_protobuf() -> None:
    kinds = ("TABLE", "VIEW")
    asked = CommandGetTables(catalog="", table_name_filter_pattern="or%", table_types=kinds, include_schema=True)
    assert encoded(asked) == b"\x0a\x00\x1a\x03or%\x22\x05TABLE\x22\x04VIEW\x28\x01"
    assert encoded(CommandGetXdbcTypeInfo(data_type=-5)) == b"\x08" + b"\xfb" + b"\xff" * 8 + b"\x01"
    # Several numbers come packed from most, one by one from some.
    assert decoded(b"\x0a\x03\x01\xac\x02", CommandGetSqlInfo).info == (1, 300)
    assert decoded(b"\x08\x01\x08\xac\x02", CommandGetSqlInfo).info == (1, 300)


def test_what_is_new_in_a_message_is_passed_over_and_a_new_message_is_named() -> None:
    assert decoded(b"\x0a\x01x\x7a\x02yy\x81\x01" + b"\0" * 8, CommandGetTables).catalog == "x"
    url = b"type.googleapis.com/arrow.flight.protocol.sql.CommandOfTomorrow"
    assert unpacked(b"\x0a" + bytes([len(url)]) + url) == Unknown(name="CommandOfTomorrow")
    with pytest.raises(BadRequest, match="no command of Flight SQL"):
        unpacked(b"\x0a\x01x")

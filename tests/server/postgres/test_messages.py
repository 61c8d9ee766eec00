"""Whatever bytes come, they are a message or they are refused; the door stands either way."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.conftest import TOKEN

from pumphouse.server.postgres.messages import BrokenMessage, first_message, framed, message

LETTERS = [bytes([number]) for number in range(256)]


@given(st.sampled_from(LETTERS), st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(letter: bytes, data: bytes) -> None:
    with contextlib.suppress(BrokenMessage):
        message(letter, data)


@given(st.sampled_from([196608, 80877102, 80877103, 80877104, 131072, 0]), st.binary(max_size=200))
def test_any_first_bytes_are_a_message_or_are_refused(code: int, data: bytes) -> None:
    with contextlib.suppress(BrokenMessage):
        first_message(struct.pack(">i", code) + data)


def all_of(raw: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(65536):
            received += data
    return received


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=300))
def test_nonsense_at_the_start_ends_the_connection(postgres: Any, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        all_of(raw)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(b"QPBDECSHdcfFp\x00zX"), st.binary(max_size=60))))
def test_nonsense_in_a_session_ends_it_or_is_answered(postgres: Any, sent: list[tuple[int, bytes]]) -> None:
    with postgres.connect() as connection, socket.socket(fileno=os.dup(connection.fileno())) as raw:
        raw.settimeout(20)
        raw.setblocking(True)
        for letter, data in sent:
            try:
                raw.sendall(framed(bytes([letter]), data))
            except OSError:
                break
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_WR)
        received = all_of(raw)
        assert b"Traceback" not in received
        assert b"XX000" not in received


@pytest.mark.parametrize(
    "first",
    [
        struct.pack(">I", 100_000_000),  # longer than any startup message
        struct.pack(">I", 3),
        struct.pack(">II", 8, 0x00020000),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_startup_that_is_none_is_told_so(postgres: Any, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
        raw.sendall(first)
        assert b"C08P01\0" in all_of(raw)


def test_message_that_is_too_long_ends_the_session_before_it_is_read(postgres: Any) -> None:
    with postgres.connect() as connection, socket.socket(fileno=os.dup(connection.fileno())) as raw:
        raw.setblocking(True)
        raw.sendall(b"Q" + struct.pack(">I", 2**31 - 1))
        assert b"C08P01\0" in all_of(raw)


def test_long_statement_is_answered_up_to_a_bound(postgres: Any) -> None:
    text = "x" * 200_000
    with postgres.connect() as connection:
        assert connection.execute(f"SELECT length('{text}')").fetchone() == (200_000,)
    with (
        postgres.connect() as connection,
        pytest.raises(psycopg.errors.SyntaxErrorOrAccessRuleViolation, match="longer than 256 KiB"),
    ):
        connection.execute(f"SELECT length('{text}{text}')")
    with postgres.connect() as connection, pytest.raises(psycopg.errors.ProgramLimitExceeded):
        connection.execute(f"SELECT length('{text * 9}')")


def test_token_is_not_in_what_is_sent(postgres: Any) -> None:
    assert TOKEN not in postgres.door.url

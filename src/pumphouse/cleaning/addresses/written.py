"""One IP address as people, servers and proxies write it: with a port, in brackets, in a list of those it came through.

What some programs read in one way and others in another is declined: `1.1` (1.0.0.1 to some) and `010.1.1.1` (octal to
some, decimal to others).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Literal, get_args

from pumphouse.cleaning.addresses.reserved import why_reserved

Forwarded = Literal["first", "last", "first public", "last public"]
"""Which address of a list is meant. A proxy writes the address that it was asked from behind those it was told of."""

V4_IN_V6 = b"\0" * 10 + b"\xff\xff"
"""::ffff:1.2.3.4 is the IPv4 address 1.2.3.4."""
WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?|([0-9]+(?:\.[0-9]+){3}):([0-9]{1,5})")
FEW_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}")
FOUR_NUMBERS = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20}){3}")
ZONE = re.compile(r"(.+)%[\w.\-]+")
NETWORK = re.compile(r"(.+)/[0-9]{1,3}")
PORT_MAX = 65_535
LIST_MAX = 1_000
"""Characters of a list that are looked at: a header is no longer."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address of 4 or 16 bytes and its port, or why there is none."""

    packed: bytes | None = None
    port: int | None = None
    zone: bool = False
    reason: str | None = None


def check_forwarded(forwarded: str | None, *, step: str) -> None:
    """Raise ValueError where the option names no way to choose."""
    if forwarded is not None and forwarded not in get_args(Forwarded):
        raise ValueError(f"{step}'s forwarded is one of {', '.join(get_args(Forwarded))}, not {forwarded!r}")


def address(written: str, forwarded: str | None = None) -> Address:
    """What an address says that is not blank."""
    written = written.strip()
    if "," not in written:
        return _one(written)
    if forwarded is None:
        return Address(reason="a list of addresses, and forwarded does not say which one is meant")
    if len(written) > LIST_MAX:
        return Address(reason="too long for a list of addresses")
    listed = [_one(part.strip()) for part in written.split(",")]
    if forwarded.startswith("last"):
        listed.reverse()
    if forwarded.endswith("public"):
        public = (one for one in listed if one.packed is not None and why_reserved(one.packed) is None)
        return next(public, Address(reason="no public address in the list"))
    return listed[0]


def _one(written: str) -> Address:
    if packed := _packed(written):
        return Address(packed)
    if found := WITH_PORT.fullmatch(written):
        inside, port = found[1] or found[3], found[2] or found[4]
        if port and int(port) > PORT_MAX:
            return Address(reason="no such port")
        read = _without_port(inside or "")
        return Address(read.packed, int(port) if port else None, read.zone, read.reason)
    return _without_port(written)


def _without_port(written: str) -> Address:
    if packed := _packed(written):
        return Address(packed)
    if ":" in written and (zoned := ZONE.fullmatch(written)) and (packed := _packed(zoned[1])):
        return Address(packed, zone=True)
    if FOUR_NUMBERS.fullmatch(written):
        numbers = written.split(".")
        has_zeros = any(len(number) > 1 and number.startswith("0") for number in numbers)
        return Address(reason="leading zeros: octal to some, decimal to others" if has_zeros else "a number above 255")
    if FEW_NUMBERS.fullmatch(written):
        return Address(reason="fewer than four numbers: what is left out is a guess")
    if (network := NETWORK.fullmatch(written)) and _packed(network[1]):
        return Address(reason="a network, not an address")
    return Address(reason="not an IP address")


def _packed(written: str) -> bytes | None:
    try:
        if ":" not in written:
            return socket.inet_pton(socket.AF_INET, written)
        packed = socket.inet_pton(socket.AF_INET6, written)
    except (OSError, ValueError):  # a ValueError for what holds a zero byte or is no ASCII
        return None
    return packed[12:] if packed.startswith(V4_IN_V6) else packed

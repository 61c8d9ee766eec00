"""Addresses that are nobody's in particular: private, link-local, kept for documentation."""

from __future__ import annotations

from bisect import bisect_right
from ipaddress import ip_network

RESERVED = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a provider's inner network"),
    ("127.0.0.0/8", "this machine"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "kept for documentation"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "kept for benchmarks"),
    ("198.51.100.0/24", "kept for documentation"),
    ("203.0.113.0/24", "kept for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "no address"),
    ("::1/128", "this machine"),
    ("100::/64", "discarded"),
    ("2001:2::/48", "kept for benchmarks"),
    ("2001:db8::/32", "kept for documentation"),
    ("3fff::/20", "kept for documentation"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "a link-local address"),
    ("ff00::/8", "multicast"),
)
"""IANA's registries of special-purpose addresses: each range, and what it is."""


def reserved_ranges(size: int) -> tuple[tuple[bytes, bytes, str], ...]:
    """(first, last, what it is) of the reserved addresses of so many bytes, ascending."""
    networks = ((ip_network(network), what) for network, what in RESERVED)
    return tuple(
        sorted(
            (network[0].packed, network[-1].packed, what)
            for network, what in networks
            if len(network[0].packed) == size
        )
    )


RANGES = {size: reserved_ranges(size) for size in (4, 16)}
STARTS = {size: [start for start, _, _ in ranges] for size, ranges in RANGES.items()}


def why_reserved(packed: bytes) -> str | None:
    """What kind of reserved address it is, or None for one that may be somebody's."""
    place = bisect_right(STARTS[len(packed)], packed) - 1
    if place < 0:
        return None
    _, end, what = RANGES[len(packed)][place]
    return what if packed <= end else None

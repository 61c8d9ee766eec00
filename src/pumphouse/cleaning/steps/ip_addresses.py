"""Which country an IP address was assigned to. Private and reserved addresses have none, and are declined by name.

The ranges come from the npm package `@ip-location-db/geo-whois-asn-country` (CC0), laid out by `assets/build.py`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pumphouse.cleaning.step import Cleaned, Resources, Step, text
from pumphouse.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DATA = Path(__file__).parents[1] / "data" / "ip_country.npz"
DATA_VERSION = DATA.with_suffix(".version")

RESERVED = (
    ("0.0.0.0", 8, "this network"),  # noqa: S104  # nothing listens here
    ("10.0.0.0", 8, "a private network"),
    ("100.64.0.0", 10, "a provider's inner network"),
    ("127.0.0.0", 8, "this machine"),
    ("169.254.0.0", 16, "a link-local address"),
    ("172.16.0.0", 12, "a private network"),
    ("192.0.0.0", 24, "reserved"),
    ("192.0.2.0", 24, "kept for documentation"),
    ("192.168.0.0", 16, "a private network"),
    ("198.18.0.0", 15, "kept for benchmarks"),
    ("198.51.100.0", 24, "kept for documentation"),
    ("203.0.113.0", 24, "kept for documentation"),
    ("224.0.0.0", 4, "multicast"),
    ("240.0.0.0", 4, "reserved"),
    ("::", 128, "no address"),
    ("::1", 128, "this machine"),
    ("100::", 64, "discarded"),
    ("2001:2::", 48, "kept for benchmarks"),
    ("2001:db8::", 32, "kept for documentation"),
    ("3fff::", 20, "kept for documentation"),
    ("fc00::", 7, "a private network"),
    ("fe80::", 10, "a link-local address"),
    ("ff00::", 8, "multicast"),
)
"""IANA's registries of special-purpose addresses: where each range starts, its prefix length, what it is."""

V4_IN_V6 = b"\0" * 10 + b"\xff\xff"
"""::ffff:1.2.3.4 is the IPv4 address 1.2.3.4."""


def _data_version() -> str:
    try:
        return f"1, {DATA_VERSION.read_text(encoding='utf-8').strip()}"
    except FileNotFoundError:
        return "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class IpCountry(Step):
    """The step that `ip_country` makes."""

    name: ClassVar[str] = "ip_country"
    gives: ClassVar[str] = "VARCHAR"
    into: str | None = None
    version: str = field(default_factory=_data_version, init=False)

    def target(self, column: str) -> str:
        """The address itself stays; the country gets a column of its own."""
        return self.into or f"{column}__country"

    def load(self, resources: Resources) -> CountryFinder:
        """The function over arrays, with the ranges read."""
        return CountryFinder()


def ip_country(*, into: str | None = None) -> IpCountry:
    """A step that finds the country of IP addresses, version 4 and 6, as ISO 3166 codes in the column `into`.

    Without `into` that is `<column>__country`. The addresses stay as they are. It says where an address was assigned,
    which is not always where it is used. A private or reserved address is declined.

    `ip_country().one("193.99.144.80").value == "DE"`
    """
    return IpCountry(into=into)


class CountryFinder:
    """What `IpCountry.load` hands out: sorted ranges, searched for a whole column at once.

    An address of version 4 is a 32-bit number, one of version 6 sixteen bytes, big end first. Both sort as they stand.
    """

    def __init__(self) -> None:
        np = _numpy()
        try:
            with np.load(DATA) as data:
                self.v4 = (data["v4_start"], data["v4_end"], data["v4_country"])
                self.v6 = (data["v6_start"], data["v6_end"], data["v6_country"])
        except FileNotFoundError:
            raise ConfigError(
                "the table of IP addresses and countries is not there",
                mend="Run `make assets`; an installed Pumphouse carries it.",
            ) from None
        self.reserved_v4, self.reserved_v6 = _reserved()

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Two letters, and reasons."""
        import pyarrow as pa

        encoded = text(column, step="ip_country").dictionary_encode()
        countries, reasons = self.look_up(encoded.dictionary.to_pylist())
        return Cleaned(
            values=pa.array(countries, pa.string()).take(encoded.indices),
            reasons=pa.array(reasons, pa.string()).take(encoded.indices),
        )

    def look_up(self, written: list[str]) -> tuple[list[str | None], list[str | None]]:
        """(countries, reasons) of addresses as text. Blank text is a gap: both are None."""
        np = _numpy()
        countries: list[str | None] = [None] * len(written)
        reasons: list[str | None] = [None] * len(written)
        v4: list[int] = []
        v6: list[int] = []
        packed_v4: list[bytes] = []
        packed_v6: list[bytes] = []
        for place, address in enumerate(written):
            packed = packed_address(address)
            if packed is None:
                reasons[place] = "not an IP address" if address.strip() else None
            elif len(packed) == 4:
                v4.append(place)
                packed_v4.append(packed)
            else:
                v6.append(place)
                packed_v6.append(packed)
        numbers = np.frombuffer(b"".join(packed_v4), dtype=">u4").astype(np.uint32)
        for places, values, ranges, reserved in (
            (v4, numbers, self.v4, self.reserved_v4),
            (v6, np.array(packed_v6, dtype="S16"), self.v6, self.reserved_v6),
        ):
            found = zip(places, _search(values, *reserved), _search(values, *ranges), strict=True)
            for place, what_reserved, country in found:
                if what_reserved:
                    reasons[place] = what_reserved.decode()
                elif country:
                    countries[place] = country.decode()
                else:
                    reasons[place] = "assigned to no country"
        return countries, reasons


def packed_address(written: str) -> bytes | None:
    """Four or sixteen bytes of an address as people write it, or None. `::ffff:1.2.3.4` counts as version 4.

    A port, a mask, a list, or leading zeros (which some read as octal) make it no address.
    """
    stripped = written.strip()
    try:
        if ":" not in stripped:
            return socket.inet_pton(socket.AF_INET, stripped)
        packed = socket.inet_pton(socket.AF_INET6, stripped)
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(V4_IN_V6) else packed


def _search(values: np.ndarray[Any, Any], starts: Any, ends: Any, names: Any) -> list[bytes]:  # Any: numpy's types
    """For each value the name of the range that holds it, or nothing. Ranges are sorted and do not overlap."""
    np = _numpy()
    place = np.searchsorted(starts, values, side="right") - 1
    inside = (place >= 0) & (values <= ends[place])
    return np.where(inside, names[place], b"").tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any


def _reserved() -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:  # Any: numpy's types
    """The reserved ranges of each version: arrays of starts, ends and what they are."""
    np = _numpy()
    rows: dict[int, list[tuple[bytes, bytes, bytes]]] = {4: [], 16: []}
    for network, prefix, what in RESERVED:
        start = packed_address(network)
        assert start is not None
        size = len(start)
        end = int.from_bytes(start, "big") | ((1 << (8 * size - prefix)) - 1)
        rows[size].append((start, end.to_bytes(size, "big"), what.encode()))
    v4, v6 = (tuple(zip(*sorted(ranges), strict=True)) for ranges in (rows[4], rows[16]))
    return (
        (*(np.frombuffer(b"".join(edge), dtype=">u4").astype(np.uint32) for edge in v4[:2]), np.array(v4[2])),
        (*(np.array(edge, dtype="S16") for edge in v6[:2]), np.array(v6[2])),
    )


def _numpy() -> Any:  # Any: a module
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("numpy", extra="cleaning", purpose="ip_country") from None
    return np

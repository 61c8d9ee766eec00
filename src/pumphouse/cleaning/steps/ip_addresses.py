"""IP addresses: their one form, the country each was assigned to, and the network that it is reached through.

Private and reserved addresses have neither, and are declined by name. The ranges come from npm packages, laid out by
`assets/build.py`: `@ip-location-db/geo-whois-asn-country` (CC0) and `@ip-location-db/asn` (CC BY 4.0 by Route Views,
DB-IP and the NRO).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address as parsed
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pumphouse.cleaning.addresses.columns import addresses, numpy
from pumphouse.cleaning.addresses.ranges import NOBODY, ranges, reserved
from pumphouse.cleaning.addresses.written import Forwarded, address, check_forwarded
from pumphouse.cleaning.step import Cleaned, EachValue, Resources, Step, arrow_type, text
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

DATA = Path(__file__).parents[1] / "data"
SAMPLE, DIFFERENT_MAX = 2_000, 0.98
"""Where of so many first addresses some come again, most of a large batch do, and each is searched for once."""
COUNTRIES, OWNERS = DATA / "ip_country.npz", DATA / "ip_owner.npz"


def _version(data: Path) -> str:
    try:
        return f"2, {data.with_suffix('.version').read_text(encoding='utf-8').strip()}"
    except FileNotFoundError:
        return "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddress(Step):
    """The step that `ip_address` makes."""

    name: ClassVar[str] = "ip_address"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"port": "BIGINT"}
    forwarded: Forwarded | None = None
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, AddressWriter(self.forwarded).write)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpCountry(Step):
    """The step that `ip_country` makes."""

    name: ClassVar[str] = "ip_country"
    gives: ClassVar[str] = "VARCHAR"
    into: str | None = None
    forwarded: Forwarded | None = None
    version: str = field(default_factory=lambda: _version(COUNTRIES), init=False)

    def target(self, column: str) -> str:
        """The address itself stays; the country gets a column of its own."""
        return self.into or f"{column}__country"

    def load(self, resources: Resources) -> RangeFinder:
        """The function over arrays, with the ranges read."""
        return RangeFinder(self, forwarded=self.forwarded)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpOwner(Step):
    """The step that `ip_owner` makes."""

    name: ClassVar[str] = "ip_owner"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"asn": "BIGINT"}
    into: str | None = None
    forwarded: Forwarded | None = None
    version: str = field(default_factory=lambda: _version(OWNERS), init=False)

    def target(self, column: str) -> str:
        """The address itself stays; the owner gets a column of its own."""
        return self.into or f"{column}__owner"

    def load(self, resources: Resources) -> RangeFinder:
        """The function over arrays, with the ranges read."""
        return RangeFinder(self, forwarded=self.forwarded)


def ip_address(*, forwarded: Forwarded | None = None) -> IpAddress:
    """A step that writes IP addresses in one form, that of RFC 5952 for version 6, and a port in `<column>__port`.

    `::ffff:8.8.8.8` is the address 8.8.8.8 of version 4. Declined is what programs read in different ways: fewer than
    four numbers, leading zeros, a zone. Of a list, as X-Forwarded-For has, `forwarded` says which is meant: "first",
    "last", or the "first public" or "last public"; without it a list is declined.

    `ip_address().one("2001:0DB8::0:1").value == "2001:db8::1"`
    """
    check_forwarded(forwarded, step="ip_address")
    return IpAddress(forwarded=forwarded)


def ip_country(*, into: str | None = None, forwarded: Forwarded | None = None) -> IpCountry:
    """A step that finds the country of IP addresses, version 4 and 6, as ISO 3166 codes in the column `into`.

    Without `into` that is `<column>__country`. The addresses stay as they are. It says where an address was assigned,
    which is not always where it is used. A private or reserved address is declined. Addresses are read as `ip_address`
    reads them.

    `ip_country().one("193.99.144.80").value == "DE"`
    """
    check_forwarded(forwarded, step="ip_country")
    return IpCountry(into=into, forwarded=forwarded)


def ip_owner(*, into: str | None = None, forwarded: Forwarded | None = None) -> IpOwner:
    """A step that finds whose network an IP address is reached through: the organisation behind its autonomous system.

    It stands in the column `into`, or without that in `<column>__owner`, and the system's number in `<owner>__asn`.
    Addresses are read as `ip_address` reads them.

    `ip_owner().one("8.8.8.8").extra["asn"] == 15169`
    """
    check_forwarded(forwarded, step="ip_owner")
    return IpOwner(into=into, forwarded=forwarded)


class AddressWriter:
    """Writes one address after the other."""

    def __init__(self, forwarded: str | None) -> None:
        self.forwarded = forwarded

    def write(self, written: str) -> tuple[str | None, int | None, str | None]:
        """One address: (its form, port, reason)."""
        read = address(written, self.forwarded)
        if read.packed is None:
            return None, None, read.reason
        if read.zone:
            return None, None, "a zone, which one machine knows"
        return str(parsed(read.packed)), read.port, None


class RangeFinder:
    """What `load` of a step with ranges hands out. A column is read and searched at once, not value by value."""

    def __init__(self, step: IpCountry | IpOwner, *, forwarded: str | None) -> None:
        self.step = step
        self.forwarded = forwarded
        is_country = isinstance(step, IpCountry)
        self.nobody = "assigned to no country" if is_country else "announced by no network"
        self.ranges, self.answers = _countries() if is_country else _owners()
        self.reserved, self.whats = reserved()

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """What the ranges are labelled with, and reasons."""
        written = text(column, step=self.step.name)
        if len(written) > SAMPLE and len(written.slice(0, SAMPLE).unique()) <= SAMPLE * DIFFERENT_MAX:
            encoded = written.dictionary_encode()
            once = self._searched(encoded.dictionary)
            return Cleaned(
                values=once.values.take(encoded.indices),
                reasons=once.reasons.take(encoded.indices),
                extra={suffix: each.take(encoded.indices) for suffix, each in once.extra.items()},
            )
        return self._searched(written)

    def _searched(self, written: pa.Array) -> Cleaned:
        import pyarrow as pa

        np = numpy(self.step.name)
        found = addresses(written, forwarded=self.forwarded, step=self.step.name)
        labels = np.full(len(written), NOBODY, dtype=np.int32)
        why = np.full(len(written), NOBODY, dtype=np.int32)
        both = zip(
            (found.v4_places, found.v6_places),
            self.ranges.labels(found),
            self.reserved.labels(found),
            strict=True,
        )
        for places, label, what in both:
            is_reserved = what != NOBODY
            labels[places] = np.where(is_reserved, NOBODY, label)
            why[places] = np.where(is_reserved, what, np.where(label == NOBODY, len(self.whats), NOBODY))
        reasons = [*self.whats, self.nobody]
        if found.reasons:
            said = {reason: number for number, reason in enumerate(dict.fromkeys(found.reasons.values()), len(reasons))}
            why[list(found.reasons)] = [said[reason] for reason in found.reasons.values()]
            reasons += said
        rows = pa.array(labels, mask=labels == NOBODY)
        values, *extras = (answers.take(rows) for answers in self.answers)
        return Cleaned(
            values=values,
            reasons=pa.array(reasons, pa.string()).take(pa.array(why, mask=why == NOBODY)),
            extra=dict(zip(self.step.extras, extras, strict=True)),
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_range_finder, (self.step, self.forwarded))


def _range_finder(step: IpCountry | IpOwner, forwarded: str | None) -> RangeFinder:
    return RangeFinder(step, forwarded=forwarded)


def _countries() -> tuple[Any, Sequence[pa.Array]]:  # Any: Ranges
    import pyarrow as pa

    np = numpy("ip_country")
    data = _read(COUNTRIES, step="ip_country")
    names = np.unique(np.concatenate([data["v4_country"], data["v6_country"]]))
    v4, v6 = (
        (data[f"{version}_start"], data[f"{version}_end"], np.searchsorted(names, data[f"{version}_country"]))
        for version in ("v4", "v6")
    )
    return ranges(v4, v6), (pa.array(names.astype(str).tolist(), arrow_type("VARCHAR")),)


def _owners() -> tuple[Any, Sequence[pa.Array]]:  # Any: Ranges
    import pyarrow as pa

    data = _read(OWNERS, step="ip_owner")
    v4, v6 = (tuple(data[f"{version}_{part}"] for part in ("start", "end", "owner")) for version in ("v4", "v6"))
    names = data["name"].tobytes().decode().split("\n")
    answers = (pa.array(names, arrow_type("VARCHAR")), pa.array(data["asn"], arrow_type("BIGINT")))
    return ranges(v4, v6), answers


def _read(data: Path, *, step: str) -> Mapping[str, Any]:  # Any: numpy's types
    np = numpy(step)
    try:
        with np.load(data) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise ConfigError(
            f"the table of IP addresses that {step} reads is not there",
            mend="Run `make assets`; an installed Pumphouse carries it.",
        ) from None

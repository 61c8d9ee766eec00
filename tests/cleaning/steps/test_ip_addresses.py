from __future__ import annotations

import ipaddress
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, ip_country
from pumphouse.cleaning.steps.ip_addresses import CountryFinder

FINDER = CountryFinder()


def as_numbers(ranges: tuple[np.ndarray[Any, Any], ...]) -> tuple[list[int], list[int], list[str]]:
    starts, ends, countries = (edge.tolist() for edge in ranges)
    if isinstance(starts[0], bytes):
        starts, ends = ([int.from_bytes(edge.ljust(16, b"\0"), "big") for edge in edges] for edges in (starts, ends))
    return starts, ends, [country.decode() for country in countries]


V4, V6 = as_numbers(FINDER.v4), as_numbers(FINDER.v6)


def plain_search(ranges: tuple[list[int], list[int], list[str]], number: int) -> str | None:
    starts, ends, countries = ranges
    place = bisect_right(starts, number) - 1
    return countries[place] if place >= 0 and number <= ends[place] else None


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("193.99.144.80", "DE"),
        ("8.8.8.8", "US"),
        (" 8.8.8.8 ", "US"),
        ("2001:4860:4860::8888", "US"),
        ("2001:4860:4860:0:0:0:0:8888", "US"),
        ("::ffff:193.99.144.80", "DE"),
    ],
)
def test_the_country_is_the_one_it_was_assigned_to(address: str, country: str) -> None:
    assert ip_country().one(address) == Cell(value=country)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.1.2.3", "a private network"),
        ("::ffff:192.168.0.1", "a private network"),
        ("fd00::1", "a private network"),
        ("127.0.0.1", "this machine"),
        ("::1", "this machine"),
        ("169.254.1.1", "a link-local address"),
        ("203.0.113.9", "kept for documentation"),
        ("2001:db8::1", "kept for documentation"),
        ("239.1.1.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("0.0.0.0", "this network"),
        ("::", "no address"),
    ],
)
def test_private_and_reserved_addresses_are_declined_by_name(address: str, reason: str) -> None:
    assert ip_country().one(address) == Cell(value=None, reason=reason)


NO_ADDRESSES = """
1.2.3 1.2.3.4.5 010.1.1.1 1.2.3.256 1.2.3.4:80 1.2.3.0/24 8.8.8.8,1.1.1.1 banana ::g 1.2.3.4\0 ١.2.3.4 fe80::1%eth0
"""


@pytest.mark.parametrize("written", NO_ADDRESSES.split())
def test_what_is_no_address_is_declined(written: str) -> None:
    assert ip_country().one(written) == Cell(value=None, reason="not an IP address")


@pytest.mark.parametrize("gap", [None, "", " "])
def test_a_gap_stays_a_gap_without_a_reason(gap: str | None) -> None:
    assert ip_country().one(gap) == Cell(value=None)


def test_the_ranges_are_sorted_and_do_not_overlap() -> None:
    for starts, ends, _ in (FINDER.v4, FINDER.v6, FINDER.reserved_v4, FINDER.reserved_v6):
        assert (starts <= ends).all()
        assert (ends[:-1] < starts[1:]).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_version_4_is_found_where_a_plain_search_finds_it(number: int) -> None:
    assert FINDER.look_up([str(ipaddress.IPv4Address(number))])[0][0] in (None, plain_search(V4, number))


@settings(deadline=None)
@given(
    st.one_of(st.integers(0x2 << 124, (0x2B << 120) - 1), st.sampled_from(V6[0]), st.sampled_from(V6[1])),
    st.integers(-1, 1),
)
def test_version_6_is_found_where_a_plain_search_finds_it(number: int, beside: int) -> None:
    address = str(ipaddress.IPv6Address(number + beside))
    (country,), (reason,) = FINDER.look_up([address])
    if country is None and reason != "assigned to no country":
        assert not ipaddress.ip_address(address).is_global
    else:
        assert country == plain_search(V6, number + beside)


@pytest.mark.realdata
def test_real_visitors_have_countries(realdata: Path) -> None:
    with (realdata / "access_log.txt").open(encoding="utf-8") as log:
        visitors = [line.split(" ", 1)[0] for line in log]
    countries, reasons = FINDER.look_up(visitors)
    assert len(visitors) == 10_000
    assert sum(country is not None for country in countries) > 9_900
    assert {country is None for country, reason in zip(countries, reasons, strict=True) if reason} <= {True}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["8.8.8.8", "2001:4860:4860::8888", "10.0.0.1", "x", "", None])))
def test_a_column_is_looked_up_as_its_cells_are(column: list[str | None]) -> None:
    cleaned = FINDER(pa.array(column, pa.string()), {})
    alone = [FINDER(pa.array([cell], pa.string()), {}) for cell in column]
    assert cleaned.values.to_pylist() == [one.values[0].as_py() for one in alone]
    assert cleaned.reasons.to_pylist() == [one.reasons[0].as_py() for one in alone]


def test_the_column_of_the_country_is_named_after_the_address_or_as_told() -> None:
    assert ip_country().target("signup_ip") == "signup_ip__country"
    assert ip_country(into="signup_country").target("signup_ip") == "signup_country"


def test_the_steps_version_names_the_data() -> None:
    assert "geo-whois-asn-country@" in ip_country().version
    assert ip_country().version in repr(ip_country())

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

from pumphouse.cleaning import Cell, ip_address, ip_country, ip_owner
from pumphouse.cleaning.addresses.columns import plain_v4
from pumphouse.cleaning.steps.ip_addresses import RangeFinder

FINDER = RangeFinder(ip_country(), forwarded=None)
NAMES = FINDER.answers[0].to_pylist()


def look_up(written: list[str]) -> tuple[list[str | None], list[str | None]]:
    cleaned = FINDER(pa.array(written, pa.string()), {})
    return cleaned.values.to_pylist(), cleaned.reasons.to_pylist()


def as_numbers(ranges: tuple[np.ndarray[Any, Any], ...]) -> tuple[list[int], list[int], list[str]]:
    starts, ends, labels = (edge.tolist() for edge in ranges)
    if isinstance(starts[0], bytes):
        starts, ends = ([int.from_bytes(edge.ljust(16, b"\0"), "big") for edge in edges] for edges in (starts, ends))
    return starts, ends, [NAMES[label] for label in labels]


V4, V6 = as_numbers(FINDER.ranges.v4), as_numbers(FINDER.ranges.v6)


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
        ("193.99.144.80:443", "DE"),
        ("[2001:4860:4860::8888]:443", "US"),
        ("2001:4860:4860::8888%eth0", "US"),
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
        ("fe80::1%eth0", "a link-local address"),
        ("[::1]:80", "this machine"),
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


NO_ADDRESSES = {
    "1.1": "fewer than four numbers: what is left out is a guess",
    "3232235777": "fewer than four numbers: what is left out is a guess",
    "1.2.3": "fewer than four numbers: what is left out is a guess",
    "008.008.008.008": "leading zeros: octal to some, decimal to others",
    "010.1.1.1": "leading zeros: octal to some, decimal to others",
    "1.2.3.256": "a number above 255",
    "1.2.3.0/24": "a network, not an address",
    "2001:db8::/32": "a network, not an address",
    "8.8.8.8:99999": "no such port",
    "203.0.113.7, 10.0.0.1": "a list of addresses, and forwarded does not say which one is meant",
} | dict.fromkeys(
    "1.2.3.4.5 banana ::g 1.2.3.4\0 ١.2.3.4 [1.2.3.4 1..2.3 1.2.3. 0x7f.0.0.1".split(), "not an IP address"
)


@pytest.mark.parametrize("written", NO_ADDRESSES)
@pytest.mark.parametrize("step", [ip_country(), ip_owner(), ip_address()])
def test_what_is_no_address_or_not_surely_one_is_declined(written: str, step: Any) -> None:
    assert step.one(written) == Cell(value=None, reason=NO_ADDRESSES[written])


@pytest.mark.parametrize(
    ("forwarded", "written", "value"),
    [
        ("first", "10.0.0.1, 8.8.8.8", "10.0.0.1"),
        ("last", "10.0.0.1, 8.8.8.8", "8.8.8.8"),
        ("first public", "unknown, 10.0.0.1, 193.99.144.80:443, 8.8.8.8", "193.99.144.80"),
        ("last public", "193.99.144.80, 8.8.8.8, 10.0.0.1", "8.8.8.8"),
        ("first public", "8.8.8.8", "8.8.8.8"),
        ("first public", "10.0.0.1, 192.168.0.1", None),
        ("first", "unknown, 8.8.8.8", None),
    ],
)
def test_of_a_list_that_address_is_taken_which_is_asked_for(forwarded: Any, written: str, value: str | None) -> None:
    assert ip_address(forwarded=forwarded).one(written).value == value
    countries = {"8.8.8.8": "US", "193.99.144.80": "DE"}
    assert ip_country(forwarded=forwarded).one(written).value == countries.get(value or "")


def test_a_way_to_choose_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="first public"):
        ip_country(forwarded="middle")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "value", "port"),
    [
        (" 8.8.8.8 ", "8.8.8.8", None),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1", None),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", None),
        ("::FFFF:8.8.8.8", "8.8.8.8", None),
        ("8.8.8.8:443", "8.8.8.8", 443),
        ("[::1]:80", "::1", 80),
        ("[::1]", "::1", None),
    ],
)
def test_an_address_has_one_form(written: str, value: str, port: int | None) -> None:
    assert ip_address().one(written) == Cell(value=value, extra={"port": port} if port else {})


def test_a_zone_is_declined_where_the_address_itself_is_wanted() -> None:
    assert ip_address().one("fe80::1%eth0").reason == "a zone, which one machine knows"


@settings(deadline=None)
@given(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address), st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_every_address_is_written_as_the_standard_library_does(v6: ipaddress.IPv6Address, v4: Any) -> None:
    assert ip_address().one(v6.exploded.upper()).value == str(v6.ipv4_mapped or v6)
    assert ip_address().one(str(v4)).value == str(v4)


def by_the_standard_library(written: str) -> int | None:
    try:
        return int(ipaddress.IPv4Address(written))
    except ValueError:
        return None


@settings(deadline=None, max_examples=500)
@given(st.lists(st.one_of(
    st.none(),
    st.text(alphabet="0129.5:", max_size=16),
    st.lists(st.sampled_from(["0", "1", "9", "10", "99", "100", "255", "256", "00", "01", "", "1000", "x"]), min_size=3,
             max_size=5).map(".".join),
    st.text(max_size=8),
), max_size=8), st.integers(0, 3))  # fmt: skip
def test_plain_addresses_are_read_at_once_as_the_standard_library_reads_each(column: list[Any], start: int) -> None:
    array = pa.array(column, pa.string()).slice(start)
    is_plain, numbers = plain_v4(array, step="ip_country")
    expected = [None if cell is None else by_the_standard_library(cell) for cell in array.to_pylist()]
    assert [number if plain else None for plain, number in zip(is_plain, numbers.tolist(), strict=True)] == expected


def test_the_owner_is_who_announces_the_network() -> None:
    cell = ip_owner().one("8.8.8.8")
    assert (cell.value, cell.extra) == ("Google LLC", {"asn": 15169})
    assert ip_owner().one("2606:4700:4700::1111").extra == {"asn": 13335}
    assert ip_owner().one("10.0.0.1").reason == "a private network"
    assert ip_owner().target("ip") == "ip__owner"
    assert ip_owner(into="network").target("ip") == "network"
    assert "@ip-location-db/asn@" in ip_owner().version


@settings(deadline=None)
@given(st.data())
def test_owners_are_found_where_a_plain_search_finds_them(data: st.DataObject) -> None:
    finder = OWNERS
    starts, ends, labels = finder.ranges.v6
    place = data.draw(st.integers(0, len(starts) - 1))
    first, last = (int.from_bytes(edge[place].ljust(16, b"\0"), "big") for edge in (starts, ends))
    numbers = [first - 1, first, data.draw(st.integers(first, last)), last, last + 1]
    found = finder(pa.array([ipaddress.IPv6Address(number).exploded for number in numbers], pa.string()), {})
    expected = finder.answers[1][int(labels[place])].as_py()
    asns, reasons = found.extra["asn"].to_pylist(), found.reasons.to_pylist()
    for asn, reason in list(zip(asns, reasons, strict=True))[1:4]:
        assert asn == (expected if reason is None else None)
        assert reason != "announced by no network"


OWNERS = RangeFinder(ip_owner(), forwarded=None)


@pytest.mark.parametrize("gap", [None, "", " "])
def test_a_gap_stays_a_gap_without_a_reason(gap: str | None) -> None:
    assert ip_country().one(gap) == Cell(value=None)


def test_the_ranges_are_sorted_and_do_not_overlap() -> None:
    both = (FINDER.ranges, FINDER.reserved, OWNERS.ranges)
    for starts, ends, _ in (version for ranges in both for version in (ranges.v4, ranges.v6)):
        assert (starts <= ends).all()
        assert (ends[:-1] < starts[1:]).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_version_4_is_found_where_a_plain_search_finds_it(number: int) -> None:
    assert look_up([str(ipaddress.IPv4Address(number))])[0][0] in (None, plain_search(V4, number))


@settings(deadline=None)
@given(
    st.one_of(st.integers(0x2 << 124, (0x2B << 120) - 1), st.sampled_from(V6[0]), st.sampled_from(V6[1])),
    st.integers(-1, 1),
)
def test_version_6_is_found_where_a_plain_search_finds_it(number: int, beside: int) -> None:
    address = str(ipaddress.IPv6Address(number + beside))
    (country,), (reason,) = look_up([address])
    if country is None and reason != "assigned to no country":
        assert not ipaddress.ip_address(address).is_global
    else:
        assert country == plain_search(V6, number + beside)


@pytest.mark.realdata
def test_real_visitors_have_countries(realdata: Path) -> None:
    with (realdata / "access_log.txt").open(encoding="utf-8") as log:
        visitors = [line.split(" ", 1)[0] for line in log]
    countries, reasons = look_up(visitors)
    assert len(visitors) == 10_000
    assert sum(country is not None for country in countries) > 9_900
    assert {country is None for country, reason in zip(countries, reasons, strict=True) if reason} <= {True}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["8.8.8.8", "2001:4860:4860::8888", "10.0.0.1", "::ffff:8.8.8.8", "x", "", None])))
def test_a_column_is_looked_up_as_its_cells_are(column: list[str | None]) -> None:
    cleaned = FINDER(pa.array(column, pa.string()), {})
    alone = [FINDER(pa.array([cell], pa.string()), {}) for cell in column]
    assert cleaned.values.to_pylist() == [one.values[0].as_py() for one in alone]
    assert cleaned.reasons.to_pylist() == [one.reasons[0].as_py() for one in alone]


@pytest.mark.parametrize("finder", [FINDER, OWNERS])
def test_addresses_that_come_again_are_looked_up_as_those_that_do_not(finder: RangeFinder) -> None:
    few = ["8.8.8.8", "10.0.0.1", "x", "", None, "2001:4860:4860::8888", "193.99.144.80"]
    once, often = (finder(pa.array(few * times, pa.string()), {}) for times in (1, 1_000))
    assert often.values.to_pylist() == once.values.to_pylist() * 1_000
    assert often.reasons.to_pylist() == once.reasons.to_pylist() * 1_000
    for suffix, column in once.extra.items():
        assert often.extra[suffix].to_pylist() == column.to_pylist() * 1_000


def test_the_column_of_the_country_is_named_after_the_address_or_as_told() -> None:
    assert ip_country().target("signup_ip") == "signup_ip__country"
    assert ip_country(into="signup_country").target("signup_ip") == "signup_country"


def test_the_steps_version_names_the_data() -> None:
    assert "geo-whois-asn-country@" in ip_country().version
    assert ip_country().version in repr(ip_country())

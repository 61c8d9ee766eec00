from __future__ import annotations

import pytest

from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import joined
from pumphouse.sources.http.client import Reach


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::ffff:0:169.254.169.254",
        "::127.0.0.1",
        "::1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1%eth0",
        "fec0::1",
        "fd00::1",
        "100.64.0.1",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "no address",
    ],
)
def test_a_public_name_may_not_lead_inside_in_whatever_form_the_address_is(address):
    reach = Reach(Connection(name="shop", url="https://shop.example"), ["shop.example"])
    assert reach.refuses("shop.example", address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"])
def test_a_public_name_may_be_at_a_public_address(address):
    reach = Reach(Connection(name="shop", url="https://shop.example"), ["shop.example"])
    assert not reach.refuses("shop.example", address)


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("http://a/x/../private/y", "http://a/private/y"),
        ("http://a/x/%2e%2E/private", "http://a/private"),
        ("http://a/./x/.%2e/private?q=../z", "http://a/private?q=../z"),
        ("http://a/../../x/..", "http://a/"),
        ("http://a/x/.", "http://a/x/"),
        ("http://a/x..y/...", "http://a/x..y/..."),
        ("http://a//x//", "http://a//x//"),
        ("http://[::1", ""),
    ],
)
def test_a_link_is_the_address_that_will_be_asked(link, leads_to):
    assert joined("http://a/b/", link) == leads_to

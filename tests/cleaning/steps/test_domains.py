from __future__ import annotations

import pytest

from pumphouse.cleaning import domain


@pytest.mark.parametrize(
    ("written", "registered", "suffix"),
    [
        ("www.Example.co.uk", "example.co.uk", "co.uk"),
        ("https://www.example.co.uk:8080/a?b=c@d.de#e", "example.co.uk", "co.uk"),
        ("Max <max@mail.example.de>", "example.de", "de"),
        ("ftp://max:secret@example.de/", "example.de", "de"),
        ("max.github.io", "max.github.io", "github.io"),
        ("www.BÜCHER.de", "xn--bcher-kva.de", "de"),
        ("example.com.", "example.com", "com"),
    ],
)
def test_the_registered_domain_is_found(written: str, registered: str, suffix: str) -> None:
    cell = domain().one(written)
    assert (cell.value, cell.extra) == (registered, {"suffix": suffix})


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("co.uk", "a public suffix, under which others register"),
        ("localhost", "there is no top-level domain .localhost"),
        ("http://192.0.2.1/", "an IP address, which is no domain"),
        ("http://[::1]:80/", "an IP address, which is no domain"),
        ("a b.de", "a host that can't be one"),
        ("https://", "no host"),
    ],
)
def test_what_has_none_is_declined(written: str, reason: str) -> None:
    assert domain().one(written).reason == reason


def test_the_column_stays_where_the_domain_goes_to_another() -> None:
    assert domain(into="company").target("email") == "company"
    assert domain().target("host") == "host"


@pytest.mark.parametrize("piece", ["a", "a.", "\u00fc", ":1", "a://"])
def test_a_long_text_is_declined_as_soon_as_it_is_read(piece: str) -> None:
    assert domain().one(piece * 500_000).value is None

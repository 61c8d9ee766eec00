from __future__ import annotations

import pytest

from pumphouse.cleaning import email


@pytest.mark.parametrize(
    ("written", "address", "extra"),
    [
        ("Max@Example.COM", "Max@example.com", {"domain": "example.com"}),
        (" max+news@example.com ", "max+news@example.com", {"domain": "example.com"}),
        ("Max Müller <max@example.de>", "max@example.de", {"domain": "example.de", "name": "Max Müller"}),
        ('"Müller, Max" <max@example.de>', "max@example.de", {"domain": "example.de", "name": "Müller, Max"}),
        ("Müller, Max <max@example.de>", "max@example.de", {"domain": "example.de", "name": "Müller, Max"}),
        ("<max@example.de>", "max@example.de", {"domain": "example.de"}),
        ("mailto:max@example.de", "max@example.de", {"domain": "example.de"}),
        ("max@BÜCHER.de", "max@xn--bcher-kva.de", {"domain": "xn--bcher-kva.de"}),
        ("max@xn--bcher-kva.de", "max@xn--bcher-kva.de", {"domain": "xn--bcher-kva.de"}),
        ("müller@example.de", "müller@example.de", {"domain": "example.de"}),
        ("max@gmial.com", "max@gmial.com", {"domain": "gmial.com"}),  # it may be somebody's
    ],
)
def test_an_address_is_written_in_one_form(written: str, address: str, extra: dict[str, str]) -> None:
    cell = email().one(written)
    assert (cell.value, cell.extra, cell.reason) == (address, extra, None)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("max", "no @"),
        ("max@gmail.con", "there is no top-level domain .con"),
        ("max@localhost", "a domain without a dot"),
        ("max@example.test", "a domain that is reserved"),
        ("max@[192.0.2.1]", "an IP address as its domain"),
        ("a@b@example.de", "more than one @"),
        ("max@example.de, mo@example.de", "more than one @"),
        ("max..m@example.de", "two dots in a row"),
        ("max m@example.de", "no valid name before the @"),
        ("max@exa mple.de", "no domain after the @"),
        ("mo@example.de <max@example.de>", "more than one @"),
    ],
)
def test_what_is_no_address_is_declined_with_the_reason(written: str, reason: str) -> None:
    assert email().one(written).reason == reason


def test_a_long_text_is_declined_as_soon_as_it_is_read() -> None:
    assert email().one(f"a{' ' * 500_000}b").reason == "no @"

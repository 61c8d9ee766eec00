from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import mask_cards, mask_personal, mask_secrets
from pumphouse.cleaning.sensitive.cards import is_card


def with_check_digit(digits: str) -> str:
    """The digits and the one behind them that makes the sum of Luhn's."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("4111111111111111", "************1111"),
        ("paid 4111 1111 1111 1111, thanks", "paid **** **** **** 1111, thanks"),
        ("5555-5555-5555-4444", "****-****-****-4444"),
        ("3782 822463 10005", "**** ****** *0005"),
        ("card:4111111111111111.", "card:************1111."),
        ("4111111111111111.0", "************1111.0"),  # went through a float
        ("4111 1111 1111 1111 123", "**** **** **** 1111 123"),  # and its check value
        ("4111\u00a01111\u00a01111\u00a01111", "****\u00a0****\u00a0****\u00a01111"),
    ],
)
def test_a_card_is_seen_by_its_last_four_digits(written: str, masked: str) -> None:
    assert mask_cards().one(written).value == masked


@pytest.mark.parametrize(
    "written",
    [
        "4111111111111112",  # a wrong check digit
        "+49 151 12345678",
        "+4111111111111111",
        "0.4111111111111111",
        "41111111111111110000",  # in a longer run
        "x4111111111111111",
        "DE89 3704 0044 0532 0130 00",
        "FR76 3000 6000 0112 3456 7890 189",
        "1234567890123456",
        "41 11 11 11 11 11 11 11",  # no card is written so
        "4444444444444",
        "0000 0000 0000 0000",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_what_is_no_card_stays(written: str) -> None:
    assert mask_cards().one(written).value == written


@settings(deadline=None)
@given(st.text("0123456789 -.*4", max_size=60), st.from_regex(r"\A4[0-9]{14}\Z"), st.text("0123456789 -", max_size=5))
def test_no_card_that_stands_alone_is_left(before: str, digits: str, after: str) -> None:
    card = with_check_digit(digits)
    masked = mask_cards().one(f"{before} x {card} x {after}").value
    assert is_card(card) == (card not in masked)
    assert mask_cards().one(masked).value == masked


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("aws AKIAIOSFODNN7EXAMPLE ok", "aws [aws key] ok"),
        ("ghp_" + "a1B2" * 9, "[github token]"),
        ("use xoxb-1234567890-abcdefghij.", "use [slack token]."),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[stripe key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[jwt]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "[private key]\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[private key]"),  # cut off
        ("postgresql://app:hunter2@db/shop", "postgresql://app:[password]@db/shop"),
        ("https://app:hun@ter2@db/shop", "https://app:[password]@db/shop"),
        ("password=hunter2", "password=[password]"),
        ('{"password": "hunter 2"}', '{"password": "[password]"}'),
        ("API-KEY: 9f86d081884c7d65", "API-KEY: [secret]"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [secret]"),
        ("Authorization: Bearer abc123DEF456ghi789", "Authorization: Bearer [token]"),
    ],
)
def test_a_secret_is_replaced_by_what_it_is(written: str, masked: str) -> None:
    assert mask_secrets().one(written).value == masked


@pytest.mark.parametrize(
    "written",
    [
        "he forgot his password and wants a token of respect",
        "password: none",
        "password=${DB_PASSWORD}",
        'password = "secret:SHOP_DB"',
        "token: yes",
        "secret: unknown",
        "https://example.com/a:b@c",
        "commit 356a192b7913b04c54574d18c28d46e6395428ab",
        "the basic understanding-of-things",
    ],
)
def test_what_only_speaks_of_secrets_stays(written: str) -> None:
    assert mask_secrets().one(written).value == written


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("ask Max <max+a@example.com> or call", "ask Max <[email]> or call"),
        ("call +49 30 901820, please", "call [phone], please"),
        ("from 192.0.2.1 and 2001:db8::1.", "from [ip] and [ip]."),
        ("4111 1111 1111 1111", "[card]"),
        ("DE89 3704 0044 0532 0130 00 thanks", "[iban] thanks"),
        ("ssn 536-90-4399", "ssn [id]"),
        ("password=hunter2", "password=[password]"),
        ("at 12:30:45, v1.2.3 of std::map for 1,234.56", "at 12:30:45, v1.2.3 of std::map for 1,234.56"),
    ],
)
def test_personal_data_is_replaced_by_its_kind(written: str, masked: str) -> None:
    assert mask_personal().one(written).value == masked


def test_only_declared_kinds_are_masked() -> None:
    written = "max@example.com, 030 901820, 36 574 261 809"
    assert mask_personal("email").one(written).value == "[email], 030 901820, 36 574 261 809"
    assert mask_personal("phone", region="DE").one(written).value == "max@example.com, [phone], 36 574 261 809"
    assert mask_personal("de.idnr").one(written).value == "max@example.com, 030 901820, [id]"


@pytest.mark.parametrize(("kind", "said"), [("emial", "Did you mean 'email'"), ("de.idn", "Did you mean 'de.idnr'")])
def test_a_kind_that_is_not_there_is_told_when_it_is_declared(kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mask_personal(kind)


def test_a_region_is_a_code() -> None:
    with pytest.raises(ValueError, match="ISO 3166"):
        mask_personal(region="Germany")

from __future__ import annotations

import pytest

from pumphouse.cleaning import url


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://BÜCHER.example/ä?ö#ü", "http://xn--bcher-kva.example/%C3%A4?%C3%B6#%C3%BC"),
        ("http://example.com/%7emax/%e4%2f", "http://example.com/~max/%E4%2F"),
        ("http://example.com/a/./b/../c/..", "http://example.com/a/"),
        ("http://example.com/../../a", "http://example.com/a"),
        ("http://example.com/a//b/", "http://example.com/a//b/"),
        ("http://example.com/100%", "http://example.com/100%25"),
        ("http://example.com/a?b=2&a=1&utm_source=x", "http://example.com/a?b=2&a=1&utm_source=x"),
        ("http://example.com/#", "http://example.com/#"),
        (" http://example.com/a\nb ", "http://example.com/ab"),
        ("http:\\\\example.com\\a", "http://example.com/a"),
        ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://my_host/", "http://my_host/"),
        ("ftp://example.com:21/a", "ftp://example.com/a"),
    ],
)
def test_a_url_is_written_in_one_form(written: str, address: str) -> None:
    assert url().one(written).value == address


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("javascript:alert(1)", "another scheme"),
        ("java\tscript:alert(1)", "another scheme"),
        ("data:text/html,x", "another scheme"),
        ("mailto:max@example.com", "another scheme"),
        ("https://max:secret@example.com/", "a user or a password"),
        ("https://example.com@evil.example/", "a user or a password"),
        ("example.com", "no scheme"),
        ("http:example.com", "no // after http:"),
        ("http://", "no host"),
        ("http://exa mple.com/", "a host that can't be one"),
        ("http://example.com:99999/", "a port that can't be one"),
        ("http://1.1/", "an address of numbers"),
        ("http://008.008.008.008/", "an address of numbers"),
        ("http://0x7f000001/", "an address of numbers"),
        ("http://[fe80::1%25eth0]/", "a zone"),
    ],
)
def test_what_browsers_read_apart_or_never_open_is_declined(written: str, reason: str) -> None:
    cell = url().one(written)
    assert cell.value is None
    assert reason in (cell.reason or "")
    assert "secret" not in (cell.reason or "")


def test_a_scheme_is_taken_where_it_is_declared_and_lacks() -> None:
    step = url(scheme="https")
    assert step.one("Example.com:8080/a").value == "https://example.com:8080/a"
    assert step.one("//example.com").value == "https://example.com/"
    assert step.one("http://example.com").value == "http://example.com/"
    with pytest.raises(ValueError, match="http or https"):
        url(scheme="gopher")  # type: ignore[arg-type]

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pumphouse.cleaning import Cell, user_agent
from pumphouse.cleaning.step import Resources

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1"
    " Mobile/15E148 Safari/604.1"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("written", "family", "extra"),
    [
        (IPHONE, "Mobile Safari", {"version": "17.1", "os": "iOS 17.1", "device": "iPhone", "is_bot": False}),
        (WINDOWS, "Chrome", {"version": "120.0.0", "os": "Windows 10", "is_bot": False}),
        (GOOGLE, "Googlebot", {"version": "2.1", "is_bot": True}),
        (IPHONE + " " + GOOGLE, "Googlebot", {"version": "2.1", "os": "iOS 17.1", "is_bot": True}),
        ("curl/8.1", "curl", {"version": "8.1", "is_bot": False}),
    ],
)
def test_a_browser_is_named_with_what_it_says_of_itself(written: str, family: str, extra: dict[str, object]) -> None:
    assert user_agent().one(written) == Cell(value=family, extra=extra)


@pytest.mark.parametrize(
    ("written", "reason"),
    [("-", "a dash: none was sent"), ("x" * 2001, "too long for a user agent"), ("hello", "no known browser")],
)
def test_what_is_no_browser_is_declined(written: str, reason: str) -> None:
    assert user_agent().one(written) == Cell(value=None, reason=reason)


def test_what_is_known_besides_is_said_where_the_browser_is_not() -> None:
    cell = user_agent().one("SomethingNew/1.0 (Windows NT 10.0; Win64; x64)")
    assert cell == Cell(value=None, extra={"os": "Windows 10", "is_bot": False}, reason="no known browser")


def test_the_column_is_named_after_the_header_or_as_told() -> None:
    assert user_agent().target("agent") == "agent__browser"
    assert user_agent(into="browser").target("agent") == "browser"


@pytest.mark.realdata
def test_real_visitors_have_browsers(realdata: Path) -> None:
    with (realdata / "access_log.txt").open(encoding="utf-8") as log:
        agents = [parts[5] for line in log if len(parts := line.split('"')) > 6]
    cleaned = user_agent().load(Resources())(pa.array(agents), {})
    assert len(agents) > 9_900
    assert len(agents) - cleaned.values.null_count > 0.88 * len(agents)  # the others: dashes and feed readers
    families = cleaned.values.to_pylist()
    assert families.count("Chrome") > 1_000
    bots = dict(zip(families, cleaned.extra["is_bot"].to_pylist(), strict=True))
    assert bots["Googlebot"]
    assert not bots["Firefox"]

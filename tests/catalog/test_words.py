from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pumphouse.catalog.words import ago, counted, day, span
from pumphouse.errors import ConfigError

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW, "just now"),
        (NOW + timedelta(seconds=5), "just now"),
        (NOW - timedelta(minutes=1), "1 minute ago"),
        (NOW - timedelta(minutes=59), "59 minutes ago"),
        (NOW - timedelta(hours=1), "1 hour ago"),
        (NOW - timedelta(hours=10), "10 hours ago"),
        (NOW - timedelta(hours=11), "yesterday"),
        (datetime(2026, 11, 22, 0, 0, tzinfo=UTC), "yesterday"),
        (datetime(2026, 11, 21, 23, 59, tzinfo=UTC), "2 days ago"),
        (NOW - timedelta(days=13), "13 days ago"),
        (NOW - timedelta(days=14), "2 weeks ago"),
        (NOW - timedelta(days=59), "8 weeks ago"),
        (NOW - timedelta(days=60), "2 months ago"),
        (NOW - timedelta(days=800), "2 years ago"),
    ],
)
def test_time_passed_is_said_in_words(moment: datetime, words: str) -> None:
    assert ago(moment, now=NOW) == words


def test_days_are_those_of_the_zone_that_now_has() -> None:
    read = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    berlin = timezone(timedelta(hours=1))
    assert ago(read, now=NOW) == "yesterday"
    assert ago(read, now=NOW.astimezone(berlin)) == "11 hours ago"
    assert day(read, now=NOW.astimezone(berlin)) == "23 November"


def test_a_day_of_another_year_has_its_year() -> None:
    assert day(datetime(2026, 12, 23, tzinfo=UTC), now=NOW) == "23 December"
    assert day(datetime(2027, 1, 2, tzinfo=UTC), now=NOW) == "2 January 2027"


def test_one_is_singular() -> None:
    assert counted(1, "person", "people") == "1 person"
    assert counted(0, "person", "people") == "0 people"
    assert counted(1200, "read") == "1,200 reads"


def test_a_span_is_read_from_words_or_refused() -> None:
    assert span("30 days") == timedelta(days=30)
    assert span("1 week") == timedelta(days=7)
    assert span("12 hours") == timedelta(hours=12)
    for wrong in ("soon", "30", "days", "-3 days", "1.5 days", "99999 days"):
        with pytest.raises(ConfigError, match="no length of time"):
            span(wrong)

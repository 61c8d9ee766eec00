"""When something is due: words or cron, in a zone, across clock changes, once after any downtime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.errors import ConfigError
from pumphouse.project.schedule import Every, parse_every

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as it asks
texts = st.one_of(
    st.builds("{}{}".format, st.integers(1, 500), st.sampled_from("smhdw")),
    st.sampled_from(["hour", "day", "week", "month"]),
    st.builds(
        "{} at {:02}:{:02}".format,
        st.sampled_from(["day", "week", "month", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        st.integers(0, 23),
        st.integers(0, 59),
    ),
    st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23)),
)


@given(text=texts, zone=st.sampled_from(ZONES), last=moments)
def test_what_has_run_is_next_due_later_and_then_at_once(text: str, zone: str, last: datetime) -> None:
    every = parse_every(text, zone=zone)
    at = every.due_at(last)
    assert at is not None
    assert at > last
    assert not every.is_due(last, now=at - timedelta(microseconds=1))
    assert every.is_due(last, now=at)


@given(
    text=texts, zone=st.sampled_from(ZONES), last=moments, down=st.timedeltas(timedelta(days=40), timedelta(days=400))
)
def test_after_any_downtime_it_is_due_once(text: str, zone: str, last: datetime, down: timedelta) -> None:
    every = parse_every(text, zone=zone)
    now = last + down
    assert every.is_due(last, now=now) or every.interval is not None
    if every.is_due(last, now=now):
        assert not every.is_due(now, now=now)


@given(hour=st.integers(0, 23), minute=st.integers(0, 59), zone=st.sampled_from(ZONES), last=moments)
def test_a_time_of_day_comes_once_each_day_of_its_zone_also_where_clocks_change(
    hour: int, minute: int, zone: str, last: datetime
) -> None:
    every = parse_every(f"day at {hour:02}:{minute:02}", zone=zone)
    first = every.due_at(last)
    second = every.due_at(first)
    assert first is not None
    assert second is not None
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in (first, second)]
    assert days[1] - days[0] == timedelta(days=1)


def test_a_time_that_a_clock_change_leaves_out_or_repeats_comes_once() -> None:
    every = parse_every("day at 02:30", zone="Europe/Berlin")
    spring = every.due_at(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert spring == datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)
    autumn = every.due_at(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert every.due_at(autumn) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("90s", datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)),
        ("2 w", datetime(2026, 1, 15, tzinfo=UTC)),
        ("hour", datetime(2026, 1, 1, 1, tzinfo=UTC)),
        ("day at 2:00", datetime(2026, 1, 1, 2, tzinfo=BERLIN)),
        ("Mon 07:00", datetime(2026, 1, 5, 7, tzinfo=BERLIN)),
        ("mon 07:00 America/Argentina/Buenos_Aires", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("week at 07:00 UTC", datetime(2026, 1, 5, 7, tzinfo=UTC)),
        ("month at 06:00", datetime(2026, 1, 1, 6, tzinfo=BERLIN)),
        ("*/20 * * * *", datetime(2026, 1, 1, 0, 20, tzinfo=UTC)),
        ("0 2 * * MON UTC", datetime(2026, 1, 5, 2, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=BERLIN)),
    ],
)
def test_words_and_cron_mean_what_they_say(text: str, due: datetime) -> None:
    assert parse_every(text, zone="Europe/Berlin").due_at(datetime(2026, 1, 1, tzinfo=UTC)) == due


@pytest.mark.parametrize(
    "text",
    ["", "0m", "999999w", "-5m", "now and then", "mon", "day at 24:00", "day at 02:60", "mon 07:00 Europe/Berln",
     "* * * * * *", "61 * * * *", "0 0 30 2 *", "@daily"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r'Write "15m", "1h", "day", "day at 02:00"'):
        parse_every(text, zone="UTC")


def test_what_never_ran_is_due() -> None:
    assert Every(interval=timedelta(days=1)).is_due(None, now=datetime(2026, 1, 1, tzinfo=UTC))

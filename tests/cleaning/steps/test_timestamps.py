from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, parse_timestamp
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.steps.timestamps import ParseTimestamp
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Works

BERLIN = ZoneInfo("Europe/Berlin")


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day and as many as there are


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2024-07-01T12:00:00Z", utc(2024, 7, 1, 12)),
        ("2024-07-01t12:00:00z", utc(2024, 7, 1, 12)),
        ("2024-07-01 12:00:00+02:00", utc(2024, 7, 1, 10)),
        ("2024-07-01 12:00:00 +0530", utc(2024, 7, 1, 6, 30)),
        ("2024-07-01T12:00-04", utc(2024, 7, 1, 16)),
        ("20240701T120000Z", utc(2024, 7, 1, 12)),
        ("2024-07-01 12:00:00.123456 UTC", utc(2024, 7, 1, 12, 0, 0, 123456)),
        ("2024-07-01 12:00:00.123456000Z", utc(2024, 7, 1, 12, 0, 0, 123456)),
        ("2024-07-01T24:00:00Z", utc(2024, 7, 2)),
        ("Mon, 01 Jul 2024 12:00:00 GMT", utc(2024, 7, 1, 12)),
        ("July 1, 2024 3:05 PM Z", utc(2024, 7, 1, 15, 5)),
        ("25/12/2024 12:30 a.m. Z", utc(2024, 12, 25, 0, 30)),
        ("\ufeff2024-07-01 12:00Z\u00a0", utc(2024, 7, 1, 12)),
        # By the zone:
        ("2024-07-01 12:00", utc(2024, 7, 1, 10)),
        ("2024-01-01 12:00", utc(2024, 1, 1, 11)),
        ("1 January 2024, 12 pm", utc(2024, 1, 1, 11)),
        # An offset says which of two it was.
        ("2024-10-27 02:30+02:00", utc(2024, 10, 27, 0, 30)),
        ("2024-10-27 02:30+01:00", utc(2024, 10, 27, 1, 30)),
    ],
)
def test_a_time_with_one_reading_is_read(written: str, moment: datetime) -> None:
    assert parse_timestamp(default="Europe/Berlin").one(written) == Cell(value=moment)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2024-03-31 02:30", "clocks were put forward over this time: it never was"),
        ("2024-10-27 02:30", "clocks were put back: this time was twice, and no offset says which"),
        ("2016-12-31T23:59:60Z", "a leap second, which a timestamp can't hold"),
        ("2024-07-01 25:00", "there is no hour 25"),
        ("2024-07-01 24:01", "there is no hour 24"),
        ("2024-07-01 12:60", "there is no minute 60"),
        ("2024-07-01 13:00 pm", "a 12-hour clock has no hour 13"),
        ("2024-07-01 0:30 am", "a 12-hour clock has no hour 0"),
        ("2024-13-01 10:00", "there is no month 13"),
        ("03/04/1962 10:00", "3 April 1962 (%d/%m/%Y) or 4 March 1962 (%m/%d/%Y)"),
        ("2024-07-01 12:00 EST", "EST is no offset: more than one zone is called so"),
        ("Tue, 01 Jul 2024 12:00:00 GMT", "1 July 2024 was a Monday"),
        ("2024-07-01 12:00:00.1234567Z", "more digits than microseconds"),
        ("2024-07-01 12:00+15:00", "no zone is so far from UTC"),
        ("2024-07-01", "the time of day is missing"),
        ("12:00", "not a time in a form that is known"),
        ("10", "a number: seconds since 1970 have to be declared"),
        ("1719835200", "a number: seconds since 1970 have to be declared"),
        ("0001-01-01 00:00+14:00", "outside the years 1 to 9999"),
        ("tomorrow", "not a time in a form that is known"),
    ],
)
def test_what_is_unsure_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert parse_timestamp(default="Europe/Berlin").one(written) == Cell(value=None, reason=reason)


def test_a_time_without_an_offset_needs_a_zone() -> None:
    assert parse_timestamp().one("2024-07-01 12:00").reason == "neither an offset nor a zone"
    step = parse_timestamp(zone=col.zone, default="UTC")
    assert step.one("2024-07-01 12:00", zone="America/New_York").value == utc(2024, 7, 1, 16)
    assert step.one("2024-07-01 12:00", zone=None).value == utc(2024, 7, 1, 12)
    for zone in ("Mars/Phobos", "../etc/passwd", "localtime", "Europe", "x" * 300, "\x00"):
        assert (
            step.one("2024-07-01 12:00", zone=zone).reason == "no zone of that name: one like Europe/Berlin is needed"
        )
    assert step.one("2024-07-01 12:00Z", zone="Mars/Phobos").value == utc(2024, 7, 1, 12)


def test_declared_formats_are_the_only_ones() -> None:
    step = parse_timestamp("%d.%m.%Y %H:%M", "%b %d %Y %I:%M:%S %p %z", default="Europe/Berlin")
    assert step.one("01.07.2024 12:00").value == utc(2024, 7, 1, 10)
    assert step.one("Jul 1 2024 12:00:30 AM +0200").value == utc(2024, 6, 30, 22, 0, 30)
    assert step.one("2024-07-01 12:00").reason == "does not fit %d.%m.%Y %H:%M or %b %d %Y %I:%M:%S %p %z"
    both = parse_timestamp("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", default="UTC")
    assert both.one("03/04/1962 10:00").reason == "3 April 1962 (%d/%m/%Y %H:%M) or 4 March 1962 (%m/%d/%Y %H:%M)"


def test_numbers_are_seconds_since_1970_where_that_is_declared() -> None:
    assert parse_timestamp(epoch="s").one("1719835200").value == utc(2024, 7, 1, 12)
    assert parse_timestamp(epoch="ms").one("1719835200123").value == utc(2024, 7, 1, 12, 0, 0, 123000)
    assert parse_timestamp(epoch="s").one("-0.5").value == utc(1970, 1, 1) - timedelta(seconds=0.5)
    assert parse_timestamp(epoch="s").one("0.0000001").reason == "more digits than microseconds"
    assert parse_timestamp(epoch="s").one("99999999999999").reason == "outside the years 1 to 9999"
    column = pa.array([1719835200, None])
    assert parse_timestamp(epoch="s").load(Resources())(column, {}).values.to_pylist() == [utc(2024, 7, 1, 12), None]


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("%d/%m/%Y", "must have one hour"),
        ("%d/%m/%Y %I:%M", "must have one hour"),
        ("%d/%m/%Y %H", "must have minutes"),
        ("%d/%m/%y %H:%M", "leaves the century open"),
        ("%d/%m/%Y %Q", "which is none of"),
    ],
)
def test_a_format_that_leaves_something_open_is_refused_when_declared(format: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_timestamp(format)


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TypeError, match="write default='UTC'"):
        parse_timestamp(zone="UTC")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'Europe/Brelin' is not known"):
        parse_timestamp(default="Europe/Brelin").one("x")


def test_a_column_proves_the_order_of_day_and_month(works: Works) -> None:
    works.gather([{"id": 1, "at": "03/04/1962 10:00"}, {"id": 2, "at": "25/12/1970 1 pm"}, {"id": 3, "at": "x"}])
    works.build(col.at >> parse_timestamp(default="UTC"), key="id")
    assert [row["at"] for row in works.table(order="id")] == [utc(1962, 4, 3, 10), utc(1970, 12, 25, 13), None]
    assert [row["reason"] for row in works.table("__quarantine")] == ["not a time in a form that is known"]
    assert {row["group"] for row in works.table("__fit")} == {"%d/%m/%Y", "%m/%d/%Y"}


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(st.datetimes(timezones=OFFSETS).filter(lambda moment: 1 < moment.year < 9999))
def test_every_moment_that_is_printed_is_read_back(moment: datetime) -> None:
    assert parse_timestamp().one(moment.isoformat()) == Cell(value=moment.astimezone(UTC))


@settings(deadline=None)
@given(
    st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: moment.replace(year=1980 + moment.year % 50, day=1 + moment.day % 28, tzinfo=None)
    )
)
def test_a_local_time_is_declined_or_shown_by_a_clock_there(shown: datetime) -> None:
    cell = parse_timestamp(default="Europe/Berlin").one(shown.isoformat(sep=" ", timespec="microseconds"))
    if cell.value is not None:
        assert cell.value.astimezone(BERLIN).replace(tzinfo=None) == shown


PARTS = st.tuples(
    st.sampled_from(["0000", "0001", "2023", "2024", "9999"]), st.sampled_from(["00", "02", "12", "13"]),
    st.sampled_from(["00", "28", "29", "31"]), st.sampled_from("Tt "), st.sampled_from(["00", "12", "24"]),
    st.sampled_from(["00", "59", "60"]), st.sampled_from(["00", "59", "60", "61"]),
    st.sampled_from(["", ".5", ",000001", ".1234567", "."]),
    st.sampled_from(["Z", "z", "+02:00", "-0330", "-00:00", "+14:00", "+14:01", "+01:60", "",
        " Z", "+02", "\u221202:00"]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PARTS, max_size=10))
def test_a_whole_column_becomes_what_each_value_becomes(rows: list[tuple[str, ...]]) -> None:
    column = [f"{y}-{m}-{d}{t}{H}:{M}:{S}{f}{z}" for y, m, d, t, H, M, S, f, z in rows]
    loaded = parse_timestamp(default="Europe/Berlin").load(Resources())
    cleaned = loaded(pa.array(column, pa.string()), {})
    each = [tuple(loaded.answer(written)) for written in column]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


DATES = st.one_of(
    st.tuples(st.sampled_from(["1", "03", "12", "25", "31"]), st.sampled_from(["04", "Mar", "OCT.", "oktober", "13"]),
        st.sampled_from(["1", "1893", "1916", "2024", "9999", "24"])).flatmap(
            lambda parts: st.sampled_from("-/ .").map(lambda mark: mark.join(parts))),
    st.sampled_from(["20241027", "2024-10-27", "2024-03-31", "2024-02-30", "March 31, 2024", "Sun, 27 Oct 2024",
        "monday 27 oct 2024", "27. M\xe4rz 2024", "2024-10-27 00:00", "Sunday", "İ"]),
)  # fmt: skip
CLOCKS = st.tuples(
    st.sampled_from([" ", ", ", "T", "t", "  "]),
    st.sampled_from(["0", "1", "02", "12", "13", "23", "24"]),
    st.sampled_from(["", "00", ":00", ":30", ":59", ":60", ":30:00", ":30:60", "3000", ":30:00.5", ":30:00,1234560",
        ":30:00.1234567"]),
    st.sampled_from(["", "", " AM", "pm", " p.m.", " a.m"]),
    st.sampled_from(["", "", "Z", " utc", " GMT", "+02:00", "-0330", "+14:01", "+01:60", " EST", "−02", "\n"]),
).map("".join)  # fmt: skip
STEPS = [
    parse_timestamp(),
    parse_timestamp(language="de"),
    parse_timestamp("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
    parse_timestamp("%d %b %Y %I:%M %p", "%B %d, %Y, %H:%M:%S", "%Y%m%dT%H%M"),
    parse_timestamp("%d.%m.%Y %I:%M%p", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"),
]
ROW_ZONES = st.sampled_from([None, "", " Europe/Berlin ", "America/New_York", "UTC", "Asia/Kathmandu", "Europe/Brelin"])


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(STEPS),
    st.sampled_from([None, "Europe/Berlin", "Australia/Lord_Howe"]),
    st.lists(st.tuples(st.builds(str.__add__, DATES, CLOCKS), ROW_ZONES), max_size=12),
)
def test_rows_with_zones_become_what_each_becomes_alone(
    step: ParseTimestamp, default: str | None, rows: list[tuple[str, str | None]]
) -> None:
    loaded = replace(step, zone=col.zone, default=default).load(Resources())
    zones = {"zone": pa.array([zone for _, zone in rows], pa.string())}
    cleaned = loaded(pa.array([written for written, _ in rows], pa.string()), zones)
    each = [tuple(loaded.answer(written, zone)) for written, zone in rows]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


ZONES = sorted(available_timezones() - {"localtime", "Factory", "posixrules"})


LOCAL = st.datetimes(datetime(1880, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001  # as a clock shows


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(LOCAL, max_size=20))
def test_a_local_time_of_any_zone_is_what_it_is_alone(zone: str, shown: list[datetime]) -> None:
    loaded = parse_timestamp(default=zone).load(Resources())
    column = [str(one) for one in shown]
    cleaned = loaded(pa.array(column, pa.string()), {})
    each = [tuple(loaded.answer(written)) for written in column]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


def test_every_minute_about_a_change_of_clocks_is_what_it_is_alone() -> None:
    first = datetime(2024, 10, 26, 22)  # noqa: DTZ001  # as a clock shows
    column = [f"{first + timedelta(minutes=minutes):%d %b %Y %I:%M %p}" for minutes in range(0, 2 * 24 * 60, 7)]
    for zone in ("Europe/Berlin", "Atlantic/Azores", "America/Havana"):
        loaded = parse_timestamp("%d %b %Y %I:%M %p", default=zone).load(Resources())
        cleaned = loaded(pa.array(column), {})
        each = [tuple(loaded.answer(written)) for written in column]
        assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each

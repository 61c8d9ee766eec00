from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, col, parse_date, parse_timestamp
from pumphouse.cleaning.dates.columns import small_letters
from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.dates.proof import Proof
from pumphouse.cleaning.dates.reader import TRIPLE, DateReader, Reading
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.steps.dates import ParseDate, parsed
from pumphouse.engines.duckdb import DuckDB

if TYPE_CHECKING:
    from conftest import Works

BORN = pa.schema({"id": pa.int64(), "born": pa.string()})
DAYS = st.dates(min_value=date(1000, 1, 1))
FORMATS = ["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "100%% %d.%m.%Y"]


def test_each_format_is_tried() -> None:
    step = parse_date("%d/%m/%Y", "%Y-%m-%d")
    assert step.one("03/04/1962") == Cell(value=date(1962, 4, 3))
    assert step.one(" 1962-4-3 ") == Cell(value=date(1962, 4, 3))


def test_a_date_with_two_readings_is_declined_and_both_are_told() -> None:
    cell = parse_date("%d/%m/%Y", "%m/%d/%Y").one("03/04/1962")
    assert cell == Cell(value=None, reason="03/04/1962 is 3 April 1962 (%d/%m/%Y) or 4 March 1962 (%m/%d/%Y)")


@pytest.mark.parametrize("written", ["03/03/1962", "25/03/1962", "03/25/1962"])
def test_a_date_with_one_reading_is_taken_though_two_formats_could_differ(written: str) -> None:
    assert parse_date("%d/%m/%Y", "%m/%d/%Y").one(written).value.month == 3


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("31/02/1962", "February 1962 has no day 31"),
        ("29/02/1900", "February 1900 has no day 29"),
        ("01/13/1962", "there is no month 13"),
        ("01/01/0000", "there is no year 0"),
        ("1/1/62", "does not fit %d/%m/%Y"),
        ("1962", "does not fit %d/%m/%Y"),
        ("01/01/1962 10:00", "does not fit %d/%m/%Y"),
        ("٠١/٠١/١٩٦٢", "digits of another script, and with them maybe of another calendar"),
    ],
)
def test_what_is_no_date_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert parse_date("%d/%m/%Y").one(written) == Cell(value=None, reason=reason)


def test_numbers_side_by_side_need_all_their_digits() -> None:
    assert parse_date("%d%m%Y").one("01121962").value == date(1962, 12, 1)
    assert parse_date("%d%m%Y").one("1121962").value is None  # 1 December or 11 February


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("%d/%m/%y", "leaves the century open"),
        ("%d/%m", "must have one day"),
        ("%d/%m/%Y %H", "has %H, which is none of"),
        ("%d/%m/%b/%Y", "must have one day"),
        ("%d/%m/%Y%", "has %, which is none of"),
    ],
)
def test_a_format_that_leaves_something_open_is_refused_when_declared(format: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_date(format)


def test_more_formats_than_anybody_reads_are_refused() -> None:
    with pytest.raises(ValueError, match="up to 20 formats"):
        parse_date(*["%Y-%m-%d"] * 21)


@pytest.mark.parametrize(
    "written",
    [
        "1962-04-03", "1962/4/3", "1962.04.03", "19620403", "\ufeff1962-04-03\u00a0", "1962-04-03T00:00:00",
        "3 April 1962", "3. April 1962", "3rd of april, 1962", "03-APR-1962", "April 3, 1962", "Apr. 3rd 1962",
        "1962 Apr 3",
    ],
)  # fmt: skip
def test_without_a_format_what_has_one_reading_is_read(written: str) -> None:
    assert parse_date().one(written) == Cell(value=date(1962, 4, 3))


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("03/04/1962", "03/04/1962 is 3 April 1962 (%d/%m/%Y) or 4 March 1962 (%m/%d/%Y)"),
        ("2024-13-01", "there is no month 13"),
        ("10", "not a date in a form that is known"),
        ("3/4/62", "the century is missing"),
        ("31/02/1962", "February 1962 has no day 31"),
        ("45123", "a number: days as Excel counts them have to be declared"),
        ("1962-04-03 10:00", "a time of day beside the date"),
        ("1962-04-03T00:00:00Z", "a time of day beside the date"),
        ("3 Avril 1962", "not a date in a form that is known"),
    ],
)
def test_without_a_format_what_is_unsure_is_declined(written: str, reason: str) -> None:
    assert parse_date().one(written) == Cell(value=None, reason=reason)


@pytest.mark.parametrize(
    ("system", "serial", "day"),
    [
        ("1900", "1", date(1900, 1, 1)),
        ("1900", "59", date(1900, 2, 28)),
        ("1900", "61", date(1900, 3, 1)),
        ("1900", "36526.0", date(2000, 1, 1)),
        ("1900", "2958465", date(9999, 12, 31)),
        ("1904", "1", date(1904, 1, 2)),
        ("1904", "60", date(1904, 3, 1)),
        ("1904", "35064", date(2000, 1, 1)),
    ],
)
def test_days_as_excel_counts_them(system: Literal["1900", "1904"], serial: str, day: date) -> None:
    assert parse_date(excel=system).one(serial) == Cell(value=day)
    assert parse_date("%d/%m/%Y", excel=system).one(serial) == Cell(value=day)


def test_days_that_excel_counts_and_no_calendar_has_are_declined() -> None:
    step = parse_date(excel="1900")
    assert step.one("60").reason == "60 is 29 February 1900 in Excel, a day that never was"
    assert step.one("0").reason == "0 is no day that somebody chose in Excel"
    assert step.one("-1").reason == "-1 is no day in Excel"
    assert step.one("2958466").reason == "a number beyond Excel's last day"
    assert step.one("36526.5").value is None  # a time of day
    column = pa.array([36526.0, 60.0, None])
    assert step.load(Resources())(column, {}).values.to_pylist() == [date(2000, 1, 1), None, None]


def test_two_digits_are_a_year_where_a_pivot_is_declared() -> None:
    step = parse_date("%d/%m/%y", pivot=30)
    assert (step.one("3/4/29").value, step.one("3/4/30").value) == (date(2029, 4, 3), date(1930, 4, 3))
    assert parse_date(pivot=30).one("25/12/99").value == date(1999, 12, 25)
    assert parse_date(pivot=30).one("3/4/05").value is None


def test_months_are_read_in_a_declared_language() -> None:
    assert parse_date(language="de").one("3. März 1962") == Cell(value=date(1962, 3, 3))
    assert parse_date("%d %B %Y", language="fr").one("14 juillet 1789") == Cell(value=date(1789, 7, 14))
    assert parse_date(language="de").one("3 March 1962") == Cell(value=date(1962, 3, 3))
    with pytest.raises(ValueError, match="no names of months in the language 'xx'"):
        parse_date(language="xx")


def born(works: Works, column: list[str | None], **settings: Any) -> list[date | None]:
    works.gather([{"id": number, "born": written} for number, written in enumerate(column)], schema=BORN)
    works.build(col.born >> parse_date(), key="id", settings=settings)
    return [row["born"] for row in works.table(order="id")]


def test_one_day_above_twelve_proves_the_order_of_the_column(works: Works) -> None:
    column = ["03/04/1962", "25/12/1970", None, "03.04.1962", "3 May 1962"]
    # What is proved of one mark says nothing about another.
    assert born(works, column) == [date(1962, 4, 3), date(1970, 12, 25), None, None, date(1962, 5, 3)]
    assert [(row["original"], row["reason"]) for row in works.table("__quarantine")] == [
        ("03.04.1962", "day and month can't be told apart in this column")
    ]
    evidence = {row["group"]: json.loads(row["value"]) for row in works.table("__fit")}
    assert evidence == {
        "%d %B %Y": {"read": True, "values": 1, "against": 0},
        "%d.%m.%Y": {"read": True, "values": 1, "against": 0},
        "%m.%d.%Y": {"read": True, "values": 1, "against": 0},
        "%d/%m/%Y": {"read": True, "values": 2, "against": 0},
        "%m/%d/%Y": {"read": False, "values": 1, "against": 1},
    }
    assert {row["step"] for row in works.table("__fit")} == {"parse_date born, version 2"}


def test_what_a_column_proved_holds_until_refit(works: Works) -> None:
    assert born(works, ["03/04/1962", "25/12/1970"]) == [date(1962, 4, 3), date(1970, 12, 25)]
    american = ["03/04/1962", "12/25/1970"]
    assert born(works, american) == [date(1962, 4, 3), None]
    assert [row["reason"] for row in works.table("__quarantine")] == ["there is no month 25"]
    assert born(works, american, refit=True) == [date(1962, 3, 4), date(1970, 12, 25)]


def test_a_column_that_proves_both_orders_proves_none(works: Works) -> None:
    column = ["03/04/1962", "25/12/1970", "12/25/1970", "05/05/1955"]
    assert born(works, column) == [None, date(1970, 12, 25), date(1970, 12, 25), date(1955, 5, 5)]


def test_a_column_without_a_date_proves_nothing_yet(works: Works) -> None:
    assert born(works, [None, "x"]) == [None, None]
    assert not works.lake.has(f"{works.name}__fit")
    assert born(works, ["03/04/1962", "25/12/1970"]) == [date(1962, 4, 3), date(1970, 12, 25)]


ANY_DATE = st.builds(
    lambda a, b, c, marks: f"{a}{marks[0]}{b}{marks[1]}{c}",
    st.integers(0, 32), st.integers(0, 32), st.one_of(st.integers(0, 32), st.integers(0, 2100)),
    st.sampled_from(["//", "--", "..", "  ", "/-"]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.one_of(ANY_DATE, ANY_DATE.map(lambda text: f"\ufeff{text} ")), max_size=20), st.data())
def test_a_whole_column_becomes_what_each_value_becomes(column: list[str], data: st.DataObject) -> None:
    formats = data.draw(st.lists(st.sampled_from([*FORMATS[:4], "%d.%m.%Y", "%y/%m/%d"]), max_size=3))
    step = parse_date(*formats, pivot=data.draw(st.sampled_from([30, 100])))
    cleaned = step.load(Resources())(pa.array(column, pa.string()), {})
    each = [parsed(written, reader=step.reader(), is_fitted=False) for written in column]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


NAMED_DATE = st.builds(
    lambda day, month, year, mark, form, after: mark.join([day + after, month, year][place] for place in form),
    st.sampled_from(["0", "1", "03", "29", "31", "32"]),
    st.sampled_from(["2", "02", "13", "feb", "Feb.", "MARCH", "M\xc4RZ", "sept", "\u0130", "mai\n", "of May"]),
    st.sampled_from(["0", "24", "1900", "2024", "9999", "2024 00:00", "2024T00:00:00.0", "02024"]),
    st.sampled_from([" ", "/", "-", "", ", ", "  "]),
    st.permutations([0, 1, 2]),
    st.sampled_from(["", "", "st", "rd", ".", ","]),
)
NAMED_STEPS = [
    parse_date(),
    parse_date(language="de", pivot=30),
    parse_date("%d %b %Y", "%b %d, %Y", "%d%m%Y", "%m%d%Y", language="de"),
    parse_date("%d/%m/%Y", "%B/%d/%Y", "%Y%b%d"),
    parse_date("%m%Y%d", "%y%m%d", "1/%d/%m%y", pivot=30, excel="1900"),
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(NAMED_STEPS), st.lists(st.one_of(NAMED_DATE, NAMED_DATE.map(" {}\u00a0".format)), max_size=12))
def test_dates_with_names_of_months_become_what_each_becomes(step: ParseDate, column: list[str]) -> None:
    cleaned = step.load(Resources())(pa.array(column, pa.string()), {})
    each = [parsed(written, reader=step.reader(), is_fitted=False) for written in column]
    assert list(zip(cleaned.values.to_pylist(), cleaned.reasons.to_pylist(), strict=True)) == each


@settings(deadline=None)
@given(st.lists(st.one_of(NAMED_DATE, ANY_DATE), unique=True, max_size=12))
def test_a_column_proves_what_its_values_prove_one_by_one(column: list[str]) -> None:
    reader = parse_date(pivot=30).reader()
    proof = Proof(reader)
    proof.add(pa.array(column, pa.string()))
    assert +proof.fits == Counter(format for written in column for format in formats_of(written, reader))


def formats_of(written: str, reader: DateReader) -> set[str]:
    """The formats that read one text as a day of the calendar; of those that are not numbers alone, the first one."""
    bare = written.strip(AROUND)
    if not TRIPLE.fullmatch(bare):
        return set(reader.dates(bare)[0].values())
    return {reading.format for reading in reader.readings(bare) if is_a_day(reading)}


def is_a_day(reading: Reading) -> bool:
    try:
        date(reading.year, reading.month, reading.day)
    except ValueError:
        return False
    return True


def test_letters_that_arrow_makes_small_are_those_that_python_makes() -> None:
    letters = [chr(code) for code in range(0x3000) if not chr(code).isspace()]
    for letter, small in zip(letters, small_letters(pa.array(letters)).to_pylist(), strict=True):
        assert small in (None, "", letter.lower())
    written = pa.array(["M\xc4RZ", "\u0130", "\u041c\u0410\u0419"])
    assert small_letters(written).to_pylist() == ["m\xe4rz", None, "\u043c\u0430\u0439"]


def test_every_day_of_four_centuries_has_its_number() -> None:
    days = [date(1599, 12, 31) + timedelta(days=number) for number in range(146_200)]
    cleaned = parse_date("%Y-%m-%d").load(Resources())(pa.array([day.isoformat() for day in days]), {})
    assert cleaned.values.equals(pa.array(days))


def test_dates_stay_dates() -> None:
    column = pa.array([date(1962, 4, 3), None])
    assert parse_date("%d/%m/%Y").load(Resources())(column, {}).values.equals(column)


@settings(deadline=None)
@given(DAYS, st.sampled_from(FORMATS))
def test_a_printed_date_is_read_back(day: date, format: str) -> None:
    assert parse_date(format).one(day.strftime(format)) == Cell(value=day)


@settings(deadline=None)
@given(st.lists(st.one_of(DAYS.map(str), st.text("0123456789-/ ", max_size=10), st.none()), max_size=20))
def test_what_is_accepted_is_what_duckdb_accepts(engine: DuckDB, column: list[str | None]) -> None:
    ours = parse_date("%Y-%m-%d").load(Resources())(pa.array(column, pa.string()), {}).values.to_pylist()
    query = "SELECT try_strptime(unnest($1::VARCHAR[]), '%Y-%m-%d')::DATE"
    theirs = [row[0] for row in engine.execute(query, [column])]
    for written, our, their in zip(column, ours, theirs, strict=True):
        # DuckDB also takes years of fewer digits; ours are a part of its.
        assert our is None or our == their, written
        if their is not None and their >= date(1000, 1, 1):
            assert our == their, written


def test_every_day_of_a_leap_year_is_read() -> None:
    days = [date(2000, 1, 1) + timedelta(days=number) for number in range(366)]
    cleaned = parse_date("%d %B %Y").load(Resources())(pa.array([day.strftime("%d %B %Y").upper() for day in days]), {})
    assert cleaned.values.to_pylist() == days


def test_names_of_months_in_another_language_are_of_a_version_of_their_list() -> None:
    assert parse_date("%d %B %Y", language="de").version == f"2, babel {metadata.version('babel')}"
    assert parse_date("%d %B %Y").version == "2"
    assert parse_timestamp(language="de").version == f"1, babel {metadata.version('babel')}"

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.engines.csv import write_csv


def written(table: pa.Table) -> str:
    sink = io.BytesIO()
    assert write_csv(table.to_batches(), table.schema, sink=sink) == table.num_rows
    return sink.getvalue().decode()


def cells(table: pa.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(table), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "'="])
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cells(pa.table({"note": [start + "1+1"]}))[1] == ["'" + start + "1+1"]


def test_numbers_below_zero_stay_numbers() -> None:
    assert cells(pa.table({"n": [-1], "money": [Decimal("-1.50")], "share": [-0.5]}))[1] == ["-1", "-1.50", "-0.5"]


def test_a_telephone_number_is_no_formula() -> None:
    texts = ["+4930901820", "-1.234,50", "+1 202 555 0100", "+cmd|x", "-", "- see below", "+1-2", "+1\n=2"]
    found = [row[0] for row in cells(pa.table({"phone": texts, "n": range(len(texts))}))[1:]]
    assert found == [*texts[:3], *(f"'{text}" for text in texts[3:])]


def test_a_column_name_is_kept_from_being_a_formula_too() -> None:
    assert cells(pa.table({"=cmd|x": [1]}))[0] == ["'=cmd|x"]


def test_no_value_and_an_empty_text_stay_two_things() -> None:
    assert written(pa.table({"a": [1, 2], "note": ["", None]})) == '"a","note"\n1,""\n2,\n'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1))
def test_every_text_comes_back_once_one_apostrophe_is_taken_off(texts: list[str]) -> None:
    formula = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

    number = re.compile(r"[+-][0-9][0-9 .,]*")

    def undone(cell: str) -> str:
        return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(formula) else cell

    found = [row[0] for row in cells(pa.table({"note": texts, "n": range(len(texts))}))[1:]]
    assert [undone(cell) for cell in found] == texts
    assert not any(cell.startswith(formula) and not number.fullmatch(cell) for cell in found)


def test_values_that_csv_has_no_form_for_are_written_as_text() -> None:
    table = pa.table(
        {
            "list": [[1, 2]],
            "nested": [{"a": "=1", "at": dt.date(2026, 1, 2)}],
            "bytes": [b"\x00\xff"],
            "kind": pa.array(["=x"]).dictionary_encode(),
            "view": pa.array(["-y"], pa.string_view()),
            "took": [dt.timedelta(minutes=2)],
            "gap": pa.array([pa.MonthDayNano([1, 2, 3])]),
            "none": pa.nulls(1),
        }
    )
    row = dict(zip(table.column_names, cells(table)[1], strict=True))
    assert row == {
        "list": "[1, 2]",
        "nested": '{"a": "=1", "at": "2026-01-02"}',
        "bytes": "00ff",
        "kind": "'=x",
        "view": "'-y",
        "took": "0:02:00",
        "gap": "P1M2DT0.000000003S",
        "none": "",
    }


def test_infinity_and_far_years_are_written_as_duckdb_writes_them() -> None:
    days = pa.array([2**31 - 1, None, 0, 35804357, 1 - 2**31], pa.int32()).view(pa.date32())
    moments = pa.array([2**63 - 1, None, 0, -63517820277000000, 1], pa.int64()).view(pa.timestamp("us", tz="UTC"))
    plain = pa.table({"day": days[1:3], "at": moments[1:3]})
    assert written(plain) == '"day","at"\n,\n1970-01-01,1970-01-01 00:00:00.000000Z\n'
    assert cells(pa.table({"day": days, "at": moments}))[1:] == [
        ["infinity", "infinity"],
        ["", ""],
        ["1970-01-01", "1970-01-01 00:00:00.000000Z"],
        ["99999-01-01", "0044-03-15 (BC) 01:02:03+00"],
        ["'-infinity", "1970-01-01 00:00:00.000001Z"],
    ]


def test_numbers_and_moments_are_exact() -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    table = pa.table(
        {
            "n": [2**63 - 1],
            "money": pa.array([Decimal("12345678901234567890.1234")], pa.decimal128(38, 4)),
            "at": pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")),
            "berlin": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
            "day": [moment.date()],
        }
    )
    assert cells(table)[1] == [
        "9223372036854775807",
        "12345678901234567890.1234",
        "2026-01-02 03:04:05.000006",
        "2026-01-02 04:04:05.000006+0100",
        "2026-01-02",
    ]

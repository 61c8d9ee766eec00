from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pandas as pd
import pytest

from pumphouse.declare.formats import excel
from pumphouse.errors import ConfigError, SourceError
from pumphouse.sources.files import workbooks


def book(*sheets: tuple[str, list[list[object]]], change=lambda made: None) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    change(made)
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()


LEAP = dt.datetime.fromisoformat("2024-02-29")
WHEN = dt.datetime.fromisoformat("2024-01-02T03:04:05")


def test_cells_keep_their_types_and_blank_rows_are_none(desk):
    rows = [
        ["id", "when", "ok", "price", "note", "took"],
        [1, WHEN, True, 1.5, "ä", dt.timedelta(hours=30)],
        [],
        [2, LEAP, False, 2, "007", None],
    ]
    came = desk.read({"a.xlsx": book(("Sheet", rows))})
    assert came.rows == [(1, WHEN, True, 1.5, "ä", 108_000), (2, LEAP, False, 2.0, "007", None)]
    assert [*came.types.values()][:5] == ["int64", "timestamp[us]", "bool", "double", "string"]
    assert came.raw[0].endswith("/Sheet")
    assert (came.ledger, came.warnings) == ([], [])


def test_errors_and_formulas_without_a_value_are_null_and_quarantined(desk):
    def change(made):
        sheet = made["Sheet"]
        for place, text in (("B2", "#N/A"), ("B3", "#DIV/0!")):
            sheet[place] = text
            sheet[place].data_type = "e"
        sheet["B4"] = '=SUM(A2:A3)&"<"'
        sheet["B5"] = "#N/A"
        sheet["B5"].data_type = "s"

    came = desk.read({"a.xlsx": book(("Sheet", [["id", "n"], [1], [2], [None], [4]]), change=change)})
    assert came.rows == [(1, None), (2, None), (None, None), (4, "#N/A")]
    assert came.cells == [
        ("n", "#N/A", "is an error of the spreadsheet"),
        ("n", "#DIV/0!", "is an error of the spreadsheet"),
        ("n", '=SUM(A2:A3)&"<"', "is a formula that no program has computed yet"),
    ]
    assert came.ledger[0]["row_id"].endswith("/Sheet:2")


def test_titles_above_the_header_are_told_and_merged_cells_have_their_value_once(desk):
    def change(made):
        made["Plan"].merge_cells("A1:C1")
        made["Plan"].merge_cells("A4:A5")

    rows = [["Budget 2024"], [], ["team", "month", None, "eur"], ["a", "jan", None, 1], [None, "feb", None, 2]]
    came = desk.read({"a.xlsx": book(("Plan", rows), change=change)})
    assert came.rows == [("a", "jan", 1), (None, "feb", 2)]
    assert list(came.types) == ["team", "month", "eur"]
    assert came.warnings == [
        "a.xlsx/Plan: its header is in row 3, below 1 that are not read; ph.excel(header_row=3) says so for good"
    ]
    assert desk.read({"a.xlsx": book(("Plan", rows))}, excel(header_row=3)).rows == came.rows
    with pytest.raises(ConfigError, match=r"a\.xlsx/Plan has 5 rows, and header_row is 9"):
        desk.read({"a.xlsx": book(("Plan", rows))}, excel(header_row=9))


def test_of_several_sheets_one_or_a_pattern_is_chosen_by_name(desk):
    body = book(("2023", [["n"], [1]]), ("2024", [["n"], [2]]), ("Notes", [["x"], ["y"]]), ("Empty", []))
    with pytest.raises(SourceError, match=r"it has 3 sheets: 2023, 2024, Notes\. Say which: .*sheet=\"2023\""):
        desk.read({"a.xlsx": body})
    assert desk.read({"a.xlsx": body}, excel(sheet="2024")).rows == [(2,)]
    came = desk.read({"a.xlsx": body}, excel(sheet="20*"))
    assert [(raw.rpartition("/")[2], *row) for raw, row in zip(came.raw, came.rows, strict=True)] == [
        ("2023", 1),
        ("2024", 2),
    ]
    with pytest.raises(SourceError, match=r"no sheet is called 'notes'; .*Did you mean 'Notes'"):
        desk.read({"a.xlsx": body}, excel(sheet="notes"))

    def hide(made):
        made["Notes"].sheet_state = "hidden"

    assert desk.read({"a.xlsx": book(("a", [["n"], [1]]), ("Notes", [["x"]]), change=hide)}).rows == [(1,)]
    with pytest.raises(SourceError, match="nothing in it"):
        desk.read({"a.xlsx": book(("Empty", []))})


def test_what_pandas_writes_comes_back(desk):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [WHEN, LEAP]})
    sink = io.BytesIO()
    frame.to_excel(sink)
    came = desk.read({"a.xlsx": sink.getvalue()})
    assert came.types == {"column_1": "int64", "a": "int64", "b": "string", "c": "timestamp[us]"}
    assert came.rows[1] == (1, 2, None, LEAP)


MANIFEST = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" office:version="1.2"><office:body><office:spreadsheet>
<table:table table:name="T"><table:table-row>
<table:table-cell office:value-type="string"><text:p>id</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>day</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="7"><text:p>7</text:p></table:table-cell>
<table:table-cell office:value-type="date" office:date-value="2024-01-02"><text:p>2 Jan</text:p></table:table-cell>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def test_an_open_document_is_read_also_within_a_zip(desk):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", ODS.replace("\n<", "<"))
    assert desk.read({"a.ods": sink.getvalue()}).rows == [(7, dt.date(2024, 1, 2))]
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("in/a.ods", sink.getvalue())
    assert desk.read({"a.zip": outer.getvalue()}).rows == [(7, dt.date(2024, 1, 2))]


def test_a_bomb_and_what_is_no_workbook_are_refused(desk, monkeypatch):
    for body in (b"PK\x03\x04 no zip", b"no workbook", book(("a", [["n"], [1]]))[:-30]):
        with pytest.raises(SourceError, match=r"a\.xlsx"):
            desk.read({"a.xlsx": body})
    monkeypatch.setattr(workbooks, "PLAIN_BYTES_MAX", 1000)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", bytes(5_000_000))
    with pytest.raises(SourceError, match=r"a\.xlsx: its [\d,]+ bytes would become 5,000,000"):
        desk.read({"a.xlsx": sink.getvalue()})


def test_a_cell_far_from_all_others_is_refused_before_room_is_made_for_it(desk):
    def change(made):
        made["Sheet"]["XFD1048576"] = 1

    with pytest.raises(SourceError, match="so far apart that there are 17,179,869,184 between"):
        desk.read({"a.xlsx": book(("Sheet", [["id"], [1]]), change=change)})

    def near(made):
        made["Sheet"]["B5000"] = 1

    assert len(desk.read({"a.xlsx": book(("Sheet", [["id", "n"], [1]]), change=near)}).rows) == 2

"""Where a header may stand, and what is blanked out of the text."""

from __future__ import annotations

import pytest

from pumphouse.graph.documents import read_page, read_sql
from pumphouse.graph.headers import declared, read_sql_header


@pytest.mark.parametrize("before", ["", "\n\n", "-- a\n-- b\n", "/* (c) the shop */\n", " /* a\nb */ -- c\n\t"])
def test_header_stands_first_but_for_comments(before: str) -> None:
    text = f'{before}/* pumphouse\nkey = "id"\ndoc = """two\nlines""" */ SELECT id'
    header, rest, faults = read_sql_header(text)
    assert faults == []
    assert header is not None
    assert header.values == {"key": "id", "doc": "two\nlines"}
    line = before.count("\n") + 1
    assert (header.line, header.lines) == (line, {"key": line + 1, "doc": line + 2})
    assert len(rest) == len(text)
    assert rest.count("\n") == text.count("\n")
    assert rest.endswith("SELECT id")
    assert "pumphouse" not in rest


def test_comment_before_the_query_does_not_swallow_it() -> None:
    header, _, faults = read_sql_header("/* a */ SELECT 1 /* b */ /* pumphouse */")
    assert header is None
    assert faults[0].what == "the header is not a closed comment at the top of the file"


@pytest.mark.timeout(30)  # a pattern that looks back at what it has read would take for ever
def test_long_files_without_a_header_are_read_at_once() -> None:
    for text in (
        "\n" * 20_000 + "SELECT 1",
        "-- x\n" * 5_000 + "SELECT 1",
        "/* x */" * 5_000,
        "/*" * 5_000,
        " " * 20_000,
    ):
        assert read_sql_header(text)[0] is None
        assert read_page(text).header is None


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("key = 99999999999999999999999", "a number that is too large"),
        ('key = "a"\nkey = "b"', "the header is not TOML"),
        ("retries = -1", "a whole number from 0 up"),
        ("retries = true", "a whole number from 0 up"),
        ("timeout_s = 0", "seconds above 0"),
        ("doc = 3", "expected text in quotes, found 3"),
        ('key = ["a", 1]', "a name or a list of names"),
        ("time = { evnt = 'a' }", 'expected { event = "<column>"'),
        ('every = ["1h"]', "expected text in quotes"),
    ],
)
def test_wrong_values(header: str, what: str) -> None:
    document = read_sql(f"/* pumphouse\n{header} */ SELECT a, b FROM c")
    faults = [*document.faults, *declared(document.header, kind="sql")[1]]
    assert [what in fault.what for fault in faults] == [True]
    assert faults[0].line in (1, 2, 3)


def test_header_shown_in_a_block_of_a_page_is_no_header() -> None:
    page = read_page("# How to\n\n```\n<!-- pumphouse -->\n```\n\n<!-- pumphouse in words -->\n")
    assert page.header is None
    assert page.faults == ()
    late = read_page("# Report\n\n<!-- pumphouse -->\n")
    assert [fault.line for fault in late.faults] == [3]


def test_windows_line_ends_and_marks_change_nothing(write) -> None:
    from pumphouse.graph.assets import load

    text = '/* pumphouse\nkey = "id" */\nSELECT id,\n 1 AS one\n'
    folder = write({"orders.sql": text, "page.md": "<!-- pumphouse -->\n# Page\n"})
    before = {name: asset.fingerprint for name, asset in load(folder).assets.items()}
    (folder / "orders.sql").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (folder / "page.md").write_bytes(b"<!-- pumphouse -->\r\n# Page\r\n")
    assert {name: asset.fingerprint for name, asset in load(folder).assets.items()} == before

"""The terminal of the docs' examples sees when a page and a program part."""

from __future__ import annotations

import pytest
from tests.docs.shell import typed, unlike

PRINTED = """\
built        0.7 s  sales           80 out
    1 chart, 80 rows
built       12.0 s  to_bookkeeping  79 in, 79 out
2 built in 12.8 s; snapshot 34.
"""


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED,
        PRINTED.replace("12.8 s", "9 s").replace("snapshot 34", "snapshot 7").replace("    ", " "),
        "…\n    1 chart, 80 rows\n…",
        "built … sales 80 out\n…\n2 built in …",
    ],
)
def test_what_a_page_leaves_open_may_differ(shown: str) -> None:
    assert unlike(shown, PRINTED) is None


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("…\n    1 chart, 81 rows\n…", "1 chart, 81 rows"),
        ("    1 chart, 80 rows\n…", "1 chart, 80 rows"),
        ("…\n2 built in 9 s; snapshot 7.\nand more", "and more"),
        ("built 0.7 s sales 80 out", "(also printed: 1 chart, 80 rows)"),
        ("", "(also printed: built SECONDS sales 80 out)"),
    ],
)
def test_a_line_that_is_not_printed_or_not_shown_is_told(shown: str, told: str) -> None:
    assert unlike(shown, PRINTED) == told


def test_a_console_is_commands_with_what_they_print() -> None:
    console = "$ pumphouse run \\\n    --full\ndone\n$ cd shop\n$ ls\na\nb\n"
    assert list(typed(console)) == [("pumphouse run \\\n    --full", "done"), ("cd shop", ""), ("ls", "a\nb")]

"""The guides about cleaning: every example gives what it says, and every name that users import is told of."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import pumphouse.cleaning
from pumphouse.cleaning.named import STEPS
from pumphouse.declare.asset import Declaration

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guides"
GUIDES = {
    # page: examples on it
    "cleaning.md": 3,
    "contacts.md": 21,
    "personal-data.md": 6,
    "phones-and-ips.md": 26,
    "dates-and-numbers.md": 33,
    "text-and-codes.md": 22,
    "gaps-and-outliers.md": 0,
    "quarantine.md": 0,
    "duplicates.md": 0,
    "shorthand.md": 4,
}


@pytest.mark.parametrize("page", GUIDES)
def test_every_example_of_a_guide_gives_what_it_says(page: str) -> None:
    # To a doctest, the fence that closes an example would be part of its output.
    examples = (FOLDER / page).read_text(encoding="utf-8").replace("\n```", "\n\n```")
    test = doctest.DocTestParser().get_doctest(examples, {}, page, str(FOLDER / page), 0)
    assert len(test.examples) == GUIDES[page]
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("page", GUIDES)
def test_the_declarations_of_a_guide_declare(page: str) -> None:
    for code in re.findall(r"```python\n(from .*?)```", (FOLDER / page).read_text(encoding="utf-8"), re.DOTALL):
        names: dict[str, object] = {}
        exec(compile(code, str(FOLDER / page), "exec"), names)
        assert any(isinstance(value, Declaration) for value in names.values())


def test_every_name_that_users_import_is_in_a_guide() -> None:
    guides = "".join((FOLDER / page).read_text(encoding="utf-8") for page in GUIDES)
    public = set(pumphouse.cleaning.__all__)
    assert [name for name in sorted(public | set(STEPS)) if name not in guides] == []


def test_the_overview_has_one_line_for_every_step() -> None:
    overview = (FOLDER / "cleaning.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\w+)` \| .+ \| \[.+\]\(.+\) \|$", overview, re.MULTILINE)
    assert sorted(lines) == sorted(set(pumphouse.cleaning.__all__) - {"Cell", "clean", "col"})

from __future__ import annotations

from pathlib import Path

import pytest

from pumphouse.cleaning import Cell, categories
from pumphouse.cleaning.step import Resources, one


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    lines = "variant,value,note\nKoeln,Köln,\nNYC,New York,\nBern,Bern,stays\n"
    (tmp_path / "cities.csv").write_text(lines, encoding="utf-8")
    return Resources(folder=tmp_path)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Koeln", "Köln"), ("Ko\u0308ln", "Köln"), (" NYC\u00a0", "New York"), ("New  York", "New York"),
        ("nyc", "nyc"), ("Bern", "Bern"), (" Paris ", " Paris "), ("N/A", "N/A"),
    ],
)  # fmt: skip
def test_only_what_the_file_names_is_merged(written: str, value: str, resources: Resources) -> None:
    assert one(categories("cities.csv"), written, {}, resources=resources) == Cell(value=value)


def test_other_values_are_declined_where_declared(resources: Resources) -> None:
    step = categories("cities.csv", others="decline")
    assert one(step, "NYC", {}, resources=resources) == Cell(value="New York")
    assert one(step, "Köln", {}, resources=resources) == Cell(value="Köln")
    reason = "not a value of the file of categories"
    assert one(step, "Paris", {}, resources=resources) == Cell(value=None, reason=reason)


def test_the_file_is_an_input_of_the_table() -> None:
    assert categories("cities.csv").files == ("cities.csv",)


def test_what_else_to_do_with_others_is_refused() -> None:
    with pytest.raises(ValueError, match="'keep' or 'decline', not 'drop'"):
        categories("cities.csv", others="drop")  # type: ignore[arg-type]

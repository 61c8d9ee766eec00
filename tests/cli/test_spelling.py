from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cities(pumphouse: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pumphouse.toml").write_text('name = "shop"\n')
    values = ["Köln"] * 3 + ["koln"] * 2 + ["New York"] * 2 + ["NewYork", "Paris", ""]
    (folder / "people.sql").write_text(
        "SELECT unnest([" + ", ".join(f"nullif('{value}', '')" for value in values) + "]) AS city\n", encoding="utf-8"
    )
    assert pumphouse("run", cwd=folder).code == 0
    return folder


def test_spellings_are_proposed_as_lines_of_the_file(pumphouse: Any, cities: Path) -> None:
    done = pumphouse("categories", "people.city", cwd=cities)
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "variant,value,note",
            "koln,Köln,fingerprint: 2 against 3 rows",
            "NewYork,New York,n-gram fingerprint: 1 against 2 rows",
        ],
    )
    assert not list(cities.glob("*.csv"))


def test_they_are_told_as_json_with_counts_and_the_read_is_logged(pumphouse: Any, cities: Path) -> None:
    assert "ann" not in pumphouse("adoption", cwd=cities).out
    done = pumphouse("categories", "people.city", "--method", "fingerprint", "--json", cwd=cities)
    assert done.json == [
        {"variant": "koln", "value": "Köln", "method": "fingerprint", "variant_rows": 2, "value_rows": 3}
    ]
    assert "ann" in pumphouse("adoption", cwd=cities).out


def test_accepted_lines_are_appended_and_not_proposed_again(pumphouse: Any, cities: Path) -> None:
    ask = ("categories", "people.city", "--file", "cities.csv")
    assert pumphouse(*ask, "--value", "Köln", "--accept", cwd=cities).code == 0
    first = "variant,value,note\nkoln,Köln,fingerprint: 2 against 3 rows\n"
    assert (cities / "cities.csv").read_text(encoding="utf-8") == first
    assert pumphouse(*ask, "--accept", cwd=cities).out.splitlines()[1:] == [
        "NewYork,New York,n-gram fingerprint: 1 against 2 rows"
    ]
    assert pumphouse(*ask, cwd=cities).out == "No spellings that are likely one.\n"
    (cities / "clean.py").write_text(
        "from pumphouse.cleaning import categories, clean, col\n\n"
        'tidy = clean("people", col.city >> categories("cities.csv"))\n'
    )
    assert pumphouse("run", cwd=cities).code == 0
    counted = pumphouse("query", "SELECT city, count(*) AS n FROM tidy GROUP BY ALL ORDER BY n DESC, city", cwd=cities)
    assert [line.split()[-1] for line in counted.out.splitlines()[2:-1]] == ["5", "3", "1", "1"]


def test_what_is_no_column_is_refused(pumphouse: Any, cities: Path) -> None:
    assert "Write TABLE.COLUMN" in pumphouse("categories", "people", cwd=cities).err
    assert "Did you mean 'people'?" in pumphouse("categories", "peple.city", cwd=cities).err
    assert pumphouse("categories", "people.town", cwd=cities).code == 1
    assert "--file cities.csv --accept" in pumphouse("categories", "people.city", "--accept", cwd=cities).err

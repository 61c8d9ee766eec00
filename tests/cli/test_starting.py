from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_new_project_runs_as_the_next_commands_say(pumphouse: Any, tmp_path: Path) -> None:
    made = pumphouse("new", "shop")
    assert made.code == 0
    commands = [line.strip() for line in made.out.splitlines() if line.startswith("    ")]
    assert commands == ["cd shop", "pumphouse run", "pumphouse show orders", 'pumphouse query "FROM orders"']
    run = pumphouse("run", cwd=tmp_path / "shop")
    assert run.code == 0, run.out
    assert "orders_report" in run.out
    assert pumphouse("run", cwd=tmp_path / "shop").out.startswith("Nothing to do")


def test_a_new_project_starts_at_a_file(pumphouse: Any, tmp_path: Path) -> None:
    (tmp_path / "Visits 2024.csv").write_text("Visit ID,Page\n1,home\n2,home\n3,cart\n")
    made = pumphouse("new", "visits", "--from", "Visits 2024.csv", "--json").json
    assert (made["source"], made["table"], made["rows"]) == ("raw_visits_2024", "visits_2024", 3)
    run = pumphouse("run", cwd=tmp_path / "visits")
    assert run.code == 0, run.out
    rows = pumphouse("query", "FROM visits_2024", "--format", "json", cwd=tmp_path / "visits").json
    assert rows[0] == {"visit_id": 1, "Page": "home"}


def test_a_new_project_says_how_its_file_is_read_and_what_was_withheld(pumphouse: Any, tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_bytes("nr;name\n1;Jürgen\n2\n".encode("cp1252"))
    made = pumphouse("new", "mine", "--from", "kunden.csv")
    assert made.code == 0
    assert "a source (1 row), a table" in made.out
    assert 'Withheld: 1 row. See why: pumphouse query "FROM raw_kunden__quarantine"' in made.out
    assert "gather.py reads it as cp1252" in made.out
    assert "line 3" in pumphouse("query", "FROM raw_kunden__quarantine", cwd=tmp_path / "mine").out


def test_a_new_project_from_nothing_leaves_nothing(pumphouse: Any, tmp_path: Path) -> None:
    missing = pumphouse("new", "shop", "--from", "orders.csv")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith("error: orders.csv is not there")
    (tmp_path / "empty.csv").touch()
    empty = pumphouse("new", "shop", "--from", "empty.csv")
    assert (empty.code, empty.out) == (1, "")
    assert "empty.csv: nothing in it" in empty.err
    assert not (tmp_path / "shop").exists()

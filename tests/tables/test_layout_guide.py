"""The examples of layout.md, as a project of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq

from pumphouse.project.opening import open_project
from pumphouse.project.project import Project

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "layout.md"
ROWS = "ticket_id,opened_at,country,subject,email\n" + "".join(
    f"t{number:02d},{2020 + number % 3}-05-{1 + number * 7 % 28:02d} 10:00,{'FD'[number % 2]}E,late,m{number}@x.org\n"
    for number in range(40)
)


def test_the_examples_of_the_guide_run_and_a_changed_layout_builds_nothing_anew(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(sql|python)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "pumphouse.toml").write_text('name = "tickets"\n', encoding="utf-8")
    (tmp_path / "tickets").mkdir()
    (tmp_path / "tickets" / "all.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "gather.py").write_text(blocks["python"], encoding="utf-8")
    (tmp_path / "tickets.sql").write_text(blocks["sql"], encoding="utf-8")
    with open_project(tmp_path) as project:
        project.run()
        raw, opened = (rows(project, table) for table in ("raw_tickets", "tickets"))
        assert raw == sorted(raw, key=lambda row: (row["opened_at"].year, row["country"], row["opened_at"]))
        assert opened == sorted(opened, key=lambda row: row["opened_at"])
        assert filtered(project, "raw_tickets") == ["email", "ticket_id"]
        assert filtered(project, "tickets") == ["ticket_id"]
    other = blocks["sql"].replace('"opened_at" }', '"country" }')
    assert other != blocks["sql"]
    (tmp_path / "tickets.sql").write_text(other, encoding="utf-8")
    with open_project(tmp_path) as project:
        assert [one.asset for one in project.plan().builds] == []


def rows(project: Project, table: str) -> list[dict]:
    return [row for file in files(project, table) for row in pq.read_table(file).to_pylist()]


def filtered(project: Project, table: str) -> list[str]:
    found = project.lake.engine.execute(
        "SELECT DISTINCT path_in_schema FROM parquet_metadata(?) WHERE bloom_filter_offset IS NOT NULL ORDER BY 1",
        [files(project, table)],
    )
    return [name for (name,) in found]


def files(project: Project, table: str) -> list[str]:
    listed = project.lake.engine.execute("SELECT data_file FROM ducklake_list_files('lake', ?)", [table])
    return [file for (file,) in listed]

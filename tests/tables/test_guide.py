"""The examples of tables.md, as a project of their own."""

from __future__ import annotations

import re
from pathlib import Path

from pumphouse.project.opening import open_project

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "tables.md"


def test_the_examples_of_the_guide_run_and_only_a_day_that_changed_is_built(tmp_path: Path) -> None:
    (python,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    visits, hits = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "pumphouse.toml").write_text("", encoding="utf-8")
    (tmp_path / "gather.py").write_text('import pumphouse as ph\nraw_access = ph.files("*.csv")\n')
    (tmp_path / "popular.py").write_text(python, encoding="utf-8")
    (tmp_path / "visits.sql").write_text(visits, encoding="utf-8")
    (tmp_path / "hits.sql").write_text(hits, encoding="utf-8")
    head, first = "id,time,path,bytes\n", "1,2026-05-01 10:00:00,/,7\n2,2026-05-02 11:00:00,/a,8\n"
    (tmp_path / "1.csv").write_text(head + first, encoding="utf-8")
    with open_project(tmp_path) as project:
        assert project.run().ok
        (tmp_path / "2.csv").write_text(head + "3,2026-05-03 10:00:00,/b,9\n", encoding="utf-8")
        built = {one.asset: one.counts.rows_out for one in project.run().results}
        assert (built["visits"], built["hits"]) == (1, 1)
        rows = project.sql("SELECT CAST(day AS VARCHAR) AS day, path, hits FROM hits ORDER BY day").rows
        assert [tuple(row.values()) for row in rows] == [
            ("2026-05-01", "/", 1),
            ("2026-05-02", "/a", 1),
            ("2026-05-03", "/b", 1),
        ]
        assert project["popular"].count() == 3

"""A report that may show somebody who was hidden after it was made is handed out no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
from tests.server.conftest import TOKEN, running

from pumphouse.project.project import open_project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving

FILES = {
    "pumphouse.toml": "[engine]\nthreads = 1\n",
    "people.csv": "id,name\n1,ann\n2,bob\n",
    "gather.py": "import pumphouse as ph\n\npeople = ph.files('people.csv')\n",
    "names.sql": "SELECT name FROM people",
    "rep.md": '<!-- pumphouse\ntitle = "Names"\n-->\n```sql known\nSELECT name FROM names ORDER BY name\n```\n',
}


@contextmanager
def ending(serving: Serving, thread: Thread) -> Iterator[None]:
    """The server ends, whatever came of the test."""
    try:
        yield
    finally:
        serving.stop()
        thread.join(20)


def test_report_of_somebody_who_was_hidden_since_is_gone_until_it_is_made_anew(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with open_project(tmp_path) as project:
        assert project.run().ok
        made = project.lake.artefacts("rep")[-1].snapshot
        serving, thread = running(Served(project))  # type: ignore[arg-type]
        with (
            ending(serving, thread),
            httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as owner,
        ):
            assert "bob" in owner.get("/reports/rep/known.csv").text
            project.hide("id", 2, why="asked")
            for path in ("/reports/rep", "/reports/rep/known.csv"):
                gone = owner.get(path)
                assert (gone.status_code, gone.json()["mend"]) == (410, "Make it anew: pumphouse run rep")
                assert "bob" not in gone.text
            assert project.run().ok
            now = owner.get("/reports/rep/known.csv")
            assert now.status_code == 200
            assert "ann" in now.text
            assert "bob" not in now.text
            assert owner.get(f"/reports/rep?snapshot={made}").status_code == 410

"""Law 3: a run that would change nothing does nothing, and a change rebuilds exactly what depends on it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.project.conftest import Folder, copy_of, statuses

PROJECT = {
    "pumphouse.toml": '[engine]\nthreads = 1\n[settings]\nleast = 2\nunused = "x"\n',
    "raw/a.csv": "id,n\n1,1\n2,2\n3,3\n",
    "raw/b.csv": "id,name\n2,bo\n3,cy\n",
    "shares.txt": "3",
    "gather.py": 'import pumphouse as ph\n\nraw_a = ph.files("raw/a.csv", key="id")\nraw_b = ph.files("raw/b.csv")\n',
    "a.sql": "-- those that count\nSELECT id, n FROM raw_a WHERE n >= $least",
    "b.sql": "SELECT id, upper(name) AS name FROM raw_b",
    "joined.sql": "SELECT id, n, name FROM a JOIN b USING (id)",
    "day.sql": "SELECT id, $today AS seen_on FROM raw_b",
    "helping.py": "from pathlib import Path\n\nSHARES = Path(__file__).with_name('shares.txt')\n\n\n"
    "def halved(relation):\n    return relation.project('id, n / 2 AS half')\n\n\ndef unused():\n    return 1\n",
    "made.py": """
        import pumphouse as ph

        from shop import helping


        @ph.table(key="id")
        def made(a, *, top=100):
            parts = int(helping.SHARES.read_text())
            return helping.halved(a).limit(top * parts)
    """,
    "page.md": "<!-- pumphouse -->\n# Page\n\n```sql\nSELECT * FROM joined\n```\n",
}
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = {"raw_a", "raw_b", "a", "b", "joined", "day", "made", "page"}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("unchanged") / "shop")
    folder.write(PROJECT)
    report = folder.run(now=DAY)
    folder.close()
    assert statuses(report) == dict.fromkeys(ALL, "built"), report.failed
    return folder.path


@pytest.fixture
def built(once: Path, folder: Folder) -> Folder:
    """The project, all of it built on DAY."""
    return copy_of(once, folder)


def changed(folder: Folder, name: str, old: str, new: str) -> None:
    file = folder.path / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def planned(folder: Folder, *, now: datetime = DAY) -> set[str]:
    return {build.asset for build in folder.open().plan(now=now).builds}


def kept(folder: Folder) -> dict[Path, int]:
    """Every file that holds data, with the time it was written."""
    lake = folder.path / "lake"
    return {
        file: file.stat().st_mtime_ns
        for part in ("data", "blobs")
        for file in (lake / part).rglob("*")
        if file.is_file()
    }


def test_only_what_depends_on_a_change_is_built_again(built: Folder) -> None:
    lake = built.open().lake
    snapshot, files = lake.snapshot(), kept(built)
    assert built.run(now=DAY).results == ()
    assert (lake.snapshot(), kept(built)) == (snapshot, files)

    changed(built, "a.sql", "those that count", "those that do not")
    changed(built, "helping.py", "return 1", "return 2")
    changed(built, "pumphouse.toml", '"x"', '"y"')
    assert planned(built) == set()

    for name, old, new, stale in [
        ("a.sql", "n >= $least", "n > $least", {"a", "joined", "made", "page"}),
        ("pumphouse.toml", "least = 2", "least = 1", {"a", "joined", "made", "page"}),
        ("b.sql", "upper(", "lower(", {"b", "joined", "page"}),
        ("made.py", "top * parts", "top + parts", {"made"}),
        ("made.py", "top=100", "top=200", {"made"}),
        ("helping.py", "n / 2", "n / 3", {"made"}),
        ("shares.txt", "3", "5", {"made"}),
        ("page.md", "# Page", "# A page", {"page"}),
        ("raw/b.csv", "bo", "bob", {"raw_b", "b", "joined", "day", "page"}),
        ("gather.py", 'key="id"', 'key="n"', {"raw_a", "a", "joined", "made", "page"}),
    ]:
        changed(built, name, old, new)
        assert planned(built) == stale, (name, new)
        changed(built, name, new, old)
        assert planned(built) == set()

    assert planned(built, now=datetime(2026, 3, 2, tzinfo=UTC)) == {"day"}


def test_an_input_that_came_out_as_it_was_rebuilds_nobody(built: Folder) -> None:
    changed(built, "raw/a.csv", "2,2\n3,3", "3,3\n2,2")
    snapshot = built.open().lake.snapshot()
    assert statuses(built.run(now=DAY)) == dict.fromkeys(("raw_a", "a", "joined", "made", "page"), "unchanged")
    assert built.open().lake.snapshot() == snapshot


def test_a_change_of_data_reaches_what_depends_on_it(built: Folder) -> None:
    changed(built, "raw/b.csv", "bo", "bob")
    report = built.run(now=DAY)
    assert statuses(report) == dict.fromkeys(("raw_b", "b", "joined", "day", "page"), "built")
    assert {row["name"] for row in built.open()["joined"].rows} == {"BOB", "CY"}
    assert built.run(now=DAY).results == ()

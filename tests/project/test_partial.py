"""Runs of a part: targets, windows, samples, restored tables, hidden people. And what was read can be read again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.project.conftest import Folder, copy_of, statuses

from pumphouse.errors import ConfigError, UnknownName

PROJECT = {
    "raw/a.csv": "id,day,n\n" + "".join(f"{number},2024-01-0{1 + number % 3},{number}\n" for number in range(9)),
    "gather.py": 'import pumphouse as ph\n\nraw = ph.files("raw/*.csv", key="id")\n',
    "sums.sql": '/* pumphouse\nkey = "day"\nslice = "day by day" */\n'
    "SELECT day, sum(n) * $factor AS total, max($run_number) AS run_number FROM raw GROUP BY day",
    "people.sql": "SELECT id, n FROM raw",
    "count.sql": "SELECT count(*) AS n FROM people",
}


def config(*, run_number: int = 1) -> dict[str, str]:
    return {"pumphouse.toml": f"[engine]\nthreads = 1\n[settings]\nfactor = 1\nrun_number = {run_number}\n"}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("partial") / "shop")
    folder.write({**PROJECT, **config()})
    assert folder.run().ok
    folder.close()
    return folder.path


@pytest.fixture
def built(once: Path, folder: Folder) -> Folder:
    return copy_of(once, folder)


def rows(folder: Folder, text: str, *, snapshot: int | None = None) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in folder.open().sql(text, snapshot=snapshot).rows]


def test_a_window_redoes_its_slices_and_leaves_the_rest_stale(built: Folder) -> None:
    built.write(config(run_number=2))
    report = built.run("sums", window=(date(2024, 1, 2), date(2024, 1, 3)))
    assert statuses(report)["sums"] == "built"
    assert rows(built, "SELECT day, run_number FROM sums ORDER BY day") == [
        (date(2024, 1, 1), 1), (date(2024, 1, 2), 2), (date(2024, 1, 3), 1)
    ]  # fmt: skip
    assert statuses(built.run()) == {"sums": "built"}
    assert rows(built, "SELECT DISTINCT run_number FROM sums") == [(2,)]


def test_a_window_of_a_fresh_table_is_redone_and_only_that(built: Folder) -> None:
    before = built.open().lake.builds()["sums"]
    assert built.run().results == ()
    assert statuses(built.run("sums", window=(date(2024, 1, 2), date(2024, 1, 3)))) == {"sums": "built"}
    after = built.open().lake.builds()["sums"]
    assert after.snapshot > before.snapshot
    assert after.counts.rows_out == 1
    assert built.open().lake.state.runs()[0].command == "run sums --from 2024-01-02 --to 2024-01-03"


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), "a window is redone of named tables"),
        (("people",), "'people' is not made slice by slice.*Declare a slice, or build all of it: pumphouse run people"),
        (("sums", "raw"), "'raw' is not made slice by slice.*pumphouse run raw --refetch"),
    ],
)
def test_a_window_of_what_has_no_slices_is_refused(built: Folder, targets: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        built.run(*targets, window=(date(2024, 1, 2), date(2024, 1, 3)))


def test_refit_chooses_anew_in_all_that_have_chosen_and_builds_nothing_else(folder: Folder) -> None:
    gather = """
        import pumphouse as ph
        from pumphouse.cleaning import clean, col, fill

        raw = ph.files("raw/*.csv", key="id")
        filled = clean("raw", col.n >> fill("median"))
        as_it_was = clean("raw", col.id >> fill(value=0))
    """
    some = "id,day,n\n1,2024-01-01,4\n2,2024-01-01,\n"
    folder.write({**PROJECT, **config(), "gather.py": gather, "raw/a.csv": some, "total.sql": "SELECT n FROM filled"})
    assert folder.run().ok
    folder.write({"raw/a.csv": some.replace(",4", ",10")})
    assert folder.run().ok
    assert rows(folder, "SELECT n FROM filled WHERE id = 2") == [(4,)]
    report = folder.run(refit=True)
    assert statuses(report) == {"filled": "built", "total": "built"}
    assert rows(folder, "SELECT n FROM total ORDER BY n") == [(10,), (10,)]
    assert folder.open().lake.state.runs()[0].command == "run --refit"


def test_targets_build_what_they_need_and_only_builds_them_alone(folder: Folder) -> None:
    folder.write({**PROJECT, **config()})
    assert set(statuses(folder.run("count"))) == {"raw", "people", "count"}
    folder.write({"people.sql": "SELECT id, n FROM raw WHERE id > 0"})
    assert statuses(folder.run("count", only=True)) == {}
    assert statuses(folder.run("people", only=True)) == {"people": "built"}
    assert statuses(folder.run("count", only=True)) == {"count": "built"}
    with pytest.raises(UnknownName, match="Did you mean 'count'"):
        folder.run("counts")


def test_full_builds_again_from_stored_bytes(built: Folder) -> None:
    (built.path / "raw" / "a.csv").unlink()
    before = rows(built, "FROM sums ORDER BY day")
    assert statuses(built.run("raw", "sums", full=True)) == {"raw": "built", "sums": "built"}
    assert rows(built, "FROM sums ORDER BY day") == before


def test_a_sample_is_tried_in_a_lake_apart(built: Folder) -> None:
    snapshot = built.open().lake.snapshot()
    report = built.run("people", sample=4)
    assert [(result.asset, result.counts.rows_out) for result in report.results] == [("people", 4)]
    assert built.open().lake.snapshot() == snapshot
    assert built.run().results == ()


def test_what_was_read_at_a_snapshot_is_read_again_after_later_runs(built: Folder) -> None:
    first = built.open().lake.snapshot()
    text = "SELECT day, total FROM sums ORDER BY day"
    then = rows(built, text)
    built.write({"raw/b.csv": "id,day,n\n100,2024-01-01,1000\n"})
    assert built.run().ok
    built.write({"sums.sql": "SELECT 1 AS day, 2 AS total FROM raw"})
    assert not built.run().ok
    assert built.run("sums", accept_schema=True).ok
    assert rows(built, text) != then
    assert rows(built, text, snapshot=first) == then
    assert rows(built, "SELECT n FROM count", snapshot=first) == [(9,)]


def test_a_restored_table_stands_until_its_code_or_input_changes(built: Folder) -> None:
    first = built.open().lake.builds()["people"].snapshot
    built.write({"people.sql": "SELECT id, n FROM raw WHERE id < 5"})
    assert built.run().ok
    built.open().restore("people", to=first)
    assert statuses(built.run()) == {"count": "built"}
    assert rows(built, "FROM count") == [(9,)]
    with pytest.raises(UnknownName, match="'people' did not exist at snapshot 0"):
        built.open().restore("people", to=0)
    built.write({"people.sql": "SELECT id, n FROM raw WHERE id < 6"})
    assert statuses(built.run()) == {"people": "built", "count": "built"}
    assert rows(built, "FROM count") == [(6,)]


def test_a_hidden_person_leaves_every_table_that_is_made_from_theirs(built: Folder) -> None:
    project = built.open()
    before = project.lake.snapshot()
    project.hide("id", 4, why="asked us to")
    assert (4,) not in rows(built, "SELECT id FROM people", snapshot=before)
    assert statuses(project.run()) == {"sums": "built", "people": "built", "count": "built"}
    assert rows(built, "FROM count") == [(8,)]
    assert rows(built, "SELECT sum(total) FROM sums") == [(32,)]
    assert project.run().results == ()

"""Environments with lakes of their own, and lakes and folders that can't be used: a clear error, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.project.conftest import CONFIG, Folder, failure, statuses

from pumphouse.errors import ConfigError, LakeError, LakeTooNew, ProjectFaults
from pumphouse.lake.builds import place_of
from pumphouse.project.project import open_project

PROJECT = {
    "raw.csv": "id\n1\n2\n",
    "gather.py": 'import pumphouse as ph\n\nraw = ph.files("raw.csv")\n',
    "copied.sql": "SELECT id FROM raw",
    "count.sql": "SELECT count(*) AS n FROM copied",
}


@pytest.fixture
def built(folder: Folder) -> Folder:
    folder.write(PROJECT)
    assert folder.run().ok
    return folder


# -- environments -----------------------------------------------------------------------------------------------------


def test_what_dev_has_not_built_is_read_from_prod_pinned_and_nothing_is_written_there(built: Folder) -> None:
    built.write({"pumphouse.toml": f'{CONFIG}[env.dev]\nlake = "dev-lake"\ninputs_from = "prod"\n'})
    built.write({"copied.sql": "SELECT id FROM raw WHERE id > 1"})
    built.close()
    shutil.rmtree(built.path / ".pumphouse")
    before = _content(built.path / "lake")
    dev = Folder(built.path, config=None)
    assert dev.open(env="dev")["count"].rows == [{"n": 2}]
    assert statuses(dev.run("copied", only=True, env="dev")) == {"copied": "built"}
    assert dev.open(env="dev")["copied"].rows == [{"id": 2}]
    assert dev.open(env="dev")["raw"].rows == [{"id": 1}, {"id": 2}]
    assert dev.open(env="dev").lake.tables() == ("copied",)
    assert _content(built.path / "lake") == before

    prod = Folder(built.path, config=None)
    prod.write({"raw.csv": "id\n1\n2\n3\n"})
    assert prod.run().ok
    assert dev.open(env="dev")["raw"].rows == [{"id": 1}, {"id": 2}]  # as it was when dev was opened
    dev.close()
    assert dev.open(env="dev")["raw"].rows == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert "count" in statuses(dev.run("count", only=True, env="dev"))
    dev.close()
    prod.close()


ENVIRONMENTS = """
[env.dev]
lake = "dev-lake"
inputs_from = "prod"
[env.trial]
lake = "trial-lake"
inputs_from = "dev"
"""
BOTH = {
    "by_sql.sql": "SELECT id FROM raw",
    "by_python.py": """
        import pumphouse as ph


        @ph.table()
        def by_python(raw):
            return raw.project("id")
    """,
}


def test_a_run_reads_the_lake_above_at_one_snapshot_in_every_process(built: Folder) -> None:
    built.write({"pumphouse.toml": CONFIG + ENVIRONMENTS, **BOTH})
    assert built.run("by_sql", "by_python").ok
    dev = built.open(env="dev")
    pinned = dev.lake.pins
    built.write({"raw.csv": "id\n7\n"})
    assert statuses(built.run("raw")) == {"raw": "built"}
    assert built.open().lake.snapshot() > pinned[0]
    assert statuses(dev.run("by_sql", "by_python", only=True)) == {"by_sql": "built", "by_python": "built"}
    assert dev["by_sql"].rows == dev["by_python"].rows == [{"id": 1}, {"id": 2}]
    inputs = [dev.lake.builds()[name].inputs for name in BOTH_NAMES]
    assert inputs[0] == inputs[1]


BOTH_NAMES = ("by_sql", "by_python")


def test_environments_chain(built: Folder) -> None:
    built.write({"pumphouse.toml": CONFIG + ENVIRONMENTS, **BOTH, "copied.sql": "SELECT id FROM raw WHERE id > 1"})
    assert statuses(built.run("copied", only=True, env="dev")) == {"copied": "built"}
    trial = built.open(env="trial")
    assert statuses(trial.run("count", "by_python", only=True)) == {"count": "built", "by_python": "built"}
    assert trial["count"].rows == [{"n": 1}]  # of dev's
    assert trial["by_python"].rows == [{"id": 1}, {"id": 2}]  # of prod's
    assert trial.lake.tables() == ("by_python", "count")


def test_a_sample_reads_what_its_environment_reads(built: Folder) -> None:
    built.write({"pumphouse.toml": CONFIG + ENVIRONMENTS, "copied.sql": "SELECT id FROM raw WHERE id > 1"})
    for env, rows in (("dev", 1), ("trial", 1), (None, 1)):  # dev and trial were never run
        report = built.run("copied", sample=100, env=env)
        assert [(one.asset, one.status, one.counts.rows_out) for one in report.results] == [("copied", "built", rows)]
    assert built.open(env="dev").lake.tables() == ()


def test_a_table_of_the_lake_above_is_not_taken_for_ones_own_of_the_same_number(built: Folder) -> None:
    assert built.open().lake.version("copied") == 2
    built.write({"pumphouse.toml": CONFIG + ENVIRONMENTS})
    assert statuses(built.run("count", only=True, env="dev")) == {"count": "built"}
    dev = built.open(env="dev")
    assert place_of(dev.lake.builds()["count"].inputs["copied"]) == (1, 2)
    assert statuses(built.run("copied", only=True, env="dev")) == {"copied": "built"}
    assert dev.lake.version("copied") == 2
    (build,) = built.open(env="dev").plan("count", only=True).builds
    assert build.reasons == ("copied changed",)


# -- what leaves an environment --------------------------------------------------------------------------------------

HANDED_OUT = """
import pumphouse as ph

to_buyers = ph.deliver("copied", to="folder:out", format="csv", every="1h")
to_file = ph.deliver("copied", to="sqlite:out/shop.db", format="table")
to_warehouse = ph.deliver("copied", to="warehouse", format="table")
"""
WAREHOUSE = '[connections.warehouse]\nurl = "postgresql://127.0.0.1:1/prod"\n'


def test_an_environment_delivers_only_to_what_is_its_own(built: Folder) -> None:
    built.write({"pumphouse.toml": CONFIG + WAREHOUSE + ENVIRONMENTS, "hand_out.py": HANDED_OUT})
    dev = built.open(env="dev")
    assert {"to_buyers", "to_file", "to_warehouse"}.isdisjoint(build.asset for build in dev.plan().builds)
    made = statuses(dev.run())
    assert made == {"raw": "built", "copied": "built", "count": "built"}
    assert dev.run_due() is None
    assert not (built.path / "out").exists()
    for name in ("to_buyers", "to_file", "to_warehouse"):
        with pytest.raises(ConfigError, match=r"environment 'dev' does not deliver to '.*', which is not its own"):
            dev.run(name, full=True)
    own = "[env.dev.connections.warehouse]\nurl = 'postgresql://127.0.0.1:1/dev'\n"
    built.write({"pumphouse.toml": CONFIG + WAREHOUSE + ENVIRONMENTS + own})
    assert "to_warehouse" in {build.asset for build in built.open(env="dev").plan().builds}
    assert {"to_buyers", "to_file", "to_warehouse"} <= {build.asset for build in built.open().plan().builds}


def test_what_fails_in_an_environment_is_told_to_whom_it_names(built: Folder) -> None:
    failures = '[failures]\ncommand = "cat >> told"\n'
    built.write({"pumphouse.toml": CONFIG + failures + ENVIRONMENTS, "copied.sql": "SELECT missing FROM raw"})
    assert not built.run("copied", only=True, env="dev").ok
    assert not (built.path / "told").exists()
    own = '[env.dev.failures]\ncommand = "cat >> own"\n'
    built.write({"pumphouse.toml": CONFIG + failures + ENVIRONMENTS + own})
    assert not built.run("copied", only=True, env="dev").ok
    assert "copied" in (built.path / "own").read_text()
    assert not (built.path / "told").exists()


def _content(folder: Path) -> dict[str, bytes]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.endswith(("-shm", "-wal"))]
    return {file.name: file.read_bytes() for file in files}


def test_settings_have_defaults_in_code_values_in_the_file_and_others_in_an_environment(folder: Folder) -> None:
    folder.write(
        {
            **PROJECT,
            "pumphouse.toml": f'{CONFIG}[settings]\nleast = 1\n[env.dev]\nlake = "dev"\nsettings = {{ least = 2 }}\n',
            "copied.sql": "SELECT id FROM raw WHERE id >= $least",
            "made.py": "import pumphouse as ph\n\n\n@ph.table()\ndef made(raw, *, least=0, factor=10):\n"
            "    return raw.project(f'id * {factor} + {least} AS n')\n",
        }
    )
    assert folder.run().ok
    assert folder.run("copied", env="dev").ok
    assert folder.open()["copied"].rows == [{"id": 1}, {"id": 2}]
    assert folder.open()["made"].rows == [{"n": 11}, {"n": 21}]
    assert folder.open(env="dev")["copied"].rows == [{"id": 2}]
    folder.write({"copied.sql": "SELECT id FROM raw WHERE id >= $lest"})
    assert "setting '$lest' has no value" in failure(folder.run("copied"), "copied")


# -- folders that may not be read -------------------------------------------------------------------------------------


@contextmanager
def nobody() -> Iterator[None]:
    """The block runs as a user who may do nothing."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Folder]:
    """A project in a place that everybody may enter, which the test's own folder is not."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Folder(Path(place) / "shop")
        folder.write(PROJECT)
        yield folder


def test_a_folder_that_may_not_be_read_is_said(public: Folder) -> None:
    public.path.chmod(0)
    try:
        with nobody(), pytest.raises(ConfigError, match=r"pumphouse\.toml can't be read: .*Permission denied"):
            open_project(public.path)
    finally:
        public.path.chmod(0o755)


@pytest.mark.parametrize("name", ["gather.py", "copied.sql", "deeper"])
def test_a_file_that_may_not_be_read_is_a_fault_with_its_name(public: Folder, name: str) -> None:
    public.write({"deeper/other.sql": "SELECT id FROM raw"})
    (public.path / name).chmod(0)
    try:
        with (
            nobody(),
            pytest.raises(ProjectFaults, match=rf"{name}\S*: .*(Permission denied|may not be read|can't be read)"),
        ):
            _ = open_project(public.path).graph
    finally:
        (public.path / name).chmod(0o755)


def test_a_lake_that_may_not_be_written_is_said(built: Folder) -> None:
    built.write({"pumphouse.toml": f'{CONFIG}[env.dev]\nlake = "/proc/lake"\n'})
    with pytest.raises(LakeError, match=r"the lake's folder can't be made: .* \(/proc/lake\)"):
        built.open(env="dev")


# -- lakes that are too new, broken, or without space -----------------------------------------------------------------


def test_a_lake_made_by_a_newer_version_is_left_alone(built: Folder) -> None:
    built.close()
    about = built.path / "lake" / "lake.json"
    about.write_text(json.dumps({"format": 99}))
    with pytest.raises(LakeTooNew, match=r"has format 99, this Pumphouse knows formats up to 1\. Update Pumphouse"):
        Folder(built.path, config=None).open()
    about.write_text(json.dumps({"format": 1}))
    with sqlite3.connect(built.path / "lake" / "metadata.sqlite") as db:
        db.execute("UPDATE ducklake_metadata SET value = '99.0' WHERE key = 'version'")
    db.close()
    with pytest.raises(LakeTooNew, match="made by a newer DuckLake"):
        Folder(built.path, config=None).open()


@pytest.mark.parametrize("name", ["lake.json", "metadata.sqlite", "state.sqlite"])
def test_a_broken_lake_is_said_and_left_alone(built: Folder, name: str) -> None:
    built.close()
    for file in built.path.glob(f"lake/{name}*"):
        file.unlink()
    (built.path / "lake" / name).write_text("not what it was " * 100)
    with pytest.raises(LakeError, match=r"the lake's? .*(be read|be opened|is damaged)"):
        Folder(built.path, config=None).open()
    assert (built.path / "lake" / name).read_text().startswith("not what it was")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(file: Path) -> None:
    brim = os.open(file, os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while True:
            os.write(brim, b"x" * 4096)
    os.close(brim)


LARGE = "SELECT range AS id, md5(range::VARCHAR) AS hash FROM range(400_000), raw"


def test_on_a_full_disk_what_was_there_stands_and_the_next_run_goes_on(small_disk: Path) -> None:
    folder = Folder(small_disk / "shop")
    # One at a time: what another build writes while the disk is full would fail with it.
    folder.write({**PROJECT, "large.sql": LARGE, "pumphouse.toml": "[engine]\nworkers = 1\n"})
    report = folder.run()
    assert statuses(report) == {"raw": "built", "copied": "built", "count": "built", "large": "failed"}
    assert failure(report, "large").endswith(
        "No space left on device. The disk is full; free some space and run again."
    )
    assert list((small_disk / "shop" / "lake" / "data" / "staged").iterdir()) == []

    fill(small_disk / "brim")
    with pytest.raises(LakeError, match=r"database or disk is full\. Is there space left in"):
        folder.run("count", full=True)
    (small_disk / "brim").unlink()
    folder.write({"large.sql": "SELECT id FROM raw"})
    assert statuses(folder.run()) == {"large": "built"}
    assert folder.open()["count"].rows == [{"n": 2}]
    folder.close()


LIMITED = """
import resource, sys
from pumphouse.project.project import open_project
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
with open_project(sys.argv[1]) as project:
    for result in project.run().results:
        print(result.asset, result.status, result.error)
"""


def test_files_that_may_not_grow_fail_their_build_alone(folder: Folder) -> None:
    folder.write({**PROJECT, "large.sql": LARGE})
    done = subprocess.run([sys.executable, "-c", LIMITED, folder.path], capture_output=True, text=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert (said["raw"], said["count"]) == ("built None", "built None"), done.stderr
    assert "File too large" in said["large"]
    assert statuses(folder.run()) == {"large": "built"}

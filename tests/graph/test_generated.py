"""Law 3 on a generated project: a change rebuilds all that depends on it, and nothing else."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest

from pumphouse.graph.assets import Graph, load
from pumphouse.graph.plan import effective, plan, reads

BENCH = Path(__file__).resolve().parents[2] / "bench" / "plan.py"
SETTINGS = {"today": "2026-11-23"}


@dataclass(frozen=True)
class Build:
    """A build as the lake remembers it."""

    fingerprint: str
    inputs: dict[str, int]
    snapshot: int = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("bench_plan", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    folder = tmp_path_factory.mktemp("generated") / "shop"
    bench.generate(folder, 200)
    return folder


def planned_after(folder: Path, before: Graph, path: str, old: str, new: str) -> tuple[Graph, set[str], set[str]]:
    """The graph after a change of one file, what changed itself, and all that would be built. The file is put back."""
    built = {
        name: Build(effective(before, name, SETTINGS), dict.fromkeys(reads(before, name), 1)) for name in before.assets
    }
    versions = dict.fromkeys((name for name, asset in before.assets.items() if asset.makes_table), 1)
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new, 1))
    try:
        after = load(folder)
    finally:
        (folder / path).write_text(text)
    found = plan(after, committed=built, versions=versions, settings=SETTINGS)
    changed = {name for name in after.assets if after.assets[name].fingerprint != before.assets[name].fingerprint}
    return after, changed, {build.asset for build in found.builds}


def test_nothing_is_stale_and_comments_make_nothing_stale(folder: Path) -> None:
    before = load(folder)
    name = next(name for name, asset in before.assets.items() if asset.kind == "sql")
    path = before.assets[name].place.file
    for old, new in (
        ("SELECT\n", "-- a comment\nSELECT\n"),
        ("doc =", "owner = 'ann'\ndoc ="),
        ("SELECT\n", "select "),
    ):
        assert planned_after(folder, before, path, old, new)[1:] == (set(), set())


@pytest.mark.parametrize("kind", ["sql", "table"])
def test_changed_query_or_function_rebuilds_its_readers_alone(folder: Path, kind: str) -> None:
    before = load(folder)
    name = sorted(name for name, asset in before.assets.items() if asset.kind == kind)[10]
    path = before.assets[name].place.file
    old, new = "* 100 AS cents", "* 10 AS cents"
    if kind == "table":  # of several in a module
        body = (folder / path).read_text().split(f"def {name}(")[1].splitlines()
        old = next(line for line in body if "return" in line)
        new = old.replace("cents > ", "cents >= ")
    after, changed, builds = planned_after(folder, before, path, old, new)
    assert changed == {name}
    tables = {one for one in after.downstream(name) if after.assets[one].makes_table}
    assert builds == {name} | tables


def test_changed_helper_rebuilds_every_python_table_and_their_readers(folder: Path) -> None:
    before = load(folder)
    python = {name for name, asset in before.assets.items() if asset.kind == "table"}
    after, changed, builds = planned_after(folder, before, "weights.py", "SCALE = 3", "SCALE = 4")
    assert changed == python
    readers = {one for name in python for one in after.downstream(name) if after.assets[one].makes_table}
    assert builds == python | readers


def test_changed_constant_of_one_module_rebuilds_its_tables_alone(folder: Path) -> None:
    before = load(folder)
    module = next(asset.place.file for asset in before.assets.values() if asset.kind == "table")
    number = module.removeprefix("made_").removesuffix(".py")
    _, changed, _ = planned_after(folder, before, module, f"RATE_{number} = 2", f"RATE_{number} = 5")
    assert changed == {name for name, asset in before.assets.items() if asset.place.file == module}

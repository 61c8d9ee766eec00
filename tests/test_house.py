"""The house itself: what may import what, what importing costs, how files are named, what is never committed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pumphouse

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "src" / "pumphouse"
MODULES = sorted(PACKAGE.rglob("*.py"))

HEAVY = {
    "duckdb", "pyarrow", "numpy", "pandas", "polars", "sklearn", "scipy",
    "httpx", "starlette", "granian", "jinja2", "rich", "cyclopts", "pyspark", "pysail",
}  # fmt: skip


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import pumphouse, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "pumphouse" in loaded
    assert not HEAVY & set(loaded)


def test_facade_has_at_most_40_names_each_with_a_docstring() -> None:
    assert 0 < len(pumphouse.__all__) <= 40
    assert [name for name in pumphouse.__all__ if not inspect.getdoc(getattr(pumphouse, name))] == []


def test_no_facade_name_hides_a_room() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not rooms & set(pumphouse.__all__)


def test_imports_go_down_only() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint_imports, "--no-logo", "--no-cache"], cwd=REPOSITORY, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_named_by_their_noun() -> None:
    vague = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
    parts = {
        path: {part for name in path.relative_to(PACKAGE).with_suffix("").parts for part in name.split("_")}
        for path in MODULES
    }
    assert [str(path) for path, words in parts.items() if words & vague] == []


def test_modules_have_at_most_600_lines() -> None:
    assert [str(path) for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > 600] == []


def test_nothing_committed_names_a_registry_or_a_place_on_one_machine() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    hosts = "pypi[.]org|registry[.]npmjs|files[.]pythonhosted"
    places = "(^|[^a-zA-Z0-9_.])/(work|root|tmp/notes)/"
    found = subprocess.run(
        ["git", "grep", "-n", "-I", "-E", f"{hosts}|{places}"],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""
    assert found.returncode == 1, found.stderr  # git's word for "nothing found"

"""The distribution of the client: only the client, and it reads a server without pumphouse or any frame library."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.server.conftest import TOKEN, Served

import pumphouse

REPOSITORY = Path(__file__).resolve().parents[2]
READ = """
import sys
for absent in ("pumphouse", "polars", "pandas", "duckdb", "starlette"):
    sys.modules[absent] = None
sys.path.insert(0, sys.argv[1])
import pumphouse_client
assert pumphouse_client.__file__.startswith(sys.argv[1]), pumphouse_client.__file__
with pumphouse_client.connect(sys.argv[2], token=sys.argv[3], cache=False) as connection:
    print(connection.table("orders").where("amount > 9").count())
    try:
        connection.table("orders").to_polars()
    except pumphouse_client.MissingPackage as error:
        print(error)
"""


def test_the_wheel_has_the_client_alone_and_it_reads(served: Served, tmp_path: Path) -> None:
    for part in ("clients/python", "src/pumphouse_client"):
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=tmp_path / "clients" / "python",
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {
            "pumphouse_client", "pumphouse_client-0.1.0.dist-info",
        }  # fmt: skip
        assert "pumphouse_client/py.typed" in archive.namelist()
        archive.extractall(tmp_path / "installed")
    command = [sys.executable, "-I", "-c", READ, tmp_path / "installed", served.url, TOKEN]
    said = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == ["3", "to_polars() needs the package 'polars'. Install it: pip install polars"]


def test_both_distributions_agree() -> None:
    ours = tomllib.loads((REPOSITORY / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert ours["version"] == whole["project"]["version"] == pumphouse.__version__
    assert set(ours["dependencies"]) <= set(whole["project"]["dependencies"])
    assert "src/pumphouse_client" in whole["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BARE = """
import sys

EXTRAS = {"numpy", "pandas", "sklearn", "skops", "polars", "redis", "starlette", "altair", "scipy", "lightgbm", "torch"}

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refused())
from pumphouse.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pumphouse.toml").write_text("[engine]\nthreads = 1\n")
    (tmp_path / "orders.csv").write_text("order_id,usd\n1,2.5\n2,4\n")
    (tmp_path / "shop.py").write_text('import pumphouse as ph\n\norders = ph.files("orders.csv", key="order_id")\n')
    (tmp_path / "total.sql").write_text("SELECT sum(usd) AS usd FROM orders\n")
    return tmp_path


@pytest.mark.parametrize("command", [["plan"], ["run"]])
def test_files_and_sql_need_no_extra(shop: Path, command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", BARE, *command], cwd=shop, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "total" in done.stdout


def test_the_guard_of_this_test_refuses(shop: Path) -> None:
    guard = BARE.partition("from pumphouse")[0]
    done = subprocess.run([sys.executable, "-c", guard + "import numpy"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "No module named 'numpy'" in done.stderr

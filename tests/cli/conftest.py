"""A small project that was run once, and the command line as a shell would call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pumphouse.cli import main

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")
FILES = {
    "pumphouse.toml": 'name = "shop"\nzone = "Europe/Berlin"\n[settings]\nleast = 10\n[env.dev]\nlake = "dev-lake/"\n',
    "data/orders.csv": (
        "order_id,customer_id,day,amount,big,note\n"
        "1,7,2024-01-02,5.00,9007199254740993,fine\n"
        "2,7,2024-01-03,20.50,1,\n"
        '3,8,2024-01-03,300.00,2,"says ""hi"", =1+1"\n'
        "4,9,2024-02-01,1.25,3,\x1b[31mred\n"
    ),
    "gather.py": 'import pumphouse as ph\n\nraw_orders = ph.files("data/orders.csv")\n',
    "orders.sql": (
        '/* pumphouse\nkey = "order_id"\ndoc = "Paid orders. One row per order; EUR." */\n'
        "SELECT order_id, customer_id, day, CAST(amount AS DECIMAL(38, 2)) AS amount, big, note FROM raw_orders\n"
    ),
    "by_day.sql": "SELECT day, count(*) AS orders, sum(order_id) AS ids FROM orders GROUP BY day ORDER BY day\n",
    "facts.py": (
        "import pumphouse as ph\n\n"
        'no_negative = ph.check("orders", "amount >= 0")\n'
        'mostly_small = ph.check("orders", "amount < 100", severity="warn")\n'
    ),
}
BROKEN = {
    "broken.sql": "SELECT CAST(note AS INTEGER) AS number FROM orders\n",
    "after_broken.sql": "SELECT count(*) AS numbers FROM broken\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture
def pumphouse(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Calls the command line in a folder, in this process: what needs a process of its own starts PUMPHOUSE."""

    def call(*arguments: str, cwd: Path = tmp_path, actor: str = "ann") -> Done:
        with monkeypatch.context() as patched:
            patched.chdir(cwd)
            patched.setenv("PUMPHOUSE_ACTOR", actor)
            capfd.readouterr()
            code = main.call(arguments)
            out, err = capfd.readouterr()
        return Done(code=code, out=out, err=err)

    return call


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after its first run. Tests read it; those that change something copy it."""
    folder = _write(tmp_path_factory.mktemp("cli") / "shop", FILES)
    environment = {**os.environ, "PUMPHOUSE_ACTOR": "ann"}
    subprocess.run([PUMPHOUSE, "run"], cwd=folder, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Path:
    """A copy of the built project, to be changed."""
    return shutil.copytree(built, tmp_path / "shop")


@pytest.fixture
def broken(shop: Path) -> Path:
    """A copy of the project with a table that can't be built, and one that reads it."""
    return _write(shop, BROKEN)

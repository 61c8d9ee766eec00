from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")
STATE = {"bookmarks": {"orders": "2026-01-02"}}
SENT = [
    {"type": "RECORD", "stream": "orders", "record": {"id": 1, "at": "2026-01-01"}},
    {"type": "RECORD", "stream": "visits", "record": {"n": 1}},
    {"type": "STATE", "value": STATE},
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pumphouse.toml").write_text('name = "shop"\n')
    declared = 'import pumphouse as ph\n\nshop = ph.messages({"orders": {"key": "id", "cursor": "at"}})\n'
    (folder / "gather.py").write_text(declared)
    return folder


def receive(project: Path, *options: str, sent: str | None = None) -> subprocess.CompletedProcess[str]:
    text = "\n".join(map(json.dumps, SENT)) if sent is None else sent
    command = [PUMPHOUSE, "receive", *options]
    return subprocess.run(command, cwd=project, input=text, capture_output=True, text=True)


def test_messages_become_tables_and_the_state_is_all_that_is_printed(project: Path) -> None:
    done = receive(project, "shop")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == STATE
    assert "shop_orders" in done.stderr
    assert "1 records of stream 'visits' are stored, and in no table" in done.stderr
    again = receive(project, "shop_orders", "--json")
    assert json.loads(again.stdout)["state"] == STATE
    assert json.loads(again.stdout)["results"][0]["note"] == "nothing new"


def test_what_is_refused_prints_no_state(project: Path) -> None:
    wrong = receive(project, "shops")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'shops' receives no messages" in wrong.stderr
    assert "Did you mean 'shop'?" in wrong.stderr
    nothing = receive(project, "shop", sent="hello\n")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "holds no message of Singer or Airbyte" in nothing.stderr

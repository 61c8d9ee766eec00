"""Servers that run are found by those who connect, and those that were killed are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from pumphouse.clients.servers import FOLDER, Server, announced, running

HERE = Server(url="http://127.0.0.1:1", owner="ada", flight=2)
EVERYWHERE = Server(url="https://0.0.0.0:4", owner="bob", postgres=5, certificate="shop.pem")


def test_those_that_run_are_found_the_last_first_and_no_longer(tmp_path: Path) -> None:
    assert running(tmp_path) == ()
    with announced(tmp_path, HERE):
        with announced(tmp_path, EVERYWHERE):
            assert running(tmp_path) == (EVERYWHERE, HERE)
        assert running(tmp_path) == (HERE,)
    assert running(tmp_path) == ()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_what_a_killed_server_left_counts_for_nothing_and_is_cleared(tmp_path: Path) -> None:
    with announced(tmp_path, HERE):
        (path,) = (tmp_path / FOLDER).iterdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    # The number of a process may be another's by now: what it left is locked by nobody.
    for process in (ended.pid, os.getpid()):
        host = path.stem.rsplit("-", 2)[0]
        path.with_name(f"{host}-{process}-1.json").write_text(json.dumps(asdict(HERE)))
    assert running(tmp_path) == ()
    with announced(tmp_path, HERE):
        assert running(tmp_path) == (HERE,)
        assert len(list((tmp_path / FOLDER).iterdir())) == 2


def test_one_that_listens_everywhere_is_here(tmp_path: Path) -> None:
    address = EVERYWHERE.address(project="shop", user="ada")
    assert (address.url, address.postgres, address.flight) == ("https://127.0.0.1:4", 5, None)
    assert "sslrootcert=shop.pem" in address.conninfo

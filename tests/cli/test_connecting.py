from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")


@contextmanager
def serving(shop: Path, *options: str, lines: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that runs, with what it printed."""
    with subprocess.Popen(
        [PUMPHOUSE, "serve", "--port", "0", *options],
        cwd=shop,
        env={**os.environ, "PUMPHOUSE_ACTOR": "ann"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout
        said = "".join(server.stdout.readline() for _ in range(lines))
        try:
            yield server, said
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


def test_a_server_that_runs_is_found_with_its_ports_and_its_owner(pumphouse: Any, shop: Path) -> None:
    with serving(shop, "--flight", "off", lines=3) as (_, said):
        found = re.search(r"postgresql://ann@127.0.0.1:(\d+)/shop", said)
        url = said.splitlines()[0].rpartition(" ")[2]
        assert found
        psql = pumphouse("connect", "orders", "--lang", "psql", cwd=shop)
        assert f"port={found[1]} dbname=shop user=ann" in psql.out
        assert f'connect("{url}")' in pumphouse("connect", "orders", "--lang", "polars", cwd=shop).out
        named = pumphouse("connect", "orders", "--lang", "psql", "--server", url, "--user", "bob", cwd=shop)
        assert f"port={found[1]} dbname=shop user=bob" in named.out
        assert named.err == ""
        shut = pumphouse("connect", "orders", "--lang", "adbc", cwd=shop)
        assert "does not speak Flight SQL, which 'adbc' needs" in shut.err
    assert ":8484" in pumphouse("connect", "orders", "--lang", "polars", cwd=shop).out


def test_what_a_killed_server_left_counts_for_nothing(pumphouse: Any, shop: Path) -> None:
    with serving(shop, lines=4) as (server, _):
        server.kill()
        server.wait(60)
    assert list((shop / "lake" / "serving").iterdir())
    said = pumphouse("connect", "orders", "--lang", "psql", cwd=shop)
    assert "port=8486" in said.out
    assert "No server of this lake runs on this machine" in said.err


def test_the_lines_of_a_language_are_printed(pumphouse: Any, shop: Path) -> None:
    said = pumphouse("connect", "orders", "--lang", "polars", cwd=shop).out
    assert 'connect("http://127.0.0.1:8484").table("orders")' in said
    psql = pumphouse("connect", "orders", "--lang", "psql", "--server", "https://data.example:9000", cwd=shop)
    assert "host=data.example port=9002 dbname=shop" in psql.out
    assert "PostgreSQL's protocol at 9002: where a server has them without options" in psql.err
    assert pumphouse("connect", "orders", "--lang", "polars", "--json", cwd=shop).json == {
        "lang": "polars",
        "text": said,
    }


def test_without_a_language_they_are_listed(pumphouse: Any, shop: Path) -> None:
    listed = pumphouse("connect", "orders", cwd=shop).out
    assert ["julia", "Julia"] in [line.split() for line in listed.splitlines()]
    assert len(pumphouse("connect", "orders", "--json", cwd=shop).json) == len(listed.splitlines())


def test_what_is_not_there_is_refused_with_the_nearest(pumphouse: Any, shop: Path) -> None:
    assert "Did you mean 'orders'?" in pumphouse("connect", "oders", cwd=shop).err
    assert "Did you mean 'polars'?" in pumphouse("connect", "orders", "--lang", "polar", cwd=shop).err

"""The lines that are printed are right in their language, and what is printed for HTTP reads a served table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.server.conftest import TOKEN, Served

from pumphouse.clients.address import Address, address_of
from pumphouse.clients.snippets import SNIPPETS, lines
from pumphouse.errors import ConfigError, UnknownName

HERE = Address(project="the shop's", user="O'Hara \\ co")
RUN_BY = {
    "python": [sys.executable, "-c"],
    "polars": [sys.executable, "-c"],
    "pandas": [sys.executable, "-c"],
    "arrow": [sys.executable, "-c"],
    "duckdb": [sys.executable, "-c"],
    "curl": ["sh", "-c"],
    "r": ["Rscript", "-e"],
}
CHECKED_BY = {
    "adbc": [sys.executable, "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"],
    "psycopg": [sys.executable, "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"],
    "sqlalchemy": [sys.executable, "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"],
    "r-dbi": ["Rscript", "-e", "invisible(parse(commandArgs(TRUE)[1]))"],
    "node": ["node", "--check"],
    "node-pg": ["node", "--check"],
    "c": ["gcc", "-fsyntax-only", "-I/usr/include/postgresql"],
    "go": ["gofmt", "-l"],
    "perl": ["perl", "-c"],
    "ruby": ["ruby", "-c"],
    "php": ["php", "-l"],
    "psql": ["sh", "-n"],
    "odbc": ["sh", "-n"],
}
ENDINGS = {"r-dbi": ".R", "node": ".mjs", "node-pg": ".mjs", "c": ".c", "go": ".go"}


@pytest.mark.parametrize("lang", RUN_BY)
def test_what_is_printed_reads_a_table(lang: str, served: Served, tmp_path: Path) -> None:
    if shutil.which(RUN_BY[lang][0]) is None:
        pytest.skip(f"nothing here runs {lang}")
    text = lines(lang, "orders", address_of(served.url, project="shop", user="ada"))
    environment = {**os.environ, "PUMPHOUSE_TOKEN": TOKEN, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([*RUN_BY[lang], text], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for shown in ("order_id", "customer 7", "2.25"):
        assert shown in done.stdout


@pytest.mark.parametrize("lang", CHECKED_BY)
@pytest.mark.parametrize("table", ["orders", "order"])
def test_what_is_printed_can_be_read_by_its_language(lang: str, table: str, tmp_path: Path) -> None:
    command, file = CHECKED_BY[lang], tmp_path / f"first{ENDINGS.get(lang, '.txt')}"
    if shutil.which(command[0]) is None or (lang == "c" and not Path("/usr/include/postgresql/libpq-fe.h").exists()):
        pytest.skip(f"nothing here checks {lang}")
    file.write_text(lines(lang, table, HERE), encoding="utf-8")
    done = subprocess.run([*command, file], capture_output=True, text=True)
    if lang == "perl" and "Can't locate DBI" in done.stderr:
        pytest.skip("no DBI here")
    assert done.returncode == 0, done.stderr
    assert (lang, done.stdout) == (lang, "") or lang in ("ruby", "php")


@pytest.mark.parametrize("lang", SNIPPETS)
def test_each_says_where_and_what_and_no_token(lang: str) -> None:
    address = Address(project="shop", user="ada", host="data.example", http=1, flight=2, postgres=3, tls=True)
    text = lines(lang, "orders", address)
    assert "data.example" in text
    assert "orders" in text
    assert str({"http": 1, "flight": 2, "postgres": 3}[SNIPPETS[lang].door]) in text
    assert (
        "PUMPHOUSE_TOKEN" in text or SNIPPETS[lang].title in {"Excel, Power Query", "Power BI, in M"} or "token" in text
    )


def test_a_reserved_name_is_quoted_and_others_are_not() -> None:
    assert "FROM orders LIMIT" in lines("psql", "orders", HERE)
    assert 'FROM "order" LIMIT' in lines("psql", "order", HERE)
    assert 'FROM "Orders" LIMIT' in lines("psql", "Orders", HERE)
    assert 'FROM \\"order\\" LIMIT' in lines("psycopg", "order", HERE)


def test_libpq_reads_what_we_wrote() -> None:
    found = conninfo_to_dict(HERE.conninfo)
    assert str(found.pop("port")) == "8486"
    assert found == {"host": "127.0.0.1", "dbname": "the shop's", "user": "O'Hara \\ co", "sslmode": "disable"}
    own = conninfo_to_dict(replace(HERE, tls=True, certificate="/my cert.pem").conninfo)
    assert (own["sslmode"], own["sslrootcert"]) == ("verify-full", "/my cert.pem")


def test_an_address_says_where_every_door_is() -> None:
    found = address_of("https://data.example/", project="shop", user="ada")
    assert (found.url, found.flight_uri, found.postgres) == (
        "https://data.example:443",
        "grpc+tls://data.example:444",
        445,
    )
    assert address_of("http://[::1]:8484", project="p", user="u").url == "http://[::1]:8484"
    for wrong in ("data.example", "ftp://x", "http://x:port"):
        with pytest.raises(ConfigError, match="no address of a server"):
            address_of(wrong, project="p", user="u")


def test_an_unknown_language_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'polars'"):
        lines("polar", "orders", HERE)

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
from tests.server.conftest import TOKEN

from pumphouse.clients.address import Address, address_of
from pumphouse.clients.snippets import SNIPPETS, lines
from pumphouse.errors import ConfigError, UnknownName

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Address(project="the shop's", user="O'Hara \\ co")
RUN_BY = {
    "python": [sys.executable, "-c"],
    "polars": [sys.executable, "-c"],
    "pandas": [sys.executable, "-c"],
    "arrow": [sys.executable, "-c"],
    "duckdb": [sys.executable, "-c"],
    "curl": ["sh", "-c"],
    "r": ["Rscript", "-e"],
    "adbc": [sys.executable, "-c"],
    "psycopg": [sys.executable, "-c"],
    "sqlalchemy": [sys.executable, "-c"],
    "psql": ["sh", "-c"],
    "odbc": ["sh", "-c"],
    "r-dbi": ["Rscript", "-e"],
    "perl": ["perl", "-e"],
    "ruby": ["ruby", "-e"],
    "php": ["php", "-f", "first.php"],
    "node": ["node", "first.mjs"],
    "typescript": ["node", "first.mjs"],
    "node-pg": ["node", "first.mjs"],
    "c": ["sh", "-c", 'gcc -o first first.c -I"$(pg_config --includedir)" -lpq && ./first'],
    "java": ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/postgresql.jar", "First.java"],
    "go": ["go", "run", "first.go"],
}
FILES = {
    **dict.fromkeys(("node", "typescript", "node-pg"), "first.mjs"),
    "php": "first.php",
    "c": "first.c",
    "java": "First.java",
    "go": "first.go",
}
"""Languages whose text is a file; the text of others is the last word of the command."""
NODE_ARROW = REPOSITORY / "clients" / "typescript" / "node_modules" / "apache-arrow"
NODE_PG = REPOSITORY / "tests" / "server" / "clients" / "node_modules" / "pg"
NEEDS = {
    "node": NODE_ARROW,
    "typescript": NODE_ARROW,
    "node-pg": NODE_PG,
    "psql": "/usr/bin/psql",
    "odbc": "/usr/share/doc/odbc-postgresql",
    "r-dbi": "/usr/lib/R/site-library/RPostgreSQL",
    "perl": "/usr/share/doc/libdbd-pg-perl",
    "ruby": "/usr/share/doc/ruby-pg",
    "php": "/usr/share/doc/php-pgsql",
    "c": "/usr/include/postgresql/libpq-fe.h",
    "java": "/usr/share/java/postgresql.jar",
    "go": "/usr/share/gocode/src/github.com/lib/pq",
}


@pytest.mark.parametrize("lang", RUN_BY)
def test_what_is_printed_reads_a_table(lang: str, address: Address, tmp_path: Path) -> None:
    command = RUN_BY[lang]
    if shutil.which(command[0]) is None or not Path(NEEDS.get(lang, "/")).exists():
        pytest.skip(f"nothing here runs {lang}")
    text = lines(lang, "orders", address)
    if "node_modules" in str(NEEDS.get(lang)):
        (tmp_path / "node_modules").symlink_to(Path(NEEDS[lang]).parent)
    if lang in FILES:
        (tmp_path / FILES[lang]).write_text(text, encoding="utf-8")
    else:
        command = [*command, text]
    environment = {
        **os.environ, "PUMPHOUSE_TOKEN": TOKEN, "XDG_CACHE_HOME": str(tmp_path), "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode", "GOCACHE": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for shown in ("1",) if lang == "java" else ("customer 7", "2.25"):
        assert shown in done.stdout


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
    with pytest.raises(ConfigError, match="in the clear"):
        address_of("http://data.example:8484", project="p", user="u")


def test_an_unknown_language_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'polars'"):
        lines("polar", "orders", HERE)

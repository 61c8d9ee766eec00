from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.extensions import wheel_file
from pumphouse.errors import MissingExtra


def test_extensions_load_from_their_wheels(duck: DuckDB) -> None:
    fork = duck.fork()
    fork.load("ducklake")
    fork.load("sqlite_scanner", "ducklake")
    loaded = dict(fork.execute("SELECT extension_name, loaded FROM duckdb_extensions()"))
    assert loaded["ducklake"]
    assert loaded["sqlite_scanner"]


def test_once_extensions_were_loaded_only_what_is_signed_is(tmp_path: Path) -> None:
    duck = DuckDB(threads=1)
    duck.load("ducklake")
    forged = tmp_path / "sqlite_scanner.duckdb_extension"
    content = bytearray(wheel_file("sqlite_scanner").read_bytes())
    content[len(content) // 2] ^= 1
    forged.write_bytes(content)
    with pytest.raises(duckdb.IOException, match="signature"):
        duck.execute(f"LOAD '{forged}'")
    with pytest.raises(duckdb.InvalidInputException, match="allow_unsigned_extensions"):
        duck.execute("SET GLOBAL allow_unsigned_extensions = true")
    duck.load("sqlite_scanner")
    duck.close()


def test_an_extension_that_is_not_installed_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"duckdb-extension-spatial.*pip install 'pumphouse\[all\]'"):
        wheel_file("spatial")

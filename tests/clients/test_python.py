"""The package that is made for Python is typed, holds whatever names and docs there are, and reads."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.conftest import TOKEN, Served

from pumphouse.clients.address import Address, address_of
from pumphouse.clients.naming import types_of
from pumphouse.clients.python import package, python_type
from pumphouse.clients.writing import write
from pumphouse.errors import ConfigError
from pumphouse_client import Column, Description, connect

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Address(project="shop", user="ada")
USED = """
from shop_client import OrdersRow, connect

with connect() as shop:
    rows: list[OrdersRow] = shop.orders.where("amount > 9").order("-order_id").limit(2).rows
    first: int = rows[0]["order_id"]
    names = [row["customer"] for row in rows]
    print(first, names, shop.orders.select("order_id").to_polars().height)
"""
SETTINGS = """
[mypy]
strict = true
[mypy-httpx.*,polars.*,pandas.*,duckdb.*,pyarrow.*]
ignore_missing_imports = true
follow_imports = skip
"""  # other libraries are not what is looked at, and take a minute
MISUSED = """
from shop_client import connect

shop = connect()
shop.orders.select("order_di")          # no such column
print(shop.orders.rows[0]["amuont"])    # nor this
print(shop.order)                       # nor this table
number: int = shop.orders.rows[0]["customer"]
"""


@pytest.fixture(scope="module")
def made(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with connect(served.url, token=TOKEN, cache=False) as connection:
        tables = {name: one for name, one in connection.tables.items() if "__" not in name}
    folder = tmp_path_factory.mktemp("made") / "shop"
    write(package(tables, address_of(served.url, project="shop", user="ada")), folder)
    return folder


def run(program: str, made: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    places = os.pathsep.join(map(str, (made / "src", REPOSITORY / "src")))
    environment = {**os.environ, "PYTHONPATH": places, "PUMPHOUSE_TOKEN": TOKEN, "XDG_CACHE_HOME": str(cache)}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


def test_it_reads_as_its_readme_says(made: Path, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (made / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown.splitlines()) == 3
    done = run(shown, made, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'order_id': 1" in done.stdout
    assert run(USED, made, tmp_path).stdout == "40 ['customer 37', 'customer 36'] 40\n"


def test_a_type_checker_knows_its_tables_and_columns(made: Path, tmp_path: Path) -> None:
    (tmp_path / "used.py").write_text(USED, encoding="utf-8")
    (tmp_path / "misused.py").write_text(MISUSED, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(SETTINGS, encoding="utf-8")
    path = os.pathsep.join(map(str, (made / "src", REPOSITORY / "src")))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "used.py", "misused.py", *map(str, (made / "src").rglob("*.py"))],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": path, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(\S+?):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert found == [
        ("misused.py", "5", "arg-type"),
        ("misused.py", "6", "typeddict-item"),
        ("misused.py", "7", "attr-defined"),
        ("misused.py", "8", "assignment"),
    ], done.stdout + done.stderr


@given(st.text(min_size=1), st.text(), st.text(), st.sampled_from(["orders", "class", "close", "Table", "Σ"]))
def test_any_doc_and_any_name_makes_a_module(column: str, doc: str, project: str, table: str) -> None:
    about = Description(
        name=table, doc=doc, columns=(Column(name=column, type="int64", doc=doc), Column(name="b", type="string"))
    )
    files = package({table: about}, Address(project=project, user="ada"))
    for path, text in files.items():
        if path.endswith(".py"):
            tree = ast.parse(text)
            assert not [one for one in ast.walk(tree) if isinstance(one, ast.Name) and one.id == "evil"]


@pytest.mark.parametrize(
    ("type", "python"),
    [
        (pa.int64(), "int"), (pa.uint8(), "int"), (pa.float32(), "float"), (pa.decimal128(38, 2), "Decimal"),
        (pa.string(), "str"), (pa.bool_(), "bool"), (pa.date32(), "date"), (pa.time64("us"), "time"),
        (pa.timestamp("us", tz="UTC"), "datetime"), (pa.timestamp("ns"), "datetime"), (pa.binary(), "bytes"),
        (pa.list_(pa.int32()), "list[int | None]"), (pa.month_day_nano_interval(), "Any"), (pa.null(), "Any"),
        (pa.list_(pa.list_(pa.string())), "list[list[str | None] | None]"),
        (pa.struct([("a", pa.list_(pa.int32()))]), "Any"), (pa.map_(pa.string(), pa.int32()), "Any"),
        (pa.dictionary(pa.int8(), pa.string()), "str"), (pa.list_(pa.struct([("a: b", pa.int8())])), "list[Any]"),
        (pa.list_(pa.field("l", pa.int16(), nullable=False)), "list[int | None]"),
    ],
    ids=str,
)  # fmt: skip
def test_a_type_of_arrow_is_one_of_python(type: pa.DataType, python: str) -> None:
    assert python_type(str(type)) == python


def test_no_two_tables_get_one_type() -> None:
    assert types_of(["a_b", "aB", "a__b", "_"]) == {"a_b": "AB", "aB": "AB_", "a__b": "AB__", "_": "Table"}


def test_a_package_is_made_anew_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    tables = {"orders": Description(name="orders", columns=(Column(name="a", type="int64"),))}
    write(package(tables, HERE), tmp_path / "new")
    write(package(tables, HERE), tmp_path / "new")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="has other files in it"):
        write(package(tables, HERE), tmp_path)

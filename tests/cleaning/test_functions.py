from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import col, e164, expand, ip_country, parse_date
from pumphouse.cleaning.functions import sql_functions
from pumphouse.cleaning.step import Resources, Step, one
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError

CELLS = [
    "030 901820",
    "+1 212 555 0123 x4",
    "8.8.8.8",
    "10.0.0.1",
    "::1",
    "03/04/1962",
    "31/02/1962",
    "pls call",
    "Pls",
    "",
    " ",
    "x",
    None,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "shorthand.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    return folder


def run(engine: DuckDB, folder: Path, call: str, **columns: list[str | None]) -> list[object]:
    rows = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    query = Query(text=f"SELECT {call} AS found FROM cells", tables={"cells": rows}, functions=sql_functions(folder))
    assert engine.schema(query).names == ["found"]  # the first connection knows the functions, and its forks share them
    return engine.read(query).read_all().column("found").to_pylist()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(CELLS), max_size=12))
def test_sql_gives_what_the_steps_give(engine: DuckDB, folder: Path, column: list[str | None]) -> None:
    steps: dict[str, Step] = {
        "e164(cell, 'DE')": e164(default="DE"),
        "e164(cell)": e164(),
        "ip_country(cell)": ip_country(),
        "parse_date(cell, '%d/%m/%Y')": parse_date("%d/%m/%Y"),
        "expand(cell, 'shorthand.csv')": expand("shorthand.csv"),
    }
    for call, step in steps.items():
        cleaner = step.load(Resources(folder=folder))(pa.array(column, pa.string()), {})
        assert run(engine, folder, call, cell=column) == cleaner.values.to_pylist()
        if len(column) == 1:
            assert run(engine, folder, call, cell=column) == [
                one(step, column[0], {}, resources=Resources(folder=folder)).value
            ]


def test_the_region_may_be_a_column_as_for_the_step(engine: DuckDB, folder: Path) -> None:
    phones: list[str | None] = ["030 901820", "212 555 0123", "212 555 0123"]
    countries: list[str | None] = ["DE", "US", None]
    step = e164(region=col.country)
    assert run(engine, folder, "e164(phone, country)", phone=phones, country=countries) == [
        step.one(phone, country=country).value for phone, country in zip(phones, countries, strict=True)
    ]


def test_too_many_values_are_told_with_what_each_would_be(engine: DuckDB, folder: Path) -> None:
    with pytest.raises(BuildError, match=r"e164 takes 3 values, 4 were given. It is e164\(value, region, default\)."):
        run(engine, folder, "e164(phone, 'US', 'DE', 'x')", phone=["1"])


def test_a_dictionary_outside_the_project_is_refused(engine: DuckDB, folder: Path) -> None:
    with pytest.raises(Exception, match="lies outside the project"):
        run(engine, folder, "expand(cell, '../secret.csv')", cell=["pls"])


def test_a_dictionary_that_changed_is_read_again(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("shorthand,expansion\nu,you\n", encoding="utf-8")
    assert run(engine, tmp_path, "expand(cell, 'words.csv')", cell=["u"]) == ["you"]
    path.write_text("shorthand,expansion\nu,thou\n", encoding="utf-8")
    assert run(engine, tmp_path, "expand(cell, 'words.csv')", cell=["u"]) == ["thou"]


def test_functions_of_one_folder_are_equal_so_that_an_engine_keeps_them(folder: Path) -> None:
    assert sql_functions(folder) == sql_functions(folder)
    assert sql_functions(folder) != sql_functions(folder / "other")

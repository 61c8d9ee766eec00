from __future__ import annotations

from pathlib import Path
from typing import Any


def test_the_lines_of_a_language_are_printed(pumphouse: Any, shop: Path) -> None:
    said = pumphouse("connect", "orders", "--lang", "polars", cwd=shop).out
    assert 'connect("http://127.0.0.1:8484").table("orders")' in said
    psql = pumphouse("connect", "orders", "--lang", "psql", "--server", "https://data.example:9000", cwd=shop).out
    assert "host=data.example port=9002 dbname=shop" in psql
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

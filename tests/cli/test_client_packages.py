from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_package_is_written_and_is_no_part_of_the_project(pumphouse: Any, shop: Path) -> None:
    said = pumphouse("clients", "--lang", "python", "--json", cwd=shop).json
    assert said["folder"] == str(shop / "clients" / "python")
    assert {"orders", "by_day", "raw_orders"} <= set(said["tables"])
    tables = (shop / "clients" / "python" / "src" / "shop_client" / "tables.py").read_text(encoding="utf-8")
    assert 'class OrdersRow(TypedDict):\n    """Paid orders. One row per order; EUR."""' in tables
    assert "amount: Decimal | None" in tables
    assert pumphouse("clients", "--lang", "typescript", cwd=shop).code == 0
    assert (shop / "clients" / "typescript" / "src" / "pumphouse.ts").exists()
    assert pumphouse("clients", "--lang", "r", cwd=shop).code == 0
    assert (shop / "clients" / "r" / "R" / "pumphouse.R").exists()
    assert pumphouse("validate", cwd=shop).code == 0


def test_some_tables_go_where_they_are_wanted(pumphouse: Any, shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    said = pumphouse("clients", "orders", "--lang", "python", "--to", str(folder), cwd=shop).out
    assert said == f"1 table in {folder}; README.md shows how to begin.\n"
    assert "by_day" not in (folder / "README.md").read_text(encoding="utf-8")
    assert "Did you mean 'orders'?" in pumphouse("clients", "oders", "--lang", "python", cwd=shop).err

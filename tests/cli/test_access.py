from __future__ import annotations

from pathlib import Path
from typing import Any

GRANTS = """
import pumphouse as ph
for_analysts = ph.grant("orders", to=["analysts"], columns=["order_id", "day"], mask={"order_id": "hash"},
                        rows="order_id > 1")
for_boss = ph.grant("orders", to="boss")
"""


def test_nothing_is_restricted_to_begin_with(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("access", cwd=shop).out.startswith("Nothing is restricted")
    assert pumphouse("access", "orders", cwd=shop).out.splitlines()[0].startswith("orders (")


def test_who_sees_what_is_told_with_the_reason(pumphouse: Any, shop: Path) -> None:
    (shop / "grants.py").write_text(GRANTS, encoding="utf-8")
    with (shop / "pumphouse.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[groups]\nanalysts = ["ann"]\n')
    pumphouse("token", "make", "bob", cwd=shop)
    lines = pumphouse("access", "orders", cwd=shop).out.splitlines()
    assert lines[0] == "orders (sql)"
    assert lines[1].split("  ")[1:] == [
        "ann",
        "       order_id, day with order_id as hash where order_id > 1",
        "granted by for_analysts",
    ] or lines[1].startswith("  ann")
    told = {one["who"]: one for one in pumphouse("access", "orders", "--json", cwd=shop).json}
    assert {who: one["sees"] for who, one in told.items()} == {
        "ann": "part",
        "bob": "nothing",
        "boss": "all",
        "all others": "nothing",
    }
    assert told["ann"]["shown"] == ["order_id, day with order_id as hash where order_id > 1"]
    assert told["ann"]["why"] == "granted by for_analysts"
    assert told["bob"]["why"] == "it has grants, and none names them"
    (bob,) = pumphouse("access", "orders", "--who", "bob", "--json", cwd=shop).json
    assert bob == told["bob"]
    assert "raw_orders" in pumphouse("access", cwd=shop).out
    assert "Did you mean 'orders'?" in pumphouse("access", "oders", cwd=shop).err

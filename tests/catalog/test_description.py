from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.catalog.conftest import DAY, ROWS, Shop

from pumphouse.catalog.description import describe
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import UnknownName
from pumphouse.lake.lake import Lake, Location


def test_a_table_is_described_with_its_columns_rows_and_builds(shop: Shop) -> None:
    shop.check("orders", "amount >= 0")
    shop.add("orders", "sql", "raw_orders", spec=shop.assets["orders"].spec, doc="Paid orders.", key=("order_id",))
    shop.build("raw_orders")
    built = shop.build("orders", quarantined=2)
    assert built.at
    found = describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=built.at + DAY)
    assert [(column.name, column.type, column.hidden) for column in found.columns] == [
        ("order_id", "BIGINT", False),
        ("amount", "DOUBLE", False),
        ("_raw", "VARCHAR", True),
    ]
    assert (found.rows, found.quarantined) == (3, 2)
    assert (found.upstream, found.downstream) == (("raw_orders",), ("weekly_sales",))
    assert found.checks == ("orders_check: amount >= 0 (warn)",)
    assert [(build.snapshot, build.counts.quarantined) for build in found.builds] == [(built.snapshot, 2)]
    assert found.definition == "SELECT order_id, amount\nFROM raw_orders"
    assert found.freshness == "built yesterday; none of its inputs has changed since"


def test_it_says_which_inputs_changed_since(shop: Shop) -> None:
    built = shop.build_all()
    shop.build("raw_orders", ROWS.slice(1))
    found = describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=built + DAY)
    assert found.behind == ("raw_orders",)
    assert found.freshness.endswith("; raw_orders has changed since")


def test_only_the_last_builds_are_shown_newest_first(shop: Shop) -> None:
    snapshots = [shop.build("raw_orders", ROWS.slice(0, number % 2 + 1)).snapshot for number in range(7)]
    found = describe(shop.lake, shop.assets, "raw_orders", folder=shop.folder, now=_now(shop))
    assert [build.snapshot for build in found.builds] == snapshots[:1:-1]


def test_a_person_who_is_hidden_is_not_counted(shop: Shop) -> None:
    from pumphouse.lake.changes import hide

    shop.build("raw_orders")
    hide(shop.lake, entity="order_id", value=2, why="asked", run="r", actor="maria")
    assert describe(shop.lake, shop.assets, "raw_orders", folder=shop.folder, now=_now(shop)).rows == 2


def test_what_was_never_built_is_described_all_the_same(shop: Shop) -> None:
    shop.build("raw_orders")
    found = describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=_now(shop))
    assert (found.columns, found.rows, found.quarantined, found.builds) == ((), None, None, ())
    assert found.freshness == "not built yet"


def test_what_is_no_table_has_no_columns_but_a_definition(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann", "bob")
    shop.build_all()
    found = describe(shop.lake, shop.assets, bet, folder=shop.folder, now=_now(shop))
    assert (found.columns, found.rows, found.definition) == ((), None, "")
    declared = 'weekly_sales_bet = ph.bet(\n    "weekly_sales",\n    users=["ann", "bob"],\n)'
    (shop.folder / "shop").mkdir(parents=True)
    (shop.folder / "shop" / "weekly_sales_bet.py").write_text(f"import pumphouse as ph\n\n{declared}\n\nother = 1\n")
    assert describe(shop.lake, shop.assets, bet, folder=shop.folder, now=_now(shop)).definition == declared


def test_a_function_is_shown_with_its_decorator(shop: Shop) -> None:
    declared = '@ph.table(key="order_id")\ndef orders():\n    return []'
    shop.add("orders", "python")
    shop.build("raw_orders")
    (shop.folder / "shop").mkdir(parents=True)
    (shop.folder / "shop" / "orders.py").write_text(f"\n\n{declared}\n")
    assert describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=_now(shop)).definition == declared


def test_the_text_reads_well(shop: Shop) -> None:
    shop.add("orders", "sql", "raw_orders", spec=shop.assets["orders"].spec, doc="Paid orders.", key=("order_id",))
    shop.build("raw_orders")
    built = shop.build("orders")
    assert built.at
    text = describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=built.at + timedelta(hours=3)).to_text()
    hours = "3 hours ago" if built.at.date() == (built.at + timedelta(hours=3)).date() else "yesterday"
    assert (
        text
        == f"""\
orders (sql, shop/orders.py:3)
  Paid orders.

owner      nobody
key        order_id
rows       3
fresh      built {hours}; none of its inputs has changed since
reads      raw_orders
feeds      weekly_sales

columns
  order_id  BIGINT
  amount    DOUBLE
  _raw      VARCHAR  (hidden)

builds
  snapshot {built.snapshot}, {hours} by maria: 3 in, 3 out

definition
  SELECT order_id, amount
  FROM raw_orders"""
    )


def test_it_is_json(shop: Shop) -> None:
    shop.build_all()
    values = json.loads(
        json.dumps(describe(shop.lake, shop.assets, "orders", folder=shop.folder, now=_now(shop)).to_dict())
    )
    assert values["columns"][0] == {"name": "order_id", "type": "BIGINT", "hidden": False, "doc": ""}
    assert values["place"] == {"file": "shop/orders.py", "line": 3}
    assert values["freshness"].startswith("built")


def test_a_wrong_name_gets_the_nearest_one(shop: Shop) -> None:
    shop.build("raw_orders")
    with pytest.raises(UnknownName, match="Did you mean 'orders'"):
        describe(shop.lake, shop.assets, "oders", folder=shop.folder, now=_now(shop))


def test_what_this_lake_never_built_is_described_from_the_one_above(shop: Shop, tmp_path: Path) -> None:
    built = shop.build_all()
    engine = DuckDB(threads=1)
    above = Lake(Location(folder=shop.lake.folder), engine=engine, alias="above", writable=False)
    dev = Lake(Location(folder=tmp_path / "dev"), engine=engine, upstream=above)
    found = describe(dev, shop.assets, "orders", folder=shop.folder, now=built + DAY)
    assert found.rows == 3
    assert len(found.builds) == 1
    dev.close()


def _now(shop: Shop):  # type: ignore[no-untyped-def]
    at = shop.lake.builds()["raw_orders"].at
    assert at
    return at + DAY


def test_types_are_those_of_sql(shop: Shop) -> None:
    rows = pa.table({"day": pa.array([0], pa.date32()), "at": pa.array([0], pa.timestamp("us", tz="UTC"))})
    shop.build("raw_orders", rows)
    found = describe(shop.lake, shop.assets, "raw_orders", folder=shop.folder, now=_now(shop))
    assert [column.type for column in found.columns] == ["DATE", "TIMESTAMP WITH TIME ZONE"]

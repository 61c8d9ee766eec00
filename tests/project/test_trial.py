"""How a project tests itself: one asset, made of rows that are given by hand."""

from __future__ import annotations

import datetime as dt
import gc
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.project.conftest import CONFIG, Folder

from pumphouse.errors import BuildError, CheckFailed, KeyConflict, UnknownName
from pumphouse.project.project import Project

PROJECT = {
    "pumphouse.toml": f"{CONFIG}[settings]\nrate = 2\n",
    "raw.csv": "order_id\n1\n",
    "gather.py": "import pumphouse as ph\n\nraw_orders = ph.files('raw.csv')\n",
    "orders.sql": """
        /* pumphouse
        key = "order_id"
        slice = "paid_at by day" */
        SELECT order_id, customer_id, cents / 100.0 AS amount_usd, paid_at FROM raw_orders WHERE paid_at IS NOT NULL
    """,
    "dated.sql": "SELECT order_id, $today AS seen_on, $rate AS rate FROM orders",
    "clean.py": """
        from pumphouse.cleaning import clean, col, e164

        people = clean("raw_orders", col.phone >> e164(default="DE"))
    """,
    "made.py": """
        import polars as pl
        import pumphouse as ph

        from shop import raising

        @ph.table()
        def made(orders: pl.LazyFrame, *, rate=1):
            return orders.with_columns(doubled=pl.col("amount_usd") * rate)

        @ph.table()
        def failing(orders):
            raise raising.Odd("no")
    """,
    "raising.py": "class Odd(Exception):\n    pass\n",
    "facts.py": "import pumphouse as ph\n\nno_negative = ph.check('orders', 'amount_usd >= 0')\n",
}
ROW = {"order_id": 1, "customer_id": 7, "cents": 500, "paid_at": dt.date(2024, 1, 1)}


@pytest.fixture(scope="module")
def p(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = Folder(tmp_path_factory.mktemp("trial") / "shop")
    folder.write(PROJECT)
    return folder.open()


def test_as_the_design_shows_it(p: Project) -> None:
    assert p.build("orders", raw_orders=[{**ROW, "paid_at": None}]).rows == []
    assert p.build("orders", raw_orders=[ROW]).rows == [
        {"order_id": 1, "customer_id": 7, "amount_usd": 5.0, "paid_at": dt.date(2024, 1, 1)}
    ]


@pytest.mark.parametrize("form", [pa.table, pl.DataFrame, pd.DataFrame])
def test_inputs_may_be_frames_with_only_the_columns_that_are_read(p: Project, form: Any) -> None:
    assert p.build("made", orders=form({"amount_usd": [1.5]})).rows == [{"amount_usd": 1.5, "doubled": 3.0}]


def test_settings_and_cleaning_are_those_of_the_project(p: Project) -> None:
    before = dt.datetime.now(dt.UTC).date()
    (row,) = p.build("dated", orders=[{"order_id": 1}]).rows
    assert row["rate"] == 2
    assert before <= row["seen_on"] <= dt.datetime.now(dt.UTC).date()
    (row,) = p.build("people", raw_orders=[{"phone": "030 901820"}]).rows
    assert row["phone"] == "+4930901820"


def test_keys_and_checks_hold_as_in_a_run(p: Project) -> None:
    with pytest.raises(KeyConflict, match="order_id = 1 comes 2 times"):
        p.build("orders", raw_orders=[ROW, ROW])
    with pytest.raises(CheckFailed, match="no_negative"):
        p.build("orders", raw_orders=[{**ROW, "cents": -1}])
    with pytest.raises(Exception, match="no") as caught:
        p.build("failing", orders=[ROW])
    assert type(caught.value).__name__ == "Odd"


@pytest.mark.parametrize(
    ("name", "inputs", "error", "said"),
    [
        ("orders", {}, UnknownName, r"'orders' also reads raw_orders\. Give it: raw_orders=\[\.\.\.\]"),
        (
            "orders",
            {"raw_order": [ROW]},
            UnknownName,
            r"'orders' does not read 'raw_order'\. Did you mean 'raw_orders'",
        ),
        ("order", {}, UnknownName, "Did you mean 'orders'"),
        ("no_negative", {}, BuildError, "'no_negative' is a check, and makes no table"),
        ("orders", {"raw_orders": []}, BuildError, "what was given as 'raw_orders' has no columns.*one row or more"),
        ("orders", {"raw_orders": "order_id"}, BuildError, "what was given as 'raw_orders' has no columns"),
    ],
)
def test_what_cannot_be_tried_is_said(p: Project, name: str, inputs: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        p.build(name, **inputs)


def test_nothing_is_left_behind_and_the_projects_lake_is_not_touched(
    p: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others try as well
    rows = p.build("orders", raw_orders=[ROW])
    (made,) = tmp_path.glob("pumphouse-trial-*")
    assert rows.schema.names == ["order_id", "customer_id", "amount_usd", "paid_at"]
    assert p.lake.tables() == ()
    del rows
    gc.collect()
    assert not made.exists()

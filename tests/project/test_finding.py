from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.project.conftest import CONFIG, Folder

from pumphouse.errors import ConfigError
from pumphouse.project.project import open_project

ORDERS = """
    /* pumphouse
    doc = "Paid orders."
    owner = "maria"
    tags = ["finance", "deprecated"]
    */
    SELECT 1 AS order_id, 'Ann' AS customer, 'refunded' AS status
"""


@pytest.fixture
def shop(tmp_path: Path):  # type: ignore[no-untyped-def]
    folder = Folder(tmp_path, config=f'{CONFIG}\n[find]\nvalues = ["orders.status"]\n')
    folder.write({"orders.sql": ORDERS, "weekly.sql": "SELECT order_id AS week_number FROM orders"})
    yield folder
    folder.close()


def test_an_open_project_finds_columns_values_owners_and_tags(shop: Folder) -> None:
    shop.run()
    project = shop.open()
    for words in ("maria", "finance", "refunded", "customer", "paid orders"):
        assert [hit.asset for hit in project.find(words).hits] == ["orders"]
    assert project.find("week_num").hits[0].reasons[0].pieces == (("week", True), ("_", False), ("number", True))
    assert project.find("ann").hits == ()  # its column is not among those found by their values
    assert project.find("orders", limit=1).total == 2


def test_what_is_found_follows_tables_and_use(shop: Folder) -> None:
    shop.run("orders")
    project = shop.open()
    assert [hit.asset for hit in project.find("number").hits] == []
    first = project.find("orders").hits[0]
    assert (first.asset, first.used and first.used.reads) == ("orders", 0)
    project.run()
    assert [hit.asset for hit in project.find("number").hits] == ["weekly"]
    assert project.find("number").snapshot == project.lake.snapshot()
    project.read("weekly")
    used = shop.open().find("number").hits[0].used
    assert used is not None
    assert (used.people, used.reads) == (1, 1)


def test_a_hidden_person_is_found_by_no_value(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=f'{CONFIG}\n[find]\nvalues = ["people.name"]\n')
    folder.write({"people.sql": "SELECT 7 AS person_id, 'Zebediah' AS name UNION ALL SELECT 8, 'Ottilie'"})
    folder.run()
    project = folder.open()
    assert project.find("zebediah").total == 1
    project.hide("person_id", "7", why="asked")
    assert (project.find("zebediah").total, project.find("ottilie").total) == (0, 1)
    folder.close()


def test_values_of_what_nobody_declares_are_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=f'{CONFIG}\n[find]\nvalues = ["order.status"]\n')
    folder.write({"orders.sql": ORDERS})
    with pytest.raises(ConfigError, match=r"'find.values' names 'order', which nobody declares\. Did you mean 'orders"):
        folder.open().find("x")
    folder.close()
    with pytest.raises(ConfigError, match="has to be a list of columns, which 'status' is not"):
        Folder(tmp_path, config='[find]\nvalues = ["status"]\n').open()


FAR = """
    import pumphouse as ph

    clicks = ph.external("clicks/*.parquet")
    gone = ph.external("accounts", connection="crm")
"""
LABELS = """
[connections.crm]
url = "postgresql://nobody@127.0.0.1:1/crm?connect_timeout=2"
[owners]
sales = ["clicks", "week*"]
ottilie = ["orders"]
[tags]
personal = ["orders", "clicks"]
"""


def test_columns_of_external_tables_are_found_and_nobody_waits_for_one_that_is_gone(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=CONFIG + LABELS)
    folder.write({"far.py": FAR, "orders.sql": ORDERS, "weekly.sql": "SELECT 1 AS week_number"})
    (tmp_path / "clicks").mkdir()
    pq.write_table(pa.table({"clicked_at": [1], "referrer": ["a"]}), tmp_path / "clicks" / "a.parquet")
    project = folder.open()
    (found,) = project.find("referrer").hits
    assert (found.asset, found.reasons[0].what, found.reasons[0].column) == ("clicks", "column", "referrer")
    assert project.find("gone").hits[0].asset == "gone"
    folder.close()


def test_owners_and_tags_of_any_asset_stand_in_the_projects_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=CONFIG + LABELS)
    folder.write({"far.py": FAR, "orders.sql": ORDERS, "weekly.sql": "SELECT 1 AS week_number"})
    project = folder.open()
    assert [hit.asset for hit in project.find("sales").hits] == ["clicks", "weekly"]
    assert [hit.asset for hit in project.find("personal").hits] == ["clicks", "orders"]
    assert [hit.asset for hit in project.find("maria").hits] == ["orders"]  # what it declares itself stays
    assert project.graph.assets["orders"].common.tags == ("finance", "deprecated", "personal")
    assert project.graph.assets["clicks"].common.owner == "sales"
    folder.close()
    for wrong, said in (
        ('[owners]\nsales = ["ordres"]', "names 'ordres', and there is no such asset. Did you mean 'orders'"),
        ('[owners]\nsales = ["orders"]\nann = ["ord*"]', "gives 'orders' to 'sales' and 'ann'"),
        ('[tags]\npersonal = "orders"', "'tags.personal' has to be a list of assets"),
    ):
        (tmp_path / "pumphouse.toml").write_text(f"{CONFIG}\n{wrong}\n")
        with pytest.raises(ConfigError, match=re.escape(said)):
            open_project(tmp_path).find("orders")

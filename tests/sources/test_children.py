"""Lists inside a column as a table of their own: in a project, as a person declares them."""

from __future__ import annotations

import json

import pytest
from tests.project.conftest import Folder, failure

from pumphouse.declare.children import children
from pumphouse.errors import ConfigError, ProjectFaults

SHOP = """
    import pumphouse as ph

    raw_orders = ph.files("orders/*.json", key="id", time={"event": "paid_at"})
    order_lines = ph.children("raw_orders", "lines", along={"order_id": "id", "paid_at": "paid_at"},
                              time={"event": "paid_at"})
    discounts = ph.children("order_lines", "discounts")
    order_tags = ph.children("raw_orders", "about.tags")
"""
ORDERS = [
    {
        "id": 1,
        "paid_at": "2026-11-01T10:00:00Z",
        "lines": [{"id": 7, "sku": "A", "discounts": [{"code": "X"}, {"code": "Y"}]}, {"id": 8, "sku": "B"}],
        "about": {"tags": ["new", "gift"]},
    },
    {"id": 2, "paid_at": "2026-11-02T10:00:00Z", "lines": [{"id": 7, "sku": "A", "n": 2.5}], "about": {"tags": None}},
    {"id": 3, "paid_at": "2026-11-03T10:00:00Z", "lines": [], "about": None},
]


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "home" / "shop")
    made.write({"gather.py": SHOP})
    yield made
    made.close()


def write(folder, orders, name="orders/all.json"):
    folder.write({name: json.dumps(orders)})


def rows(folder, query):
    return [tuple(row.values()) for row in folder.open().sql(query).rows]


def test_each_element_is_a_row_with_the_key_of_its_row_and_its_position(folder):
    write(folder, ORDERS)
    report = folder.run()
    assert not report.failed
    lines = "SELECT order_id, position, id, sku, n, discounts FROM order_lines ORDER BY ALL"
    assert rows(folder, lines) == [
        (1, 1, 7, "A", None, '[{"code":"X"},{"code":"Y"}]'),
        (1, 2, 8, "B", None, None),
        (2, 1, 7, "A", 2.5, None),
    ]
    assert rows(folder, "FROM discounts ORDER BY ALL") == [(1, 1, 1, "X"), (1, 1, 2, "Y")]
    assert folder.open().graph.asset("discounts").common.key == ("order_id", "lines_position", "position")
    assert rows(folder, "FROM order_tags ORDER BY ALL") == [(1, 1, "new"), (1, 2, "gift")]


def test_what_changed_or_is_gone_takes_its_elements_along_and_nothing_else_makes_them_stale(folder):
    write(folder, ORDERS)
    folder.run()
    assert not folder.run().results
    write(folder, [{**ORDERS[0], "lines": [{"sku": "C", "id": 9}]}, ORDERS[2]])
    folder.run("raw_orders")
    folder.run("order_lines", "discounts")
    lines = (
        "SELECT order_id, position, id, sku, n, discounts, _loaded_at, _known_at, _raw FROM order_lines ORDER BY ALL"
    )
    after = rows(folder, lines)
    assert [row[:6] for row in after] == [(1, 1, 9, "C", None, None)]  # a column that none has any more stays
    assert rows(folder, "FROM discounts") == []
    parent = rows(folder, "SELECT _loaded_at, _known_at, _raw FROM raw_orders WHERE id = 1")
    assert after[0][6:] == parent[0]
    folder.run("raw_orders", "order_lines", full=True)
    assert rows(folder, lines) == after


def test_what_is_no_list_is_withheld_and_what_stands_alone_is_a_list_of_one(folder):
    folder.write({"gather.py": SHOP.partition("discounts =")[0]})
    lines = ["", '{"sku": "A"}', "plain", "[1, null]", '[{"sku": ', None]
    write(
        folder, [{"id": number, "paid_at": "2026-11-01T10:00:00Z", "lines": cell} for number, cell in enumerate(lines)]
    )
    (result,) = [one for one in folder.run().results if one.asset == "order_lines"]
    assert rows(folder, "SELECT order_id, position, sku, value FROM order_lines ORDER BY ALL") == [
        (1, 1, "A", None),
        (2, 1, None, "plain"),
        (3, 1, None, "1"),
        (3, 2, None, None),
    ]
    counts = result.counts
    assert (counts.rows_in, counts.rows_out, counts.withheld) == (5, 4, 1)
    found = rows(folder, 'SELECT row_id, "column", original, reason FROM order_lines__quarantine')
    assert [row[:3] for row in found] == [("4|2026-11-01T10:00:00Z", "*", '[{"sku": ')]
    assert found[0][3].startswith("is no JSON")


def test_a_key_tells_the_elements_of_one_list_apart_and_what_does_not_fit_is_held_back(folder):
    folder.write(
        {
            "gather.py": """
            import pumphouse as ph

            raw_orders = ph.files("orders/*.json", key="id")
            order_lines = ph.children("raw_orders", "lines", key="id", required="sku")
        """
        }
    )
    write(folder, [{"id": 1, "lines": [{"id": 7, "sku": "A", "n": 1}, {"id": 7, "sku": "B", "n": 2}, {"id": None}]}])
    folder.run()
    assert folder.open().graph.asset("order_lines").common.key == ("id", "lines_id")
    write(
        folder,
        [{"id": 2, "lines": [{"id": 7, "sku": "A", "n": "many"}, {"id": 8, "sku": "A", "n": 3}]}],
        "orders/b.json",
    )
    (result,) = [one for one in folder.run().results if one.asset == "order_lines"]
    assert rows(folder, "SELECT id, position, lines_id, sku, n FROM order_lines ORDER BY ALL") == [
        (1, 2, 7, "B", 2),
        (2, 1, 7, "A", None),
        (2, 2, 8, "A", 3),
    ]
    counts = result.counts
    assert (counts.rows_in, counts.rows_out, counts.merged, counts.withheld, counts.quarantined) == (5, 3, 1, 1, 1)


def test_each_version_of_a_history_has_its_elements(folder):
    folder.write(
        {
            "gather.py": """
            import pumphouse as ph

            raw_orders = ph.files("orders/*.json", key="id", history=True)
            order_lines = ph.children("raw_orders", "lines")
        """
        }
    )
    for lines in (["a"], ["a", "b"]):
        write(folder, [{"id": 1, "lines": lines}])
        folder.run()
    query = "SELECT dense_rank() OVER (ORDER BY _loaded_at), position, value FROM order_lines ORDER BY ALL"
    assert rows(folder, query) == [(1, 1, "a"), (2, 1, "a"), (2, 2, "b")]


def test_where_nothing_says_whose_they_are_children_are_refused(folder):
    folder.write(
        {
            "gather.py": """
            import pumphouse as ph

            raw_orders = ph.files("orders/*.json")
            order_lines = ph.children("raw_orders", "lines")
        """
        }
    )
    with pytest.raises(ProjectFaults, match="'raw_orders' has no key, so that nothing would say whose"):
        folder.open().graph  # noqa: B018 (loaded when it is looked at)
    with pytest.raises(ConfigError, match="names no column"):
        children("raw_orders", "")
    with pytest.raises(ConfigError, match="called 'position', which children have of their own"):
        children("raw_orders", "lines", along="position")
    with pytest.raises(ConfigError, match="declare when they were known"):
        children("raw_orders", "lines", time={"known": "at"})


def test_a_column_without_lists_is_told(folder):
    write(folder, ORDERS)
    for column, what in (
        ("line", "has no such column"),
        ("id", "is a whole number"),
        ("lines.sku", "no row of 'raw_orders' has a list in 'lines.sku': has a list where 'sku' should be"),
    ):
        folder.write({"gather.py": SHOP.partition("order_lines")[0] + f'c = ph.children("raw_orders", "{column}")\n'})
        assert what in failure(folder.run(), "c")

from __future__ import annotations

import pytest

from pumphouse.errors import ProjectFaults

ORDERS = {
    "orders.sql": "SELECT order_id, country, email FROM raw_orders",
    "shop.py": 'import pumphouse as ph\nraw_orders = ph.files("orders/*.csv")\n',
}


def test_a_grant_in_python_or_in_a_header_is_a_fact_that_rebuilds_nothing(loaded):
    plain = loaded(ORDERS)
    held = loaded(
        {
            **ORDERS,
            "facts.py": 'import pumphouse as ph\nfor_ann = ph.grant("orders", to="ann", mask={"email": "hash"})\n',
            "orders.sql": """
            /* pumphouse
            doc = "Paid orders."
            [[grant]]
            to = ["analysts", "sales-team"]
            rows = "country = 'DE'"
            mask = { email = { sql = "left(email, 1)" } }
            [[grant]]
            name = "orders_for_the_boss"
            to = "eve"
            */
            SELECT order_id, country, email FROM raw_orders
            """,
        }
    )
    grants = {name: asset.spec for name, asset in held.assets.items() if asset.kind == "grant"}
    assert list(grants) == ["for_ann", "orders_for_analysts_sales_team", "orders_for_the_boss"]
    first = grants["orders_for_analysts_sales_team"]
    assert (first.to, first.rows, [mask.said for mask in first.masks]) == (
        ("analysts", "sales-team"),
        "country = 'DE'",
        ["left(email, 1)"],
    )
    assert grants["orders_for_the_boss"].is_whole
    assert held.assets["orders_for_the_boss"].place.file == "orders.sql"
    assert held.assets["orders"].fingerprint == plain.assets["orders"].fingerprint


@pytest.mark.parametrize(
    ("said", "what", "mend"),
    [
        ('"order", to="a"', "'g' needs 'order', which nobody defines", "Did you mean 'orders'?"),
        (
            '"orders", to="a", columns=["order_id", "emial"]',
            "columns of 'g' names 'emial', which 'orders' does not have",
            "Did you mean 'email'?",
        ),
        (
            '"orders", to="a", mask={"mail": "null"}',
            "a mask of 'g' names 'mail', which 'orders' does not have",
            "Did you mean 'email'?",
        ),
        (
            '"orders", to="a", rows="contry = \'DE\'"',
            "rows of 'g' names 'contry', which 'orders' does not have",
            "Did you mean 'country'?",
        ),
        ('"orders", to="a", rows="country ="', "rows of 'g': the SQL does not parse", "Write SQL over the columns"),
        (
            '"orders", to="a", rows="order_id IN (SELECT order_id FROM raw_orders)"',
            "rows of 'g' reads 'raw_orders', but it sees one row of its own table",
            "Join what it needs to 'orders' in a table, and grant that.",
        ),
        (
            '"orders", to="a", rows="country IN (SELECT unnest($groups))"',
            "rows of 'g' holds a query",
            "Join what it needs",
        ),
        (
            '"orders", to="a", rows="country = $land"',
            "rows of 'g' names '$land'",
            "It may name $who and $groups",
        ),
        (
            '"orders", to="a", mask={"email": {"sql": "random()"}}',
            "the mask of column 'email' of 'g': random() is random",
            "",
        ),
        (
            '"by_words", to="a", rows="country = \'DE\'"',
            "the grant 'g' hides part of 'by_words', which is a search and is granted as a whole",
            "Leave out columns, mask and rows",
        ),
    ],
)
def test_what_a_grant_can_not_be_is_told_with_its_mend(faults, said, what, mend):
    found = faults(
        {
            **ORDERS,
            "grants.py": "import pumphouse as ph\n"
            'by_words = ph.search("orders", text="email")\n'
            f"g = ph.grant({said})\n",
        }
    )
    assert [str(one.place) for one in found] == ["grants.py:3"]
    assert what in found[0].what
    assert mend in found[0].mend


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ('"orders", to=[]', "a grant needs somebody in to"),
        ('"orders", to="a", columns=[]', "a grant without columns shows nothing"),
        ('"orders", to="a", mask={"email": "hsh"}', "there is no mask 'hsh' for column 'email'. Did you mean 'hash'?"),
        ('"orders", to="a", mask={"email": "last 40"}', "Did you mean 'last 4'?"),
        ('"orders", to="a", columns="country", mask={"email": "null"}', "masked and not among the columns"),
        ('"orders", to="a", rows=" "', "rows is an SQL condition"),
        ('"orders", to={"a": 1}', "to of a grant is a name or a list of names"),
    ],
)
def test_a_grant_that_means_nothing_is_refused_where_it_is_declared(faults, said, what):
    (found,) = faults({**ORDERS, "grants.py": f"import pumphouse as ph\ng = ph.grant({said})\n"})
    assert what in found.what


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ('[[grant]]\ncolumns = ["email"]', "a grant in the header: a grant needs somebody in to"),
        ('[[grant]]\nto = "ann"\nrow = "x"', "a grant in a header has no 'row'"),
        ('grant = "ann"', "'grant' in the header: expected tables that begin with [[grant]]"),
    ],
)
def test_a_grant_in_a_header_is_told_with_its_line(write, said, what):
    from pumphouse.graph.assets import load

    folder = write({**ORDERS, "orders.sql": f"/* pumphouse\n{said}\n*/\nSELECT 1 AS email FROM raw_orders"})
    with pytest.raises(ProjectFaults) as caught:
        load(folder)
    assert [(one.place.file, one.place.line) for one in caught.value.faults] == [("orders.sql", 2)]
    assert what in caught.value.faults[0].what

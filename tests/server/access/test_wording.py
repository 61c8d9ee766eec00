"""What is wrong with a query is told in our words at every door, with names that its visitor sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN

from pumphouse.declare.grants import grant_spec
from pumphouse.errors import PumphouseError
from pumphouse.project.declared import Known
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

EVE = Visitor(who="eve", scope="read")
FAULTS = [
    ("SELECT cuontry FROM sold", "there is no column 'cuontry' in the tables of the query", "Did you mean 'country'?"),
    ("SELECT s.cuontry FROM sold s", "'s' has no column 'cuontry'", "Did you mean 'country'?"),
    ("SELECT emial FROM sold", "there is no column 'emial' in the tables of the query", None),
    ("SELECT email FROM sold", "there is no column 'email' in the tables of the query", None),
    ("SELECT x.a FROM sold", "nothing in FROM is called 'x'", "There is sold."),
    ("SELECT country", "there is no column 'country': the query has no FROM", "single quotes"),
    ("SELECT * EXCLUDE (email) FROM sold", "there is no column 'email' that EXCLUDE could mean", None),
    ("SELECT row_number() FROM sold", "row_number(...) is called over a window", "OVER (ORDER BY ...)"),
    ("SELECT CAST(country AS nosuch) FROM sold", "there is no type 'nosuch'", None),
    ("SELECT sum(country) FROM sold", "there is no sum(VARCHAR)", "Cast its arguments. There is sum(DECIMAL), "),
    ("SELECT country, sum(id) FROM sold", "the column 'country' is neither in GROUP BY nor", "any_value(country)"),
    ("FROM sold WHERE sum(id) > 1", "WHERE can't have an aggregate in it", "HAVING"),
    ("SELECT id FROM sold a, sold b", "several tables of the query have a column 'id'", "Write a.id or b.id."),
    ("SELECT 1 UNION SELECT 1, 2", "the parts of a UNION, INTERSECT or EXCEPT have different numbers", None),
    ("FROM sold WHERE country > 5", "VARCHAR and INTEGER can't be compared", "Cast one of them"),
    ("SELECT 'a'::INT", "the text 'a' can't be read as INT32", "TRY_CAST"),
    ("SELECT id FROM sold ORDER BY 5", "ORDER term out of range - should be between 1 and 1", None),
    ("SELECT max(sum(id)) FROM sold", "aggregate function calls cannot be nested", None),
    ("SELECT regexp_matches('a', '(')", "missing ): (", None),
    ("SELECT (SELECT id, country FROM sold)", "subquery returns 2 columns - expected 1", None),
    ("SELECT substr(1, 2, 3, 4)", "there is no substr(INTEGER, INTEGER, INTEGER, INTEGER)", "substr(VARCHAR, BIGINT)"),
]


@pytest.fixture(scope="module")
def desk(served: Any) -> Iterator[Desk]:
    shop = served.shop
    shop.fill("sold", pa.table({"id": [1], "country": ["DE"], "email": ["a@b.de"]}))
    declared = shop.declared
    sold = Known(kind="files", inputs=())
    grant = Known(kind="grant", inputs=("sold",), grant=grant_spec("sold", to="eve", columns=["id", "country"]))
    policies = Policies(shop.lake, shop.assets)
    desk = Desk(shop.lake, policies)
    desk.put_in_force(
        policies.with_declared(
            type(declared)(known={**declared.known, "sold": sold, "eves": grant}, groups={}, is_open=True)
        )
    )
    yield desk
    desk.close()


@pytest.mark.parametrize(("text", "what", "mend"), FAULTS)
def test_what_is_wrong_is_told_in_our_words(desk: Desk, text: str, what: str, mend: str | None) -> None:
    with pytest.raises(PumphouseError) as caught:
        desk.ask(EVE, text, door="wording").run().read_all()
    assert what in caught.value.what
    assert " Error: " not in str(caught.value)
    if mend is None:
        assert "email" not in (caught.value.mend or "")
    else:
        assert mend in (caught.value.mend or "")


def test_no_door_says_it_in_the_words_of_the_engine(served: Any) -> None:
    answer: httpx.Response = served.owner.get("/api/sql", params={"sql": "SELECT cutsomer FROM orders"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "there is no column 'cutsomer' in the tables of the query"
    (door,) = (one for one in served.serving.doors if one.name == "postgres")
    with psycopg.connect(door.url, password=TOKEN) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT cutsomer FROM orders")
    assert caught.value.sqlstate == "42703"
    assert str(caught.value).startswith("there is no column 'cutsomer' in the tables of the query")

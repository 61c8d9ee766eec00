"""What is not there for somebody is named nowhere to them, and told as what does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pytest
from tests.server.conftest import make_shop, running

from pumphouse.declare.grants import grant_spec
from pumphouse.lake.state import Access

HIDDEN = ("raw_orders", "orders", "weekly", "weekly_bet", "no_negative", "tickets", "tickets_search", "orders_for_ann")
LISTS = (
    "/",
    "/?find=o",
    "/?find=order+usd+x",
    "/api/find?q=order+amount+late+customer+r",
    "/runs",
    "/snapshots",
    "/catalog",
    "/api/tables",
    "/openapi.json",
)
OF_ONE = (
    "/assets/{}",
    "/assets/{}/diff",
    "/reports/{}",
    "/reports/{}/by_week.csv",
    "/models/{}/1/training.parquet",
    "/api/tables/{}",
    "/api/tables/{}.csv",
    "/api/tables/{}/rows",
    "/api/tables/{}__quarantine/rows",
    "/api/search/{}?q=late",
    "/api/sql?sql=SELECT+*+FROM+{}",
    "/api/sql?sql=FROM+exit_survey,+{}",
    "/online/{}?customer_id=7",
)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A function that gives the client of somebody, of a shop whose orders are granted to ann alone."""
    shop = make_shop(tmp_path_factory.mktemp("granted") / "project")
    spec = grant_spec("orders", to="ann", mask={"customer": "hash", "amount": "null"}, rows="order_id <= 4")
    shop.declare("orders_for_ann", "grant", "orders", spec=spec)
    masks = {"customer": {"sql": "length(customer)"}, "amount": {"sql": "amount > 2"}}
    shop.declare("orders_for_cid", "grant", "orders", spec=grant_spec("orders", to="cid", mask=masks))
    shop.lake.state.access(
        Access(at=shop.lake.builds()["orders"].at, who="zoe", door="http", asset="orders", snapshot=1, rows=40)  # type: ignore[arg-type]
    )
    serving, thread = running(shop, flight_port=0, postgres_port=0)
    clients: dict[str, httpx.Client] = {}

    def visit(who: str, scope: str = "read") -> httpx.Client:
        if who not in clients:
            token = shop.lake.state.make_token(who, scope=scope)
            bearer = {"Authorization": f"Bearer {token}"}
            clients[who] = httpx.Client(base_url=serving.url, headers=bearer, timeout=20)
        return clients[who]

    def ask(door: str, who: str, sql: str) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
        """The types of the columns, and the rows, of a query through another door."""
        token = shop.lake.state.make_token(who, scope="read")
        (url,) = (one.url for one in serving.doors if one.name == door)
        if door == "flight":
            options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
            with adbc.connect(url, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(sql)
                table = cursor.fetch_arrow_table()
                types = {field.name: str(field.type) for field in table.schema}
                return types, [tuple(row.values()) for row in table.to_pylist()]
        port = int(url.rpartition(":")[2].partition("/")[0])
        login = {"host": "127.0.0.1", "port": port, "dbname": "shop", "user": who, "password": token}
        with psycopg.connect(**login, autocommit=True, connect_timeout=60) as session:
            cursor = session.execute(sql)
            types = {one.name: one.type_display for one in cursor.description or ()}
            return types, cursor.fetchall()

    visit.ask = ask  # type: ignore[attr-defined]
    yield visit
    for client in clients.values():
        client.close()
    serving.stop()
    thread.join(20)
    shop.lake.close()


def named(text: str, names: tuple[str, ...] = HIDDEN) -> list[str]:
    return [name for name in names if re.search(rf"(?<![\w]){name}(?![\w])", text)]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("address", LISTS)
def test_no_list_names_what_is_hidden(visit: Any, address: str, accept: str) -> None:
    for who, hidden in (("bob", HIDDEN), ("ann", tuple(name for name in HIDDEN if name != "orders"))):
        answer = visit(who).get(address, headers={"Accept": accept})
        assert answer.status_code in (200, 403)
        assert named(answer.text.replace("weekly_sales", ""), hidden) == []  # in an example of a bet
    assert (
        address == "/openapi.json" or visit("owner", "all").get(address, headers={"Accept": accept}).status_code == 200
    )


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("address", OF_ONE)
def test_what_is_hidden_is_told_as_what_does_not_exist(visit: Any, address: str, accept: str) -> None:
    nowhere = "zqxj_vwkp"
    missing = visit("bob").get(address.format(nowhere), headers={"Accept": accept})
    for name in HIDDEN:
        answer = visit("bob").get(address.format(name), headers={"Accept": accept})
        assert (answer.status_code, answer.text.replace(name, nowhere)) == (missing.status_code, missing.text)


def test_a_visitor_of_part_of_a_table_is_told_of_that_part(visit: Any) -> None:
    page = visit("ann").get("/assets/orders", headers={"Accept": "text/html"}).text
    assert "order_id" in page
    assert named(page, tuple(name for name in HIDDEN if name != "orders")) == []
    for what in (
        "customer 3",
        "Quarantine",
        "<h2>Builds",
        "<h2>Checks",
        "Who read it",
        "SELECT order_id",
        ">40<",
        "zoe",
    ):
        assert what not in page, what
    owner = visit("owner", "all").get("/assets/orders", headers={"Accept": "text/html"}).text
    for what in ("customer 3", "Quarantine", "<h2>Builds", "<h2>Checks", "Who read it", "raw_orders", "zoe"):
        assert what in owner, what
    rows = visit("ann").get("/api/tables/orders/rows").json()["rows"]
    assert [row["order_id"] for row in rows] == [1, 2, 3, 4]
    assert {row["amount"] for row in rows} == {None}
    assert visit("ann").get("/api/sql?sql=SELECT count(*) AS n FROM orders").json()["rows"] == [{"n": 4}]


def test_a_page_tells_the_types_of_masks_as_the_visitor_has_them(visit: Any) -> None:
    page = visit("cid").get("/assets/orders", headers={"Accept": "text/html"}).text
    told = dict(re.findall(r'<td class="name">(order_id|customer|amount)</td><td>(\w+)</td>', page))
    assert told == {"order_id": "bigint", "customer": "bigint", "amount": "boolean"}


def test_a_read_of_part_of_a_table_is_logged_with_the_rows_that_were_shown(visit: Any) -> None:
    visit("ann").get("/api/tables/orders/rows")
    uses = visit("owner", "all").get("/assets/orders", headers={"Accept": "text/html"}).text
    assert re.search(r"<td>ann</td>.*?<td class=\"number\">\d+</td><td class=\"number\">\d+</td>", uses, re.DOTALL)


@pytest.mark.parametrize("door", ["flight", "postgres"])
def test_every_door_shows_the_same_part_of_a_table(visit: Any, door: str) -> None:
    wanted = visit("ann").get("/api/tables/orders/rows").json()["rows"]
    types, rows = visit.ask(door, "ann", "SELECT * FROM orders")
    assert list(types) == list(wanted[0])
    assert types["customer"] in ("string", "text", "varchar")
    assert [row[:3] for row in rows] == [tuple(row.values())[:3] for row in wanted]
    nowhere = "zqxj_vwkp"
    for who, sql, name in (
        ("bob", "SELECT * FROM {}", "orders"),
        ("ann", "SELECT * FROM {}", "tickets"),
        ("ann", "SELECT {} FROM orders", "_raw"),
    ):
        said = []
        for one in (name, nowhere):
            with pytest.raises((psycopg.Error, adbc.Error)) as caught:
                visit.ask(door, who, sql.format(one))
            without_mend = re.sub(r" (Did you mean [^?]*\?|There is [^.]*\.)", "", str(caught.value).partition("\n")[0])
            said.append(without_mend.replace(one, nowhere))
        assert said[0] == said[1]

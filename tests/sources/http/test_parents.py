from __future__ import annotations

import pytest
from tests.sources.conftest import Reply, json_reply

from pumphouse.declare.apis import api
from pumphouse.declare.sources import source
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection


class Shop:
    """Orders in a table, and an API that has refunds below each."""

    def __init__(self, works, world):
        self.works, self.world = works, world
        works.connections["shop_api"] = Connection(name="shop_api", url=world.url, options={"tries": 1})
        self.orders = {1: "paid", 2: "paid", 3: "paid"}
        self.refunds = {1: [{"id": 10, "cents": 5}], 2: [], 3: [{"id": 30, "cents": 7}, {"id": 31, "cents": 8}]}
        self.failing = frozenset()
        world.replies = {f"/orders/{number}/refunds": self.reply for number in range(1, 9)}

        @source(key="order_id")
        def raw_orders():
            yield [{"order_id": number, "status": status} for number, status in self.orders.items()]

        self.parent = works.asset(raw_orders, "raw_orders")

    def declared(self, path="/orders/{order_id}/refunds", **options):
        return self.works.asset(api("shop_api", path, **{"per": "raw_orders", **options}), "raw_refunds")

    def reply(self, target):
        number = int(target.split("/")[2])
        if number in self.failing:
            return Reply(b"out of order", 400)
        return json_reply(self.refunds[number]) if number in self.refunds else Reply(b"none", 404)

    def run(self, made, **changes):
        self.works.run(self.parent)
        del self.world.asked[:]
        return self.works.run(made, snapshot=self.works.lake.snapshot(), **changes)

    @property
    def asked(self):
        return [int(target.split("/")[2]) for target in self.world.asked]

    @property
    def rows(self):
        return self.works.rows("raw_refunds", "order_id, id, cents", order="id")


@pytest.fixture
def shop(works, world):
    return Shop(works, world)


FIRST = [(1, 10, 5), (3, 30, 7), (3, 31, 8)]


@pytest.mark.parametrize("options", [{}, {"key": "id"}, {"key": "id", "history": True}])
def test_each_row_is_asked_about_once_and_again_when_it_changes(works, shop, options):
    made = shop.declared(**options)
    counts = shop.run(made).counts
    assert shop.rows == FIRST
    assert sorted(shop.asked) == [1, 2, 3]
    assert (counts.rows_in, counts.rows_out) == (3, 3)

    assert shop.run(made).snapshot is None
    assert shop.asked == []

    shop.orders[4], shop.refunds[4] = "paid", [{"id": 40, "cents": 9}]
    shop.run(made)
    assert shop.asked == [4]
    assert shop.rows == [*FIRST, (4, 40, 9)]

    shop.orders[3], shop.refunds[3] = "returned", [{"id": 31, "cents": 1}]
    del shop.orders[1]
    shop.run(made)
    assert shop.asked == [3]
    if "history" not in options:
        assert shop.rows == [(3, 31, 1), (4, 40, 9)]
        loaded = dict(works.rows("raw_refunds", "id, _loaded_at"))
        assert loaded[40] < loaded[31]

    before = works.rows("raw_refunds", "*, _raw, _loaded_at")
    shop.run(made, mode="full")
    assert shop.asked == []
    assert works.rows("raw_refunds", "*, _raw, _loaded_at") == before

    shop.run(made, mode="refetch")
    assert sorted(shop.asked) == [2, 3, 4]


@pytest.mark.parametrize("options", [{}, {"key": "id"}])
def test_a_changed_row_about_which_the_same_is_said_is_not_asked_about_for_ever(shop, options):
    made = shop.declared(**options)
    shop.run(made)
    shop.orders[2] = "returned"
    shop.run(made)
    assert shop.asked == [2]
    shop.run(made)
    assert shop.asked == []
    assert shop.rows == FIRST


def test_a_row_the_api_knows_nothing_about_has_none(shop):
    shop.orders[5] = "paid"
    built = shop.run(shop.declared())
    assert built.warnings == ("the API has nothing about 1 rows of 'raw_orders' (404)",)
    assert shop.rows == FIRST
    shop.run(shop.declared(), mode="full")
    assert shop.rows == FIRST


def test_more_rows_than_one_run_asks_for_wait_for_the_next(shop):
    made = shop.declared(per={"table": "raw_orders", "max": 2, "at_once": 1}, key="id")
    assert shop.run(made).warnings == ("1 rows of 'raw_orders' wait for the next run",)
    assert shop.asked == [1, 2]
    shop.run(made)
    assert shop.asked == [3]
    assert shop.rows == FIRST
    shop.run(made)
    assert shop.asked == []


def test_a_run_that_was_broken_off_goes_on_where_it_was(shop):
    made = shop.declared(per={"table": "raw_orders", "at_once": 1})
    shop.failing = {3}
    with pytest.raises(SourceError, match="/orders/3/refunds answered 400"):
        shop.run(made)
    shop.failing = {}
    shop.run(made)
    assert shop.asked == [3]
    assert shop.rows == FIRST


def test_columns_of_the_row_stand_in_parameters_too_and_pages_are_followed(works, shop):
    def reply(target):
        if "page=2" in target:
            return json_reply({"data": [{"id": 2}]})
        return json_reply({"data": [{"id": 1, "order_id": "its own"}], "next": f"{target}&page=2"})

    shop.world.replies = {"/refunds": reply}
    shop.orders = {7: "to be paid"}
    made = shop.declared("/refunds", params={"order": "{order_id}", "q": "is:{status}"}, pages={"next": "next"})
    shop.run(made)
    first = "/refunds?order=7&q=is%3Ato+be+paid"
    assert shop.world.asked == [first, f"{first}&page=2"]
    assert works.rows("raw_refunds", "id, order_id, status") == [(1, "its own", "to be paid"), (2, "7", "to be paid")]


def test_a_column_that_the_table_has_not_is_named_with_the_nearest(shop):
    with pytest.raises(SourceError, match=r"'raw_orders' has no such column.*Did you mean 'order_id'"):
        shop.run(shop.declared("/orders/{orderid}/refunds"))


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("/orders/{id}", {}, "names {id}, and no table"),
        ("/orders", {"per": "raw_orders"}, "the same for each row of 'raw_orders'"),
        ("/orders/{id}", {"per": {"tabel": "raw_orders"}}, "no 'tabel'. Did you mean 'table'"),
        ("/orders/{id}", {"per": {"table": "raw_orders", "max": 0}}, "per has a 'max' of 0"),
        ("/orders/{id}", {"per": "raw_orders", "cursor": "at"}, "a cursor and per='raw_orders'"),
    ],
)
def test_what_means_nothing_is_refused_where_it_is_declared(path, options, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?").replace("{", r"\{")):
        api("shop_api", path, **options)


def test_the_table_is_an_input():
    assert api("shop_api", "/orders/{order_id}", per="raw_orders").inputs == ("raw_orders",)

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.server.conftest import EVIL, make_shop, running

from pumphouse.declare.grants import grant


def test_assets_are_found_over_http_with_why(served: Any) -> None:
    found = served.owner.get("/api/find?q=customers+wrote").json()
    assert [hit["asset"] for hit in found["hits"]] == ["tickets"]
    (reason,) = found["hits"][0]["reasons"]
    assert (reason["what"], [text for text, is_found in reason["pieces"] if is_found]) == (
        "doc",
        ["customers", "wrote"],
    )
    assert found["hits"][0]["used"]["people"] >= 0
    assert served.owner.get("/api/find?q=o&limit=1").json()["hits"][0]
    assert served.owner.get("/api/find").status_code == served.owner.get("/api/find?q=x&limit=x").status_code == 400
    assert served.stranger.get("/api/find?q=x").status_code == 401


def test_the_first_page_shows_what_is_found_and_runs_nothing_of_it(served: Any) -> None:
    text = served.owner.get("/?find=paid_at").text
    assert 'href="/assets/orders"' in text
    assert "<mark>paid</mark>_<mark>at</mark>" in text
    assert "Handed out" not in text
    text = served.owner.get("/?find=trust+alert").text
    assert "&lt;script&gt;<mark>alert</mark>" in text
    assert EVIL not in text


def test_values_that_are_found_are_recorded_as_read(served: Any) -> None:
    hit = served.owner.get("/api/find?q=customer+17").json()["hits"][0]
    values = [one for one in hit["reasons"] if one["what"] == "value"]
    assert (hit["asset"], bool(values)) == ("orders", True)
    (read,) = [one for one in served.shop.lake.state.accesses(asset="orders") if one.door == "find"]
    assert (read.rows, read.detail) == (len(values), "find customer 17")


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shop whose orders ann sees in part, without their amounts and with their customers masked."""
    shop = make_shop(tmp_path_factory.mktemp("granted") / "project")
    spec = grant("orders", to="ann", columns=["order_id", "customer"], mask={"customer": "hash"}).spec
    shop.declare("orders_for_ann", "grant", "orders", spec=spec)
    serving, thread = running(shop)
    token = shop.lake.state.make_token("ann", scope="read")
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as ann:
        yield ann
    serving.stop()
    thread.join(20)
    shop.lake.close()


def test_a_visitor_finds_by_nothing_that_is_hidden_or_masked(granted: httpx.Client) -> None:
    def names(words: str) -> list[str]:
        return [hit["asset"] for hit in granted.get("/api/find", params={"q": words}).json()["hits"]]

    assert names("paid orders") == ["orders"]
    assert names("order_id") == names("usd customer") == ["orders"]
    assert names("paid_at")[:1] == ["orders"]  # by the doc's word alone
    for words in ("amount", "17", "grant", "weekly", "raw_orders", "negative"):
        assert "orders" not in names(words) or words == "raw_orders"
        assert not {"raw_orders", "weekly", "no_negative", "orders_for_ann"} & {*names(words)}
    (hit,) = granted.get("/api/find?q=paid").json()["hits"]
    assert hit["used"] is None
    assert [one["what"] for one in hit["reasons"]] == ["doc"]

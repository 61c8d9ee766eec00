from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.sources.conftest import json_reply

from pumphouse.project.project import open_project

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "apis.md"


def test_the_guides_project_gathers_what_changes_below_what_changes(tmp_path, world, monkeypatch):
    guide = GUIDE.read_text(encoding="utf-8")
    monkeypatch.setenv("SHOP_API", "hush")
    folder = tmp_path / "shop"
    folder.mkdir()
    toml = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)[0].replace("https://shop.example", world.url)
    assert tomllib.loads(toml)["connections"]["shop_api"]["rate"] == "10/s"
    (folder / "pumphouse.toml").write_text(toml.replace("10/s", "1000/s"))
    (folder / "gather.py").write_text(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0])
    orders = [{"order_id": 1, "updated_at": "2024-01-01T00:00:00Z", "paid_at": "2024-01-01T00:00:00Z"}]
    node = {"nodes": [{"id": 7, "subject": "Hello"}], "pageInfo": {"endCursor": None, "hasNextPage": False}}
    world.replies = {
        "/token": json_reply({"access_token": "t", "token_type": "bearer", "expires_in": 60}),
        "/api/orders": lambda target: json_reply({"data": {"items": orders}, "links": {"next": None}}),
        "/api/orders/1/refunds": json_reply([{"refund_id": 10}]),
        "/api/orders/2/refunds": json_reply([{"refund_id": 20}]),
        "/api/rates": json_reply({"rates": {"USD": 1.5, "PLN": 4}}),
        "/api/graphql": json_reply({"data": {"tickets": node}}),
    }

    with open_project(folder) as project:
        assert project.run().ok
        assert project.sql("SELECT refund_id, order_id FROM raw_refunds").rows == [{"refund_id": 10, "order_id": 1}]
        assert project.sql("SELECT * FROM raw_rates ORDER BY value").rows == [
            {"currency": "USD", "value": 1.5},
            {"currency": "PLN", "value": 4.0},
        ]
        assert project.sql("SELECT * FROM raw_tickets").rows == [{"id": 7, "subject": "Hello"}]
        orders.append({"order_id": 2, "updated_at": "2024-01-02T00:00:00Z", "paid_at": None})
        del world.asked[:]
        assert project.run("raw_orders", "raw_refunds").ok
        assert project.sql("SELECT refund_id FROM raw_refunds ORDER BY 1").rows == [
            {"refund_id": 10},
            {"refund_id": 20},
        ]
    assert [asked for asked in world.asked if "refunds" in asked] == ["/api/orders/2/refunds"]

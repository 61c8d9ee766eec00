from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.sources.conftest import Reply, json_reply

from pumphouse.project.project import open_project

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "apis.md"


def test_the_guides_project_gathers_what_changes_below_what_changes(tmp_path, world, monkeypatch):
    guide = GUIDE.read_text(encoding="utf-8")
    monkeypatch.setenv("SHOP_API", "hush")
    folder = tmp_path / "shop"
    folder.mkdir()
    toml = "\n".join(re.findall(r"```toml\n(.*?)```", guide, re.DOTALL))
    toml = toml.replace("https://shop.example", world.url).replace("https://museum.example", world.url)
    assert tomllib.loads(toml)["connections"]["shop_api"]["rate"] == "10/s"
    (folder / "pumphouse.toml").write_text(toml.replace("10/s", "1000/s"))
    (folder / "gather.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)))
    lines = [{"sku": "A", "n": 2}, {"sku": "B", "n": 1}]
    orders = [{"order_id": 1, "updated_at": "2024-01-01T00:00:00Z", "paid_at": "2024-01-01T00:00:00Z", "lines": lines}]
    node = {"nodes": [{"id": 7, "subject": "Hello"}], "pageInfo": {"endCursor": None, "hasNextPage": False}}
    species = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)[0].replace("https://museum.example", world.url)
    world.replies = {
        "/birds/species.json?_shape=objects": Reply(species.encode(), headers={"Content-Type": "application/json"}),
        "/birds/species.json?_next=1": json_reply({"rows": [{"id": 2, "name": "Rook"}], "next_url": None}),
        "/token": json_reply({"access_token": "t", "token_type": "bearer", "expires_in": 60}),
        "/api/orders": lambda target: json_reply({"data": {"items": orders}, "links": {"next": None}}),
        "/api/orders/1/refunds": json_reply([{"refund_id": 10}]),
        "/api/orders/2/refunds": json_reply([{"refund_id": 20}]),
        "/api/rates": json_reply({"rates": {"USD": 1.5, "PLN": 4}}),
        "/api/graphql": json_reply({"data": {"tickets": node}}),
    }

    with open_project(folder) as project:
        assert project.run().ok
        assert project.sql("SELECT * FROM raw_species ORDER BY id").rows == [
            {"id": 1, "name": "Wren", "seen": '["garden"]'},
            {"id": 2, "name": "Rook", "seen": None},
        ]
        assert project.sql("SELECT refund_id, order_id FROM raw_refunds").rows == [{"refund_id": 10, "order_id": 1}]
        assert project.sql("SELECT * FROM raw_rates ORDER BY value").rows == [
            {"currency": "USD", "value": 1.5},
            {"currency": "PLN", "value": 4.0},
        ]
        assert project.sql("SELECT order_id, position, sku, n FROM order_lines").rows == [
            {"order_id": 1, "position": 1, "sku": "A", "n": 2},
            {"order_id": 1, "position": 2, "sku": "B", "n": 1},
        ]
        struct = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)[0]
        assert project.sql(struct).rows == [{"order_id": 1, "lines": [{"sku": "A", "n": 2.0}, {"sku": "B", "n": 1.0}]}]
        assert project.sql("SELECT * FROM raw_tickets").rows == [{"id": 7, "subject": "Hello"}]
        orders.append({"order_id": 2, "updated_at": "2024-01-02T00:00:00Z", "paid_at": None})
        del world.asked[:]
        assert project.run("raw_orders", "raw_refunds").ok
        assert project.sql("SELECT refund_id FROM raw_refunds ORDER BY 1").rows == [
            {"refund_id": 10},
            {"refund_id": 20},
        ]
    assert [asked for asked in world.asked if "refunds" in asked] == ["/api/orders/2/refunds"]

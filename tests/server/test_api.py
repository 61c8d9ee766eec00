from __future__ import annotations

import json
from typing import Any

WAIT_S = 10


def last_read(served: Any, asset: str) -> tuple[str, str, int, int]:
    read = served.shop.lake.state.accesses(asset=asset)[-1]
    return read.who, read.door, read.snapshot, read.rows


def as_bob(served: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.shop.lake.state.make_token('bob', scope='all')}"}


def test_search_finds_and_is_recorded(served: Any) -> None:
    answer = served.stranger.get("/api/search/tickets_search?q=late&limit=1", headers=as_bob(served)).json()
    assert answer["total"] == 2
    assert [hit["row"]["ticket_id"] for hit in answer["hits"]] == [1]
    assert last_read(served, "tickets_search") == ("bob", "search", answer["snapshot"], 1)
    assert served.owner.get("/api/search/tickets_search").status_code == 400
    assert served.owner.get("/api/search/orders?q=x").status_code == 404
    half = served.owner.get('/api/search/tickets_search?q="late')
    assert half.status_code == 400
    assert "never closed" in half.json()["error"]


def test_outcomes_are_in_the_log_before_they_are_answered(served: Any) -> None:
    one = {"outcome_id": "a", "prediction_id": "p", "outcome": True}
    answer = served.stranger.post("/outcomes/returns_live", json=one, headers=as_bob(served))
    assert answer.json() == {"taken": 1, "already": 0}
    many = served.stranger.post("/outcomes/returns_live", json=[one, one | {"outcome_id": "b"}], headers=as_bob(served))
    assert many.json() == {"taken": 1, "already": 1}
    logged = {event.key: json.loads(event.body) for event in served.shop.lake.state.events("outcomes/returns_live")}
    assert logged == {key: {**one, "outcome_id": key, "caller": "bob"} for key in ("a", "b")}
    for body in (b'"yes"', b"[1]", b'{"outcome": NaN}'):
        wrong = served.owner.post("/outcomes/returns_live", content=body, headers={"Content-Type": "application/json"})
        assert wrong.status_code == 400
    assert served.owner.post("/outcomes/returns_life", json=one).status_code == 404
    assert served.stranger.post("/outcomes/returns_live", json=one).status_code == 401


def test_health_is_open_to_all_and_says_nothing_else(served: Any) -> None:
    answer = served.stranger.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_write_methods_exist_only_where_something_is_taken(served: Any) -> None:
    assert served.owner.post("/api/tables/orders/rows", json={}).status_code == 405
    assert served.owner.delete("/assets/orders").status_code == 405

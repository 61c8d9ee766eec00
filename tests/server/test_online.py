from __future__ import annotations

from typing import Any

import pytest
from tests.server.test_api import last_read

PATH = "/online/customers_online"


def as_(served: Any, scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.shop.lake.state.make_token(scope, scope=scope)}"}


def test_one_entity_is_asked_for_in_the_address(served: Any) -> None:
    said = served.stranger.get(PATH, params={"customer_id": 8}, headers=as_(served, "predict")).json()
    assert said["values"] == {"spend": None, "city": ""}
    assert said["states"] == {"spend": "null", "city": "present"}
    assert (said["snapshot"], said["as_of"], said["entity"]) == (5, "2026-03-01T00:00:00Z", {"customer_id": 8})
    assert said["age_s"] > 0
    assert last_read(served, "customers_online") == ("predict", "online", 5, 1)


def test_many_are_asked_for_together(served: Any) -> None:
    keys = [{"customer_id": 7}, {"customer_id": 404}]
    said = served.owner.post(PATH, json={"keys": keys}).json()["entities"]
    assert [one["values"]["city"] for one in said] == ["Köln", None]
    assert said[1]["states"] == {"spend": "missing", "city": "missing"}
    assert said[1]["as_of"] is None


def test_newer_values_are_read_at_once_and_need_a_token_for_it(served: Any) -> None:
    newer = {"key": {"customer_id": 404}, "values": {"spend": 3}}
    assert served.stranger.put(PATH, json=newer, headers=as_(served, "read")).status_code == 403
    assert served.stranger.put(PATH, json=newer, headers=as_(served, "update")).status_code == 200
    said = served.owner.get(PATH, params={"customer_id": 404}).json()
    assert (said["values"]["spend"], said["states"]["spend"], said["states"]["city"]) == (3, "present", "missing")
    assert served.stranger.get(PATH, params={"customer_id": 7}, headers=as_(served, "update")).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", f"{PATH}?customer_id=x", None, 422, "whole number"),
        ("GET", f"{PATH}?customer=7", None, 422, "Did you mean 'customer_id'"),
        ("GET", PATH, None, 422, "no 'customer_id'"),
        ("GET", f"{PATH}?customer_id={2**63}", None, 422, "no value"),
        ("GET", "/online/nobodys", None, 404, "no online 'nobodys'"),
        ("POST", PATH, {"keys": [{"customer_id": 1.5}]}, 422, "whole number"),
        ("POST", PATH, {"keys": [{"customer_id": 1}] * 1001}, 400, "up to 1,000"),
        ("POST", PATH, {"key": []}, 400, "can't be read"),
        ("PUT", PATH, {"key": {"customer_id": 7}, "values": {"spent": 1}}, 404, "Did you mean 'spend'"),
        ("PUT", PATH, {"key": {"customer_id": 7}, "values": {"spend": "much"}}, 422, "is a number"),
    ],
)
def test_what_cant_be_answered_is_said(
    served: Any, method: str, path: str, body: object, status: int, words: str
) -> None:
    answer = served.owner.request(method, path, json=body) if body else served.owner.request(method, path)
    assert answer.status_code == status
    assert words in answer.text

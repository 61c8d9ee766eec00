from __future__ import annotations

import json
from typing import Any

import pytest

from pumphouse.server.predictions import BODY_BYTES_MAX


def as_bob(served: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.shop.lake.state.make_token('bob', scope='predict')}"}


def asked(served: Any, body: Any, query: str = "") -> Any:
    return served.stranger.post(f"/predict/returns_live{query}", json=body, headers=as_bob(served))


def logged(served: Any) -> dict[str, Any]:
    return {event.key: json.loads(event.body) for event in served.shop.lake.state.events("predictions/returns_live")}


def test_prediction_is_in_the_log_before_it_is_answered(served: Any) -> None:
    said = asked(served, {"customer_id": 7}).json()
    kept = logged(served)[said["prediction_id"]]
    assert said == {
        "prediction_id": kept["id"],
        "prediction": 0.25,
        "version": "returns@3",
        "role": "live",
        "fallback": None,
        "entity": {"customer_id": 7},
        "known_entity": True,
        "as_of": kept["as_of"],
        "features": {"spend": 1.5},
        "features_from": "lake",
        "features_as_of": kept["as_of"],
        "snapshot": served.shop.lake.version("orders"),
    }
    read = served.shop.lake.state.accesses(asset="returns_live")[-1]
    assert (read.who, read.door, read.snapshot, read.rows) == ("bob", "predict", said["snapshot"], 1)


def test_several_are_answered_in_their_order(served: Any) -> None:
    said = asked(served, [{"customer_id": 9}, {"customer_id": 7, "features": {"spend": 2}}]).json()
    assert [one["entity"]["customer_id"] for one in said] == [9, 7]
    assert [one["features"] for one in said] == [{"spend": 1.5}, {"spend": 2}]
    assert {one["prediction_id"] for one in said} <= logged(served).keys()
    read = served.shop.lake.state.accesses(asset="returns_live")[-1]
    assert read.rows == 2


REFUSED = (
    (b"{", "application/json", 400),
    (b"[" * 30_000, "application/json", 400),
    (b'{"customer_id": NaN}', "application/json", 400),
    (b'{"customer_id": 7, "features": {"spend": Infinity}}', "application/json", 400),
    (b'{"customer_id": 7, "features": {"spend": 1e999}}', "application/json", 400),
    (b"{}", "text/plain", 400),
    (b"7", "application/json", 422),
    (b"[]", "application/json", 422),
    (b"[1]", "application/json", 422),
    (b"{}", "application/json", 422),
    (b'{"customer_id": null}', "application/json", 422),
    (b'{"customer_id": 1e400000}', "application/json", 400),
    (b'{"customer_id": ' + b"9" * 400 + b"}", "application/json", 422),
    (b'[{"customer_id": 7, "prediction_id": "a"}, {"customer_id": 8, "prediction_id": "a"}]', "application/json", 422),
    (b" " * (BODY_BYTES_MAX + 1), "application/json", 413),
    (b" " * (10 * BODY_BYTES_MAX), "application/json", 413),
)


@pytest.mark.parametrize(("body", "kind", "status"), REFUSED)
def test_what_is_no_request_is_refused_with_the_reason(body: bytes, kind: str, status: int, served: Any) -> None:
    answer = served.owner.post("/predict/returns_live", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "mend"}
    assert asked(served, {"customer_id": 7}).status_code == 200


def test_unknown_rollout_is_named(served: Any) -> None:
    answer = served.owner.post("/predict/returns_life", json={})
    assert answer.status_code == 404
    assert answer.json()["mend"] == "Did you mean 'returns_live'?"


def test_more_reasons_than_are_given_are_refused(served: Any) -> None:
    assert asked(served, {"customer_id": 7}, "?reasons=x").status_code == 400
    assert asked(served, {"customer_id": 7}, "?reasons=21").status_code == 400
    assert asked(served, {"customer_id": 7}, "?reasons=2").json()["reasons"] == []

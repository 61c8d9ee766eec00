from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

BODIES = (
    ({"customer_id": 7}, True),
    ([{"customer_id": 7}, {"customer_id": 8, "prediction_id": "a"}], True),
    ({"customer_id": 7, "features": {"spend": 2.5}}, True),
    ({"features": {"spend": None}}, True),
    ({"customer_id": "7"}, False),
    ({"customer_id": None}, False),
    ({}, False),
    ([], False),
    ({"features": {}}, False),
    ({"customer_id": 7, "x": 1}, False),
    ({"customer_id": 7, "features": {"spend": "much"}}, False),
)


def document(served: Any) -> dict[str, Any]:
    """The document, with its references made to point into each schema's own definitions."""
    text = served.owner.get("/openapi.json").text
    found: dict[str, Any] = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
    return found


def validator(found: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "$defs": found["components"]["schemas"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def test_every_part_that_openapi_asks_for_is_there(served: Any) -> None:
    found = document(served)
    assert found["openapi"].startswith("3.1.")
    assert set(found["info"]) >= {"title", "version"}
    assert list(found["paths"]) == ["/predict/returns_live"]
    operation = found["paths"]["/predict/returns_live"]["post"]
    assert {"200", "400", "401", "403", "404", "413", "422", "503", "504"} == set(operation["responses"])
    assert all(one["description"] for one in operation["responses"].values())
    assert found["security"] == [{"token": []}]
    assert "token" in found["components"]["securitySchemes"]


@pytest.mark.parametrize(("body", "good"), BODIES)
def test_a_body_is_taken_where_the_schema_has_it_so_and_the_answer_is_as_it_says(
    body: Any, good: bool, served: Any
) -> None:
    found = document(served)
    operation = found["paths"]["/predict/returns_live"]["post"]
    asked = validator(found, operation["requestBody"]["content"]["application/json"]["schema"])
    assert asked.is_valid(body) == good
    for query in ("", "?reasons=2"):
        if isinstance(body, dict) and "customer_id" not in body and good:
            continue  # the shop's answering knows only customers
        answer = served.owner.post(f"/predict/returns_live{query}", json=body)
        assert answer.status_code == (200 if good else 422)
        schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        validator(found, schema).validate(answer.json())


def test_it_is_for_those_who_may_predict(served: Any) -> None:
    assert served.stranger.get("/openapi.json").status_code == 401
    reads = served.shop.lake.state.make_token("reader", scope="read")
    assert served.stranger.get("/openapi.json", headers={"Authorization": f"Bearer {reads}"}).status_code == 403

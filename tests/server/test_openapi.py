from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = 6
CHECKS = [
    not_a_server_error,
    negative_data_rejection,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TABLES = (
    "/api/tables",
    "/api/tables/{name}",
    "/api/tables/{name}/rows",
    "/api/tables/{name}.{format}",
    "/api/sql",
    "/api/sql.{format}",
    "/api/search/{name}",
    "/api/search/{name}.{format}",
)

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
    assert list(found["paths"]) == [*TABLES, "/predict/returns_live"]
    operation = found["paths"]["/predict/returns_live"]["post"]
    assert {"200", "400", "401", "403", "404", "408", "413", "422", "503", "504"} == set(operation["responses"])
    assert all(one["description"] for one in operation["responses"].values())
    assert found["security"] == [{"token": []}, {"password": []}]
    assert set(found["components"]["securitySchemes"]) == {"token", "password"}


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


def test_it_says_what_the_visitor_may_ask(served: Any) -> None:
    assert served.stranger.get("/openapi.json").status_code == 401
    for scope, paths in (("read", [*TABLES]), ("predict", ["/predict/returns_live"]), ("update", [])):
        token = served.shop.lake.state.make_token("reader", scope=scope)
        found = served.stranger.get("/openapi.json", headers={"Authorization": f"Bearer {token}"}).json()
        assert list(found["paths"]) == paths


def test_it_names_only_tables_that_the_visitor_may_see(served: Any) -> None:
    token = served.shop.lake.state.tokens.make("reader", scope="read", tables=["orders"])
    found = served.stranger.get("/openapi.json", headers={"Authorization": f"Bearer {token}"}).json()
    name = found["paths"]["/api/tables/{name}"]["get"]["parameters"][0]
    assert name["schema"]["enum"] == ["orders"]
    assert "tickets" not in json.dumps(found)


def test_whatever_is_asked_is_answered_as_the_document_says(served: Any) -> None:
    """Nothing that schemathesis thinks of ends in an error of the server, or in an answer that is not told of."""
    document = served.owner.get("/openapi.json").json()
    headers = {"Authorization": f"Bearer {served.serving.token}"}
    loaded = schemathesis.openapi.from_dict(document).include(path_regex="^/api/")
    loaded.config.update(base_url=served.url)
    for found in loaded.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(6)
            @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

            ask()

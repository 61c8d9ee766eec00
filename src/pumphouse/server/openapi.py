"""OpenAPI: what the API is asked with and answers, so that a client can be made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import PumphouseError
from pumphouse.server import openapi_search
from pumphouse.server.access.gate import SCOPES
from pumphouse.server.openapi_search import search_paths
from pumphouse.server.openapi_tables import SCHEMAS, query_schemas, sql_paths, table_paths
from pumphouse.server.predictions import REASONS_MAX, Answer, Reason
from pumphouse.server.replies import json_reply
from pumphouse.server.shared import shared, visitor_of

if TYPE_CHECKING:
    from pumphouse.declare.asset import Asset
    from pumphouse.server.served import Form

VERSION = "3.1.0"
ROWS_MAX = 1_000
REFUSALS = {
    "400": "No JSON, or a parameter that is none.",
    "401": "No token, or one that is good no more.",
    "403": "A token that is not good for predictions.",
    "404": "No such rollout, or no version of its model yet.",
    "408": "What was announced did not arrive in time.",
    "413": "More was sent at once than is taken.",
    "422": "Another key, type or value than the rollout is asked with.",
    "503": "Too many wait; ask again after the seconds in Retry-After.",
    "504": "No answer within the time budget, and no fallback.",
}


def document(request: Request) -> Response:
    """`GET /openapi.json`: what the visitor may ask: tables and SQL, and each rollout whose model has a version."""
    here, visitor = shared(request), visitor_of(request)
    project, acts = here.project, SCOPES.get(visitor.scope, frozenset())
    names: tuple[str, ...] | None = None
    indexes: tuple[str, ...] = ()
    if "read" in acts:
        snapshot = project.lake.snapshot()
        names = here.desk.policies.visible(visitor, snapshot=snapshot)
        indexes = tuple(here.desk.policies.indexes(visitor, snapshot=snapshot))
    rollouts = here.usable(visitor, kind="rollout") if "predict" in acts else ()
    forms: list[tuple[Asset, Form]] = []
    for asset in rollouts:
        try:
            forms.append((asset, project.predictor(asset.name).form))
        except PumphouseError:  # it can't be asked yet, so nothing is said of it
            continue
    return json_reply(openapi(project.name, forms, tables=names, indexes=indexes))


def openapi(
    project: str,
    rollouts: Iterable[tuple[Asset, Form]],
    *,
    tables: Sequence[str] | None = None,
    indexes: Sequence[str] = (),
) -> dict[str, Any]:  # JSON
    """The document for these rollouts, tables and indexes; with None in place of tables nothing can be read."""
    (_, _), components = msgspec.json.schema_components([Answer, Reason], ref_template="#/components/schemas/{name}")
    paths = {f"/predict/{asset.name}": {"post": _operation(asset, form)} for asset, form in rollouts}
    reading = {} if tables is None else {**table_paths(tables), **sql_paths(), **search_paths(indexes)}
    return {
        "openapi": VERSION,
        "info": {"title": f"The API of {project}", "version": "1"},
        "paths": {**reading, **paths},
        "security": [{"token": []}, {"password": []}],
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic", "description": "The token, with any name."},
            },
            "schemas": {**components, **query_schemas(), **SCHEMAS, **openapi_search.SCHEMAS, "Refusal": _REFUSAL},
        },
    }


_REFUSAL = {
    "title": "Refusal",
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "mend": {"type": ["string", "null"]},
        "position": {"type": "integer", "description": "The character of a condition or a search, from 0."},
        "line": {"type": "integer", "description": "The line of a query, from 1."},
    },
    "required": ["error", "mend"],
}


def _operation(asset: Asset, form: Form) -> dict[str, Any]:
    one = _entry(form)
    answer = {"$ref": "#/components/schemas/Answer"}
    answers = {"oneOf": [answer, {"type": "array", "items": answer}]}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        "operationId": f"predict_{asset.name}",
        "summary": f"What {asset.name} says of one entity, or of several.",
        "description": asset.common.doc,
        "parameters": [
            {
                "name": "reasons",
                "in": "query",
                "description": "How many of the largest contributions come with each prediction.",
                "schema": {"type": "integer", "minimum": 0, "maximum": REASONS_MAX, "default": 0},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": ROWS_MAX}]}
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer, or one for each.",
                "content": {"application/json": {"schema": answers}},
            },
            **{status: {"description": said, "content": refusal} for status, said in REFUSALS.items()},
        },
    }


def _entry(form: Form) -> dict[str, Any]:
    """What one entity is asked about with: its keys, or all features."""
    keys: dict[str, Any] = {name: _typed(kind) for name, kind in form.entity.items()}
    brought = {name: _nullable(_typed(kind)) for name, kind in form.request.items()}
    features: dict[str, Any] = {
        name: {"type": ["number" if kind == "number" else "string", "null"]} for name, kind in form.columns.items()
    }
    return {
        "type": "object",
        "properties": {
            **keys,
            **brought,
            "features": {
                "type": "object",
                "description": "Values that count in place of the features' own.",
                "properties": features,
                "additionalProperties": False,
            },
            "prediction_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 80,
                "description": "An id of yours, to ask again where an answer was lost.",
            },
        },
        "anyOf": [
            {"required": [*keys, *brought]},
            {"required": ["features"], "properties": {"features": {"required": list(features)}}},
        ],
        "additionalProperties": False,
    }


def _typed(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_integer(kind):
        return {"type": "integer", "format": f"int{kind.bit_width}"}
    if pa.types.is_boolean(kind):
        return {"type": "boolean"}
    if pa.types.is_floating(kind):
        return {"type": "number", "format": "double"}
    return {"type": "string"}


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}

"""OpenAPI of tables: their rows in every format, and SQL over them. Only tables that the visitor may see are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pumphouse.server.asked import NUMBER_MAX
from pumphouse.server.formats.chosen import COMPRESSIONS, FORMATS, JSON
from pumphouse.server.tables import JSON_ROWS, Query

Document = dict[str, Any]  # JSON

_NUMBER = {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}
_COLUMN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "type": {"type": "string", "description": "As Arrow calls it."},
        "doc": {"type": "string"},
    },
    "required": ["name", "type"],
    "additionalProperties": False,
}
SCHEMAS: Document = {
    "Column": _COLUMN,
    "Table": {
        "type": "object",
        "properties": {
            "snapshot": {"type": "integer", "description": "The snapshot of the lake that this is as of."},
            "name": {"type": "string"},
            "kind": {"type": ["string", "null"]},
            "doc": {"type": "string"},
            "key": {"type": "array", "items": {"type": "string"}},
            "version": {
                "type": ["integer", "null"],
                "description": "The snapshot at which it was changed last; none of what is read where it is.",
            },
            "rows": {"type": "integer"},
            "columns": {"type": "array", "items": {"$ref": "#/components/schemas/Column"}},
        },
        "required": ["name", "kind", "doc", "key", "version", "columns"],
        "additionalProperties": False,
    },
    "Tables": {
        "type": "object",
        "properties": {
            "snapshot": {"type": "integer"},
            "tables": {"type": "array", "items": {"$ref": "#/components/schemas/Table"}},
        },
        "required": ["snapshot", "tables"],
        "additionalProperties": False,
    },
    "Rows": {
        "type": "object",
        "properties": {
            "snapshot": {"type": "integer"},
            "columns": {"type": "array", "items": {"$ref": "#/components/schemas/Column"}},
            "rows": {
                "type": "array",
                "items": {"type": "object"},
                "description": "Decimals, moments, bytes and whole numbers beyond 2^53 are text.",
            },
        },
        "required": ["snapshot", "columns", "rows"],
        "additionalProperties": False,
    },
}
_REFUSALS = {
    "400": "A parameter, a condition or a query that can't be read or run.",
    "401": "No token, or one that is good no more.",
    "403": "A token that is not good for reading, or a query of something that is no table.",
    "404": "No such table, column or snapshot, or none that you may see.",
    "503": "As many read as can at once; ask again after the seconds in Retry-After.",
}
_REFUSALS_OF_ROWS = {
    "422": "More rows, or more memory for them, than one query may have.",
    "504": "The engine worked at it for longer than it may at one query.",
}


def table_paths(names: Sequence[str]) -> Document:
    """The paths of tables with these names."""
    listed = {JSON.media: {"schema": reference("Tables")}}
    paths: Document = {
        "/api/tables": {"get": operation("list_tables", "The tables that you may see.", [SNAPSHOT], listed)}
    }
    if not names:
        return paths
    name = parameter("name", "The table.", {"type": "string", "enum": list(names)}, where="path")
    paths["/api/tables/{name}"] = {
        "get": operation(
            "describe_table", "What a table is.", [name, SNAPSHOT], {JSON.media: {"schema": reference("Table")}}
        )
    }
    paths["/api/tables/{name}/rows"] = {
        "get": operation(
            "read_rows",
            "Rows of a table, in the format that Accept asks for.",
            [name, *_OF_ROWS, *OF_FORMATS, _KNOWN],
            CONTENT,
            description=f"As JSON the first {JSON_ROWS} where no limit is given; in any other format all.",
        )
    }
    paths["/api/tables/{name}.{format}"] = {
        "get": operation(
            "read_file",
            "Rows of a table as a file, for programs that can't say what they accept.",
            [name, FORMAT, *_OF_ROWS, *OF_FORMATS, _KNOWN],
            CONTENT,
        )
    }
    return paths


def sql_paths() -> Document:
    """The paths of SQL."""
    sql = parameter("sql", "One SELECT over the tables that you may see.", {"type": "string"}, required=True)
    sql["example"] = "SELECT 42 AS answer"
    body = {
        "required": True,
        "content": {
            JSON.media: {
                "schema": reference("Query"),
                "example": {"sql": "SELECT $a + 1 AS b", "parameters": {"a": 41}},
            }
        },
    }
    paths: Document = {}
    for path, own in (("/api/sql", []), ("/api/sql.{format}", [FORMAT])):
        called = "sql_file" if own else "sql"
        said = "The rows of a query, in the format of the ending." if own else "The rows of a query, as Accept asks."
        get = [*own, sql, SNAPSHOT, LIMIT, *OF_FORMATS, _KNOWN]
        post = operation(f"post_{called}", said, [*own, *OF_FORMATS, _KNOWN], CONTENT)
        post["requestBody"] = body
        post["responses"]["408"] = _refusal("What was announced did not arrive in time.")
        post["responses"]["413"] = _refusal("More was sent at once than is taken.")
        paths[path] = {"get": operation(f"get_{called}", said, get, CONTENT), "post": post}
    return paths


def query_schemas() -> Document:
    """The schemas of what SQL is asked with."""
    _, components = msgspec.json.schema_components([Query], ref_template="#/components/schemas/{name}")
    return components


def operation(
    called: str, summary: str, parameters: Sequence[Document], content: Document, *, description: str = ""
) -> Document:
    """What one path answers to these parameters, and how it refuses."""
    known = {"304": {"description": "The rows are those that If-None-Match names."}} if _KNOWN in parameters else {}
    refused = dict(_REFUSALS)
    if content is CONTENT:
        refused |= _REFUSALS_OF_ROWS
        if FORMAT not in parameters:
            refused["406"] = "No format that is accepted."
    return {
        "operationId": called,
        "summary": summary,
        "description": description,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "What was asked for.", "content": content},
            **known,
            **{status: _refusal(said) for status, said in refused.items()},
        },
    }


def _refusal(said: str) -> Document:
    return {"description": said, "content": {JSON.media: {"schema": reference("Refusal")}}}


def reference(name: str) -> Document:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str, said: str, schema: Document, *, where: str = "query", required: bool = False) -> Document:
    """A parameter of an address."""
    return {
        "name": name,
        "in": where,
        "required": required or where == "path",
        "description": said,
        "schema": schema,
    }


SNAPSHOT = parameter("snapshot", "As of which snapshot of the lake; the newest where it is left out.", _NUMBER)
LIMIT = parameter("limit", "How many rows at most.", _NUMBER)
FORMAT = parameter("format", "The format.", {"type": "string", "enum": [one.name for one in FORMATS]}, where="path")
_KNOWN = parameter("If-None-Match", "The ETag of rows that you have.", {"type": "string"}, where="header")
_OF_ROWS = (
    parameter("select", "Columns, parted by commas; all where it is left out.", {"type": "string"}),
    parameter("where", "One condition in SQL, as it stands after WHERE.", {"type": "string"}),
    parameter("order", "Columns to sort by; a - before one turns it round.", {"type": "string"}),
    LIMIT,
    parameter("offset", "After how many rows.", _NUMBER),
    SNAPSHOT,
)
OF_FORMATS = (
    parameter("compression", "Of Arrow's buffers.", {"type": "string", "enum": list(COMPRESSIONS)}),
    parameter(
        "text",
        "Whether CSV has an apostrophe before what a spreadsheet would run, or each text exactly.",
        {"type": "string", "enum": ["safe", "exact"], "default": "safe"},
    ),
    parameter(
        "encoding",
        "Whether CSV begins with the mark by which Excel knows UTF-8.",
        {"type": "string", "enum": ["utf-8", "utf-8-sig"], "default": "utf-8"},
    ),
)
CONTENT: Document = {
    one.media: {"schema": reference("Rows") if one is JSON else {"type": "string", "contentMediaType": one.media}}
    for one in FORMATS
}

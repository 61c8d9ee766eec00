"""Makes builtin.json anew: what every PostgreSQL 15 database has before anybody made a table in it.

python tests/server/postgres/catalogue/make_builtin.py postgresql://owner@127.0.0.1:5432/postgres
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg

TARGET = Path("src/pumphouse/server/postgres/catalogue/builtin.json")

RELATIONS = """
SELECT n.nspname, c.relname, c.oid::int8, c.relkind::text, a.attname,
       CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END, a.attnotnull
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0
ORDER BY n.nspname, c.relname, a.attnum
"""
ROWS = {
    "pg_type": "oid < 10000 AND typtype IN ('b', 'p', 'r', 'm')"
    " AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typtype = 'c')",
    "pg_proc": "oid IN (SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze,"
    " typsubscript]::oid[]) FROM pg_type WHERE oid < 10000)",
    "pg_am": "true",
    "pg_language": "lanname <> 'plpgsql'",
    "pg_collation": "collname IN ('default', 'C', 'POSIX', 'ucs_basic')",
    "pg_tablespace": "true",
    "pg_range": "true",
    "pg_cast": "true",
    "pg_opclass": "opcmethod = 403",
}
UNSTABLE = ("default", "datcollate", "collversion")


def rows(connection: psycopg.Connection[Any], table: str, condition: str) -> dict[str, Any]:
    described = connection.execute(
        "SELECT a.attname, y.typname FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        [f"pg_catalog.{table}"],
    ).fetchall()
    casts = {"regproc": "oid::int8", "oid": "int8", "oidvector": "oid[]::int8[]", "char": "text", "name": "text"}
    texts = {"pg_node_tree", "_aclitem", "aclitem"}
    selected = ", ".join(
        f'"{name}"::{casts[kind]}' if kind in casts else f'NULL AS "{name}"' if kind in texts else f'"{name}"'
        for name, kind in described
    )
    found = connection.execute(f"SELECT {selected} FROM pg_catalog.{table} t WHERE {condition} ORDER BY 1").fetchall()
    return {"columns": [name for name, _ in described], "rows": [list(row) for row in found]}


def main(url: str) -> None:
    relations: dict[str, dict[str, Any]] = {}
    with psycopg.connect(url) as connection:
        for schema, name, oid, kind, column, type_name, required in connection.execute(RELATIONS).fetchall():
            relation = relations.setdefault(f"{schema}.{name}", {"oid": oid, "kind": kind, "columns": []})
            relation["columns"].append([column, type_name, *([1] if required else [])])
        tables = {table: rows(connection, table, condition) for table, condition in ROWS.items()}
        words = connection.execute("SELECT * FROM pg_get_keywords() ORDER BY 1").fetchall()
    lines = ['{"relations": {']
    lines.append(",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in relations.items()))
    lines.append('}, "rows": {')
    lines.append(
        ",\n".join(
            f'{json.dumps(name)}: {{"columns": {json.dumps(one["columns"])}, "rows": [\n'
            + ",\n".join(json.dumps(row) for row in one["rows"])
            + "]}"
            for name, one in tables.items()
        )
    )
    lines.append('}, "keywords": ' + json.dumps([list(word) for word in words]) + "}")
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

"""Makes answers.jsonl anew: what a real PostgreSQL 15 answers to what tools ask of its catalogue.

    python tests/server/postgres/catalogue/make_answers.py postgresql://pumphouse@127.0.0.1:5432/postgres

The server is one of its own, whose first user is `pumphouse`; it is left with a database `shop` and a role `ada`. What
is asked stands in answers.jsonl itself. Numbers of what is in the shop are written as names: «orders».
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

HERE = Path(__file__).parent
NAMED = """
SELECT oid::text, relname FROM pg_class WHERE relnamespace = 2200
UNION ALL SELECT oid::text, 'type ' || typname FROM pg_type WHERE typnamespace = 2200
UNION ALL SELECT oid::text, 'constraint ' || conname FROM pg_constraint WHERE connamespace = 2200
UNION ALL SELECT oid::text, 'database ' || datname FROM pg_database WHERE datname = 'shop'
UNION ALL SELECT oid::text, 'schema ' || nspname FROM pg_namespace WHERE nspname = 'information_schema'
UNION ALL SELECT oid::text, 'role ' || rolname FROM pg_roles WHERE rolname = 'ada'
"""
NUMBER = re.compile(r"(?<![\w«.])\d{5,10}(?![\w.])")
FLOATS = (700, 701, 1700)


def answer(connection: psycopg.Connection[Any], asked: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    numbers = {f"«{name}»": number for number, name in names.items()}

    def meant(text: str) -> str:
        return re.sub("«[^»]+»", lambda found: numbers[found[0]], text)

    def told(text: str) -> str:
        return NUMBER.sub(lambda found: f"«{names[found[0]]}»" if found[0] in names else found[0], text)

    sql = meant(asked["sql"])
    values = [None if value is None else meant(value) for value in asked["values"]]
    for number in range(len(values), 0, -1):
        value = values[number - 1]
        sql = sql.replace(f"${number}", "NULL" if value is None else "'" + value.replace("'", "''") + "'")
    result = connection.pgconn.exec_(sql.encode())
    assert result.status != psycopg.pq.ExecStatus.FATAL_ERROR, (result.error_message, sql)
    rows = []
    for row in range(result.ntuples):
        cells = [result.get_value(row, column) for column in range(result.nfields)]
        rows.append([None if cell is None else told(cell.decode()) for cell in cells])
    columns = [((result.fname(one) or b"").decode(), result.ftype(one)) for one in range(result.nfields)]
    return {**asked, "columns": columns, "rows": rows}


def main(url: str) -> None:
    asked = [json.loads(line) for line in (HERE / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS shop")
        connection.execute("DROP ROLE IF EXISTS ada")
        connection.execute("CREATE ROLE ada LOGIN")
        connection.execute("CREATE DATABASE shop")
    with psycopg.connect(make_conninfo(url, dbname="shop"), autocommit=True) as connection:
        connection.execute((HERE / "shop.sql").read_bytes())
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ada")
    with psycopg.connect(make_conninfo(url, dbname="shop", user="ada"), autocommit=True) as connection:
        names: dict[str, str] = dict(connection.execute(NAMED).fetchall())
        kept = ("by", "sql", "values", "differs")
        answers = [answer(connection, {key: one[key] for key in kept if key in one}, names) for one in asked]
    lines = [json.dumps(one, ensure_ascii=False) for one in answers]
    (HERE / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from pumphouse.lake.context import Connection

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "databases.md"


def test_the_guides_tables_and_query_gather(works):
    declared: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), declared)
    works.connections["shop_db"] = Connection(name="shop_db", url="sqlite:///crm.db")
    with closing(sqlite3.connect(works.folder / "crm.db")) as db, db:
        db.execute("CREATE TABLE customers (customer_id INTEGER, updated_at TEXT)")
        db.execute("INSERT INTO customers VALUES (1, '2024-01-01')")
        db.execute("CREATE TABLE staff (name TEXT)")
        db.execute("CREATE TABLE orders (customer_id INTEGER, cents INTEGER)")
        db.execute("INSERT INTO orders VALUES (1, 5), (1, 7)")
    for name in ("crm_customers", "crm_staff", "crm_big_spenders"):
        works.run(works.asset(declared["crm"], name))
    assert works.rows("crm_customers", "customer_id") == [(1,)]
    assert works.rows("crm_staff") == []
    assert works.rows("crm_big_spenders") == [(1, 12)]

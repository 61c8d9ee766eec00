from __future__ import annotations

import gzip
import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

from tests.sources.conftest import html_reply, json_reply

from pumphouse.lake.context import Connection

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "gather.md"


def test_the_guides_sources_gather(works, world):
    guide = GUIDE.read_text(encoding="utf-8")
    declared: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), declared)
    for name, given in tomllib.loads(re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)[0])["connections"].items():
        url = given.pop("url").replace("https://shop.example", world.url)
        works.connections[name] = Connection(name=name, url=url, options=given)
    works.write("cdnow/purchases.txt.gz", gzip.compress(b" 00001 19970101  1   11.77\n"))
    with closing(sqlite3.connect(works.folder / "crm.db")) as db, db:
        db.execute("CREATE TABLE customers (customer_id INTEGER, updated_at TEXT)")
        db.execute("INSERT INTO customers VALUES (1, '2024-01-01')")
        db.execute("CREATE TABLE staff (name TEXT)")
    rows = [{"order_id": 7, "paid_at": "1998-01-01T00:00:00Z", "updated_at": "1998-01-01T00:00:00Z"}]
    world.replies |= {
        "/api/orders": json_reply({"data": rows, "next": None}),
        "/": html_reply('<a class="product" href="/a">A</a>'),
        "/a": html_reply('<main data-sku="A-1"><h1>A</h1><b class="price">$1</b></main>'),
    }

    works.run(works.asset(declared["raw_purchases"], "raw_purchases"))
    works.run(works.asset(declared["crm"], "crm_customers"))
    works.run(works.asset(declared["crm"], "crm_staff"))
    works.run(works.asset(declared["raw_orders"], "raw_orders", services={"http": "Http", "since": "Cursor"}))
    works.run(works.asset(declared["raw_products"], "raw_products"))

    assert works.rows("raw_purchases", "customer_id, amount_usd::VARCHAR") == [(1, "11.77")]
    assert works.rows("crm_customers", "customer_id") == [(1,)]
    assert works.rows("crm_staff") == []
    assert works.rows("raw_orders", "order_id") == [(7,)]
    assert works.rows("raw_products") == [("A-1", "A", "$1")]


def test_the_guide_to_files_gathers(works):
    from tests.sources.files.test_workbooks import book

    code = re.findall(r"```python\n(.*?)```", (GUIDE.parent / "files.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    declared: dict[str, object] = {}
    exec(compile(code, "files.md", "exec"), declared)
    works.write("visits/a.csv.gz", gzip.compress(b"visit_id,page\n1,/a\n"))
    works.write("budget/a.xlsx", book(("Notes", [["x"], ["y"]]), ("Plan", [["team", "eur"], ["a", 1]])))
    works.write("exports/a.xml", "<all><orders><order id='7'><eur>1.5</eur></order></orders></all>")
    works.write("logs/access.log.1", '::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 9\n')
    for name in ("raw_visits", "raw_budget", "raw_orders", "raw_access"):
        works.run(works.asset(declared[name], name))
    assert works.rows("raw_visits") == [(1, "/a")]
    assert works.rows("raw_budget") == [("a", 1)]
    assert works.rows("raw_orders", "id, eur") == [(7, 1.5)]
    assert works.rows("raw_access", "ip, status") == [("::1", 200)]

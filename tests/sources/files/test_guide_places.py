"""The guide's parts on where files lie and on what is new, run as they stand there."""

from __future__ import annotations

import gzip
import re
import tomllib
from pathlib import Path

from pumphouse.lake.context import Connection

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "files.md"


def test_the_guides_places_are_read(works, s3):
    guide = GUIDE.read_text(encoding="utf-8")
    parts = guide[guide.index("## Where files lie") : guide.index("## What is in a file")]
    declared: dict[str, object] = {}
    exec("import pumphouse as ph\n" + "\n".join(re.findall(r"```python\n(.*?)```", parts, re.DOTALL)), declared)
    ((name, given),) = tomllib.loads(re.findall(r"```toml\n(.*?)```", parts, re.DOTALL)[0])["connections"].items()
    given["endpoint"] = s3.url
    works.connections[name] = Connection(name=name, url=given.pop("url"), options=given)
    s3.put("shop-drops")
    s3.put("shop-drops/visits/2026/01.csv.gz", gzip.compress(b"visit_id\n1\n"))
    works.write("clicks/1.jsonl", '{"at": 1}\n{"at": 2}\n')
    works.write("prices/1.csv", "sku,price\na,1\n")

    for table in ("raw_drops", "raw_clicks", "raw_prices"):
        works.run(works.asset(declared[table], table))
    works.write("clicks/2.jsonl", '{"at": 2}\n{"at": 3}\n')
    works.write("prices/2.csv", "sku,price\na,2\n")
    for table in ("raw_clicks", "raw_prices"):
        works.run(works.asset(declared[table], table))

    assert works.rows("raw_drops") == [(1,)]
    assert works.rows("raw_clicks") == [(1,), (2,), (3,)]
    assert works.rows("raw_prices") == [("a", 1), ("a", 2)]

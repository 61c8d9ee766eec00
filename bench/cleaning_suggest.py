"""`pumphouse suggest` over 20 columns of a million rows, by processor time, beside its limit."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.suggest import suggest
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location

ROWS = 1_000_000
LIMIT_S = 10
TABLE = f"""
SELECT i AS id, '(212) 555-' || lpad((i * 7919 % 10000)::VARCHAR, 4, '0') AS phone,
    'Max' || i || '@Example.COM' AS email, 'https://Example.com:443/' || i AS site,
    '8.' || (i % 250) || '.' || (i % 240) || '.8' AS ip,
    lpad((1 + i % 28)::VARCHAR, 2, '0') || '/' || lpad((1 + i % 12)::VARCHAR, 2, '0') || '/' || (1950 + i % 60) AS born,
    i % 90000 || '.50 EUR' AS price, i % 800000 || ',25' AS amount, ['yes', 'no', 'No'][1 + i % 3] AS active,
    ['Germany', 'United Kingdom', 'Canada'][1 + i % 3] AS country,
    strftime(TIMESTAMP '2020-01-01' + to_seconds(i * 7), '%Y-%m-%dT%H:%M:%SZ') AS seen,
    (10 + i % 70) || '.' || (i % 99991) || ', ' || (i % 140) || '.' || (i % 99989) AS place,
    (i % 90000) / 10 || ' kg' AS weight,
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/' || (i % 120) || '.0.'
        || (i % 2000) || '.0 Safari/537.36' AS agent,
    [lpad((10115 + i % 80)::VARCHAR, 5, '0'), 'sw1a' || (i % 10) || 'aa', 'k1a 0b' || (i % 10)][1 + i % 3] AS postcode,
    ['Köln', 'Koeln', 'koln', 'Berlin', 'Bern', 'New York', 'NewYork'][1 + i % 7] AS city,
    'customer ' || i || ' called about order ' || (i * 3) || ' and wants max' || (i % 1000) || '@x.com' AS note,
    'a longer text with no meaning, number ' || (i * 17) AS remark, i * 1.5 AS score, 'word ' || i AS label
FROM range({ROWS}) AS t(i)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckDB(threads=1)
        lake = Lake(Location(folder=Path(folder)), engine=engine)
        rows = engine.read(Query(text=TABLE)).read_all()
        commit = Commit(lake, "raw", run="bench", actor="bench", accept_schema=True)
        commit.replace("raw", lake.stage(rows.to_batches(), rows.schema, stem="raw"))
        commit.publish()
        del rows
        start = time.process_time()
        found = suggest("raw", lake.scan("raw"), engine, resources=Resources())
        took = time.process_time() - start
        lake.close()
    print(found.to_text())
    print(f"\nsuggest, {len(found.proposals)} proposals and {len(found.notes)} notes: {took:.1f} s of processor time")
    print(f"limit {LIMIT_S} s: {took / LIMIT_S:.2f} of it")


if __name__ == "__main__":
    main()

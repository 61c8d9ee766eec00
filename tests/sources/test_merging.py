from __future__ import annotations

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.engine import Written
from pumphouse.engines.parquet import write_batches
from pumphouse.sources import merging

SCHEMA = pa.schema([("id", pa.int64()), ("code", pa.string()), ("n", pa.int64())])
FILES = st.lists(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=5), min_size=1, max_size=12)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(files=FILES)
def test_the_last_row_of_a_key_wins_over_any_number_of_files(works, files):
    rows = [(*key, n) for n, key in enumerate(key for file in files for key in file)]
    taken, written = 0, []
    for number, file in enumerate(files):
        some = rows[taken : taken + len(file)]
        taken += len(file)
        batch = pa.RecordBatch.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in some], SCHEMA)
        written.append(write_batches([batch], SCHEMA, folder=works.lake.staging(), stem=f"came_{number}"))
    arrived = Written(files=tuple(file for one in written for file in one.files), rows=len(rows), schema=SCHEMA)
    last = merging.last_of_key(works.lake, arrived, key=("id", "code"), stem="last")
    found = works.engine.fork().execute(f"SELECT * FROM read_parquet({[str(file) for file in last.files]}) ORDER BY n")
    assert found == sorted({row[:2]: row for row in rows}.values(), key=lambda row: row[2])
    assert (last.rows, last.key) == (len(found), ("id", "code"))

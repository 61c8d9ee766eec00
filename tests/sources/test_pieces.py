"""However rows are cut into pages, visits and batches, what comes of them is the same."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.lake.blobs import Blobs
from pumphouse.sources import spool
from pumphouse.sources.fetch import Visit
from pumphouse.sources.shaping import Shape, Shaping

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
VALUES = st.one_of(
    st.none(),
    st.integers(-9, 9),
    st.sampled_from([2**53 + 1, -(2**60), 2**63, 10**40]),
    st.sampled_from([0.5, 2.0, 1e20, -0.0, 1e-7]),
    st.sampled_from(["x", "7", "007", "2024-01-02", "2024-01-02T03:04:05Z", "é\udc80"]),
    st.booleans(),
    st.sampled_from([Decimal("1.50"), Decimal("3.25"), date(2024, 1, 2), NOW, NOW.replace(tzinfo=None), b"\x00\xff"]),
    st.sampled_from([{"a": 1.0}, [1, "x"], {}]),
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1, max_size=12)


def landed(cuts: list[list[dict]], *, times: frozenset[str] = frozenset(), rows_at_once: int = 1_000) -> pa.Table:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as bounds,
        spool.Spool(Path(folder) / "scratch", asset="raw", run="run", times=times) as waiting,
    ):
        bounds.setattr(spool, "ROWS_AT_ONCE", rows_at_once)
        waiting.begin(Visit(Blobs(Path(folder)), asset="raw", at=NOW, cursor=None, whole=True))
        for rows in cuts:
            waiting.add_rows(rows, raw="0" * 64)
        waiting.complete()
        kinds = {name: waiting.kind_of(name, known=None) for name in sorted(waiting.kinds)}
        shaping = Shaping(waiting, Shape(asset="raw", kinds=kinds))
        table = pa.Table.from_batches(shaping.batches(), shaping.shape.schema)
        return table.append_column("held_back", pa.array([waiting.ledger.cells] * len(table)))


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, sizes=st.lists(st.integers(1, 4), min_size=12, max_size=12), times=st.booleans())
def test_rows_cut_anywhere_are_the_same_table(rows, sizes, times):
    cuts, rest = [], list(rows)
    for size in sizes:
        cuts.append(rest[:size])
        rest = rest[size:]
    declared = frozenset("ab") if times else frozenset[str]()
    whole = landed([rows], times=declared)
    assert landed([cut for cut in cuts if cut], times=declared, rows_at_once=1).equals(whole)

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works

from pumphouse.declare.sources import source
from pumphouse.lake.changes import restore

ROWS = st.lists(
    st.fixed_dictionaries({"id": st.none() | st.integers(0, 4), "at": st.integers(0, 9), "n": st.integers(0, 2)}),
    max_size=6,
)


@pytest.mark.parametrize("how", ["upsert", "compare"])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fetches=st.lists(ROWS.filter(lambda rows: any(row["id"] is not None for row in rows)), min_size=1, max_size=3))
def test_any_fetches_end_as_the_rows_of_their_keys_and_rebuild_to_the_same(how, fetches):
    waiting = list(fetches)

    @source(key="id", cursor="at" if how == "upsert" else None)
    def raw():
        yield waiting.pop(0)

    with tempfile.TemporaryDirectory() as folder:
        works = Works(Path(folder))
        made = works.asset(raw)
        expected: dict[int, int] = {}
        for rows in fetches:
            expected = {
                **(expected if how == "upsert" else {}),
                **{row["id"]: row["n"] for row in rows if row["id"] is not None},
            }
            counts = works.run(made).counts
            if counts.rows_in:  # equal bytes are not even read
                assert counts.rows_in == len(rows)
                assert counts.rows_in == counts.rows_out + counts.merged + counts.withheld
            assert works.rows("raw", "id, n") == sorted(expected.items())
        works.run(made, mode="full")
        assert works.rows("raw", "id, n") == sorted(expected.items())
        works.lake.close()


def test_a_restored_table_goes_on_and_rebuilds_from_the_fetches_up_to_then(works):
    fetches = [[{"id": 1, "at": 1}], [{"id": 2, "at": 2}], [{"id": 3, "at": 3}]]

    @source(key="id", cursor="at")
    def raw():
        yield fetches.pop(0)

    made = works.asset(raw)
    first = works.run(made)
    works.run(made)
    restore(works.lake, "raw", to=first.snapshot, run="by hand", actor="tester")
    works.run(made, mode="full")
    assert works.rows("raw", "id") == [(1,)]
    works.run(made)
    works.run(made, mode="full")
    assert works.rows("raw", "id") == [(1,), (3,)]


def test_a_run_that_was_killed_leaves_nothing_that_a_later_one_meets(works):
    scratch = works.lake.folder / "scratch" / "gather_raw"
    scratch.mkdir(parents=True)
    (scratch / "0.arrow").write_bytes(b"half a batch")

    @source()
    def raw():
        yield {"id": 1}

    works.run(works.asset(raw))
    assert works.rows() == [(1,)]
    assert not scratch.exists()


def test_a_function_that_fails_half_way_changes_nothing(works):
    @source(key="id", cursor="id")
    def raw():
        yield {"id": 1}
        raise RuntimeError("the pipe burst")

    with pytest.raises(RuntimeError, match="the pipe burst"):
        works.run(works.asset(raw))
    assert works.lake.tables() == ()
    assert not (works.lake.folder / "scratch" / "gather_raw").exists()


def test_progress_is_told_in_rows(works):
    told = []

    @source()
    def raw():
        yield [{"id": 1}] * 3
        yield {"id": 2}

    works.run(works.asset(raw), progress=told.append)
    assert told[-1] == 4

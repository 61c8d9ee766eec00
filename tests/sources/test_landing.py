from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works

from pumphouse.declare.sources import source
from pumphouse.errors import SourceError
from pumphouse.lake.changes import restore

ROWS = st.lists(
    st.fixed_dictionaries({"id": st.none() | st.integers(0, 4), "at": st.integers(0, 9), "n": st.integers(0, 2)}),
    max_size=6,
)


@pytest.mark.parametrize("how", ["upsert", "compare"])
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
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


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    arriving=st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.none() | st.integers(0, 1)), max_size=5), min_size=2, max_size=4
    )
)
def test_rows_that_come_late_at_the_cursor_are_added_once(arriving):
    world: list[dict[str, int | None]] = []

    @source(cursor="at")
    def raw(since):
        yield {"at": -1, "n": 0}
        yield [row for row in world if not since or row["at"] >= since.value]

    with tempfile.TemporaryDirectory() as folder:
        works = Works(Path(folder))
        made = works.asset(raw, services={"since": "Cursor"})
        newest = 0
        for some in arriving:
            world += [{"at": newest + later, "n": n} for later, n in some]
            newest = max((row["at"] for row in world), default=0)
            works.run(made)
            expected = sorted([(-1, 0), *((row["at"], row["n"]) for row in world)], key=str)
            assert sorted(works.rows("raw", '"at", n'), key=str) == expected
        works.run(made, mode="full")
        assert sorted(works.rows("raw", '"at", n'), key=str) == expected
        works.lake.close()


def test_versions_stay_in_order_where_the_clock_is_set_back(works):
    prices = [1, 2, 2, 1]

    @source(key="id", history=True)
    def raw():
        yield {"id": 7, "price": prices.pop(0)}

    made = works.asset(raw)
    for _ in range(4):
        works.run(made)
        works.now -= timedelta(hours=3)
    seen = works.rows("raw", "price, _loaded_at", "_loaded_at")
    assert [price for price, _ in seen] == [1, 2, 1]
    works.run(made, mode="full")
    assert works.rows("raw", "price, _loaded_at", "_loaded_at") == seen


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


@pytest.mark.parametrize(
    ("cursors", "kept", "expected"),
    [
        ([["b", "a"], ["b", "c", "A"]], ["a", "b", "c"], "c"),
        ([[2, 10], [9, 11]], [2, 10, 11], 11),
        ([[1.5], [1.25, 2.5]], [1.5, 2.5], 2.5),
        ([["2024-01-31"], ["2024-01-31", "2024-02-01"]], ["2024-01-31", "2024-02-01"], "2024-02-01"),
        (
            [["2024-01-01T12:00:00+02:00"], ["2024-01-01T10:00:00Z", "2024-01-01T10:00:01Z"]],
            None,
            "2024-01-01T10:00:01Z",
        ),
        ([["20231231", "x"], ["y"]], ["20231231", "x", "y"], "y"),
    ],
)
def test_a_cursor_may_be_a_number_a_text_a_day_or_a_moment(works, cursors, kept, expected):
    @source(cursor="at")
    def raw():
        yield [{"at": at} for at in cursors.pop(0)]

    made = works.asset(raw)
    works.run(made)
    works.run(made)
    if kept is None:
        assert len(works.rows()) == 2
    else:
        assert [str(row[0]) for row in works.rows()] == [str(value) for value in kept]
    assert works.lake.builds()["raw"].cursor == expected


def test_a_cursor_that_became_another_type_is_told(works):
    fetches = [[{"at": "abc"}], [{"at": 5}], [{"at": "2024-01-01"}]]

    @source(cursor="at")
    def raw():
        yield fetches.pop(0)

    made = works.asset(raw)
    works.run(made)
    works.run(made)  # 5 is less than abc, as text
    with pytest.raises(SourceError, match=r"cursor 'at' stood at 'abc', and its column is now a day.*--refetch"):
        works.run(made)


@pytest.mark.parametrize(
    "how",
    [
        {"key": "id", "cursor": "seq"},
        {"key": "id", "cursor": "seq", "history": True},
        {"cursor": "seq"},
        {"key": "seq"},
        {"key": "id", "time": {"event": "seq"}},
    ],
)
def test_a_column_that_is_declared_and_had_no_value_takes_the_type_of_the_first(works, how):
    fetches = [[{"id": 1, "seq": None}], [{"id": 1, "seq": 5}, {"id": 2, "seq": 10}], [{"id": 3, "seq": 11}]]

    @source(**how)
    def raw():
        yield fetches.pop(0)

    made = works.asset(raw)
    for _ in range(2):
        works.run(made)
    assert works.types()["seq"] == "BIGINT"
    assert {5, 10} <= {value for (value,) in works.rows("raw", "seq")}
    works.run(made)
    seen = works.rows()
    assert 11 in {value for (value,) in works.rows("raw", "seq")}
    works.run(made, mode="full")
    assert works.rows() == seen


def test_names_of_the_landing_itself_are_refused(idle):
    @source()
    def raw():
        yield {"_landing_order": 1}

    with pytest.raises(SourceError, match="'_landing_order', which is the lake's own"):
        idle.run(idle.asset(raw))


def test_rows_without_a_column_are_refused(idle):
    @source()
    def raw():
        yield [{}]

    with pytest.raises(SourceError, match="rows without any column"):
        idle.run(idle.asset(raw))


def test_a_row_may_leave_out_what_is_null(works):
    fetches = [[{"id": 1, "note": "x"}], [{"id": 2}]]

    @source(key="id", cursor="id")
    def raw():
        yield fetches.pop(0)

    made = works.asset(raw)
    works.run(made)
    works.run(made)
    assert works.rows() == [(1, "x"), (2, None)]
    works.run(made, mode="full")
    assert works.rows() == [(1, "x"), (2, None)]

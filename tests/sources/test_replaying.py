from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works
from tests.sources.test_contracts import gathers

from pumphouse.declare.contracts import contract


def mended(works, **terms):
    works.asset(contract("raw", missing="take", **terms), "raw_contract")


def held(works, *fetches, key=None, most=10):
    made = gathers(works, *fetches, key=key, missing="take", columns={"v": {"max": most}})
    for _ in fetches:
        works.run(made)
    return made


def replay(works, made):
    return works.run(made, mode="full", settings={"replay": True})


@pytest.mark.parametrize("key", [None, "id"])
def test_what_fits_after_the_contract_was_mended_goes_in_once_and_the_rest_stays_set_aside(works, key):
    fetches = [[{"id": 1, "v": 5}], [{"id": 2, "v": 50}, {"id": 3, "v": 500}], [{"id": 4, "v": 5}]]
    made = held(works, *fetches, key=key)
    cursor = works.lake.builds()["raw"].cursor
    mended(works, columns={"v": {"max": 100}})
    for left in range(2):  # the second time it comes to the same
        built = replay(works, made)
        assert built.note == f"{2 - left} {'were' if not left else 'was'} set aside before, 1 is now; nobody was asked"
        assert works.rows("raw") == [(1, 5), (2, 50), (3, None), (4, 5)]
        assert works.quarantine() == [("v", "500", "is not 100 at most")]
        assert built.counts.rows_in == (2 if key is None else 3)  # only what has to be was read again
        assert works.lake.builds()["raw"].cursor == cursor
    works.run(made, mode="full")
    assert works.rows("raw") == [(1, 5), (2, 50), (3, None), (4, 5)]


def test_all_is_read_again_where_what_was_clean_comes_out_otherwise(works):
    made = held(works, [{"id": 1, "v": 9}], [{"id": 2, "v": 50}, {"id": 3, "v": 9}])
    mended(works, columns={"v": {"min": 40, "max": 100}})
    built = replay(works, made)
    assert built.counts.rows_in == 3
    assert works.rows("raw") == [(1, None), (2, 50), (3, None)]


def test_a_newer_row_of_a_key_is_not_replaced_by_an_older_one(works):
    made = held(works, [{"id": 1, "v": 50}], [{"id": 1, "v": 7}], [{"id": 2, "v": 8}], key="id")
    mended(works, columns={"v": {"max": 100}})
    replay(works, made)
    assert works.rows("raw") == [(1, 7), (2, 8)]
    assert works.quarantine() == []


def test_nothing_set_aside_is_nothing_to_do(works):
    made = held(works, [{"id": 1, "v": 5}])
    built = replay(works, made)
    assert (built.snapshot, built.note) == (None, "nothing of it is set aside")


ROWS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 5), "v": st.integers(0, 30)}), min_size=1, max_size=3)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(fetches=st.lists(ROWS, min_size=2, max_size=4), key=st.sampled_from([None, "id"]), most=st.integers(5, 30))
def test_a_replay_leaves_what_reading_all_stored_bytes_leaves(fetches, key, most):
    with tempfile.TemporaryDirectory() as folder:
        works = Works(Path(folder))
        made = held(works, *fetches, key=key)
        mended(works, columns={"v": {"max": max(most, 10)}})
        replay(works, made)
        after = (works.rows("raw", "id, v, _loaded_at"), works.quarantine())
        works.run(made, mode="full")
        assert (works.rows("raw", "id, v, _loaded_at"), works.quarantine()) == after
        works.lake.close()

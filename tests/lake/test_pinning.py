"""Which snapshots stay for what is read of them later: as few as can be, and none for what another one has too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.errors import LakeError
from pumphouse.lake.changes import hide, restore
from pumphouse.lake.expired import readable
from pumphouse.lake.expiry import expire, to_expire
from pumphouse.lake.pinning import Need, Span, fewest, newest_with, pins

from .conftest import Desk

SNAPSHOTS = st.lists(st.integers(0, 12), unique=True, min_size=1, max_size=8).map(sorted)
SPANS = st.lists(
    st.builds(
        lambda first, length, why: Span(first=first, until=first + length if length else None, why=why),
        st.integers(0, 12), st.integers(0, 6), st.sampled_from("abcdef"),
    ),
    max_size=6,
)  # fmt: skip


def is_in(snapshot: int, span: Span) -> bool:
    return span.first <= snapshot and (span.until is None or snapshot < span.until)


@given(SPANS, SNAPSHOTS)
def test_every_version_that_is_there_stays_by_the_fewest_snapshots(spans: list[Span], there: list[int]) -> None:
    found = fewest(spans, there=there)
    chosen = {pin.snapshot for pin in found}
    needed = [span for span in spans if span.until is not None and any(is_in(one, span) for one in there)]
    assert chosen <= set(there)
    assert all(any(is_in(one, span) for one in chosen) for span in needed)
    assert {pin.why for pin in found} == {span.why for span in needed}
    fewer = combinations(there, max(0, len(chosen) - 1))
    assert not chosen or not any(all(any(is_in(one, span) for one in some) for span in needed) for some in fewer)


@given(SNAPSHOTS, SNAPSHOTS)
def test_a_version_is_read_at_the_first_snapshot_that_has_it(changes: list[int], there: list[int]) -> None:
    expected = []
    for first, end in zip(changes, [*changes[1:], 99], strict=True):
        expected += [one for one in there if first <= one < end][:1]
    assert readable(changes, there=there) == tuple(expected)


def test_a_version_stays_readable_though_its_own_snapshot_leaves(desk: Desk) -> None:
    first = desk.replaced("SELECT 1 AS id")
    desk.replaced("SELECT 1 AS id", table="other")
    between = desk.replaced("SELECT 2 AS id", table="other")
    second = desk.replaced("SELECT 2 AS id")
    desk.replaced("SELECT 3 AS id", table="other")
    needs = [Need(table="orders", snapshot=at, why=f"orders at {at}") for at in (first, second)]
    pinned = pins(desk.lake, needs)
    assert [(pin.snapshot, pin.why) for pin in pinned] == [(between, f"orders at {first}")]
    later = datetime.now(UTC) + timedelta(days=40)
    expire(desk.lake, lambda: to_expire(desk.lake, retention=timedelta(days=30), now=later, pinned=pinned))
    assert desk.lake.changes("orders") == (between, desk.lake.snapshot())
    assert [desk.rows("FROM orders", "orders", snapshot=at) for at in desk.lake.changes("orders")] == [[(1,)], [(2,)]]
    assert newest_with(desk.lake, "orders", at=first) == between
    assert newest_with(desk.lake, "orders", at=second) == desk.lake.snapshot()
    assert restore(desk.lake, "orders", to=first, run="r", actor="me").detail == {"restored": first}
    assert desk.rows("FROM orders", "orders") == [(1,)]
    expire(desk.lake, lambda: to_expire(desk.lake, retention=timedelta(days=30), now=later, pinned=[]))
    assert newest_with(desk.lake, "orders", at=first) is None
    assert pins(desk.lake, needs) == []


def test_a_restore_does_not_bring_back_who_was_hidden_after_the_snapshot_that_left(desk: Desk) -> None:
    desk.replaced("SELECT unnest([7, 8]) AS customer_id", table="people")
    commit = desk.commit("total", inputs={"people": desk.lake.version("people")})
    commit.replace("total", desk.written("SELECT 2 AS people"))
    asked = commit.publish()
    assert asked is not None
    hide(desk.lake, entity="customer_id", value=7, why="asked", run="r", actor="me")
    desk.replaced("SELECT 1 AS people", table="total")
    later = datetime.now(UTC) + timedelta(days=40)
    pinned = pins(desk.lake, [Need(table="total", snapshot=asked.snapshot, why="somebody")])
    expire(desk.lake, lambda: to_expire(desk.lake, retention=timedelta(days=30), now=later, pinned=pinned))
    assert pinned[0].snapshot > asked.snapshot
    with pytest.raises(LakeError, match="whose person was hidden since"):
        restore(desk.lake, "total", to=asked.snapshot, run="r", actor="me")

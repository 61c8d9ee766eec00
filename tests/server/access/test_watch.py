"""Turns are given in order, memory is taken from the newest work, and reads that end together are written together."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from pumphouse.errors import LakeError, Overloaded, PumphouseError, TooMuch
from pumphouse.lake.state import Access
from pumphouse.server.access.audit import Audit
from pumphouse.server.access.turns import LONG_S, Turn, Turns
from pumphouse.server.access.watch import SPARE_BYTES, Watch

MB = 1024**2


def read(rows: int) -> Access:
    return Access(at=datetime(2026, 1, 1, tzinfo=UTC), who="ada", door="test", asset="orders", snapshot=1, rows=rows)


def in_thread(call: object, *values: object) -> threading.Thread:
    assert callable(call)
    thread = threading.Thread(target=call, args=values)
    thread.start()
    return thread


def until(is_so: object) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, first, order = Turns(short_max=1, long_max=0), Turn(), []
    turns.take(first, wait_s=None)

    def work(number: int, turn: Turn) -> None:
        turns.take(turn, wait_s=None)
        order.append(number)
        turns.give(turn)

    threads = []
    for number in range(5):
        turn = Turn()
        threads.append(in_thread(work, number, turn))
        until(lambda turn=turn: turn.state == "waiting")
    turns.give(first)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_who_waits_too_long_is_told_so_and_who_leaves_is_let_go() -> None:
    turns, first, other = Turns(short_max=1, long_max=0), Turn(), Turn()
    turns.take(first, wait_s=None)
    with pytest.raises(Overloaded):
        turns.take(Turn(), wait_s=0.01)
    thread = in_thread(lambda: turns.take(other, wait_s=None))
    until(lambda: other.state == "waiting")
    turns.leave(other)
    thread.join()
    assert (first.state, other.state) == ("short", "out")


def test_long_work_makes_room_for_short_work() -> None:
    turns, long, short = Turns(short_max=1, long_max=1), Turn(), Turn()
    turns.take(long, wait_s=None)
    thread = in_thread(lambda: turns.take(short, wait_s=None))
    until(lambda: short.state == "waiting")
    long.since -= LONG_S
    turns.set_long_apart()
    thread.join()
    assert (long.state, short.state) == ("long", "short")


@dataclass(slots=True, eq=False)
class Working:
    """Work that goes on until it is ended."""

    works_since: float | None
    ended: list[PumphouseError] = field(default_factory=list)

    def look(self, now: float) -> None:
        pass

    def end(self, why: PumphouseError) -> None:
        self.ended.append(why)
        self.works_since = None


def test_newest_work_ends_where_the_process_grows_too_much() -> None:
    watch = Watch(Turns(), memory_bytes=64 * MB - SPARE_BYTES)
    old, new, reading = Working(works_since=1.0), Working(works_since=2.0), Working(works_since=None)
    for one in (old, reading, new):
        watch.add(one)
    until(lambda: watch._at_rest)
    grown = b"x" * (128 * MB)
    until(lambda: new.ended)
    del grown
    assert isinstance(new.ended[0], TooMuch)
    for one in (old, reading, new):
        watch.remove(one)
    assert reading.ended == []


def test_reads_that_end_together_are_written_together() -> None:
    written: list[Sequence[Access]] = []
    first_is_writing, go_on = threading.Event(), threading.Event()

    def store(reads: Sequence[Access]) -> None:
        first_is_writing.set()
        assert go_on.wait(20)
        written.append(reads)

    audit = Audit(store)
    threads = [in_thread(audit.write, read(0))]
    assert first_is_writing.wait(20)
    threads += [in_thread(audit.write, read(number)) for number in range(1, 9)]
    until(lambda: len(audit._waiting) == 8)
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(len(reads) for reads in written) == [1, 8]


def test_a_log_that_can_not_be_written_is_told_to_each_who_read() -> None:
    def store(reads: Sequence[Access]) -> None:
        raise LakeError("the disk is full")

    for _ in range(2):
        with pytest.raises(LakeError, match="disk is full"):
            Audit(store).write(read(1))

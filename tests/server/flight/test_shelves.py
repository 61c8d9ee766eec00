from __future__ import annotations

import pytest

from pumphouse.errors import Overloaded, UnknownName
from pumphouse.server.access.gate import Visitor
from pumphouse.server.flight.shelves import Shelf

ANN, BOB = Visitor(who="ann", scope="read"), Visitor(who="bob", scope="read")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shelf(clock: Clock) -> Shelf[str]:
    return Shelf("ticket", kept_s=60, of_one_max=3, of_all_max=4, now=clock)


def test_thing_is_its_visitors_alone_and_is_taken_once() -> None:
    tickets = shelf(Clock())
    handle = tickets.put(ANN, "rows")
    for other in (BOB, Visitor(who="ann", scope="all"), Visitor(who="ann", scope="read", tables=frozenset({"orders"}))):
        with pytest.raises(UnknownName):
            tickets.take(other, handle)
    assert tickets.get(ANN, handle) == "rows"
    assert tickets.take(ANN, handle) == "rows"
    with pytest.raises(UnknownName):
        tickets.take(ANN, handle)


def test_thing_goes_when_nobody_has_used_it_for_long() -> None:
    clock = Clock()
    tickets = shelf(clock)
    used, unused = tickets.put(ANN, "used"), tickets.put(ANN, "unused")
    clock.now = 40
    tickets.get(ANN, used)
    clock.now = 61
    assert tickets.get(ANN, used) == "used"
    with pytest.raises(UnknownName):
        tickets.get(ANN, unused)


def test_visitor_makes_room_with_their_own_and_never_with_anothers() -> None:
    tickets = shelf(Clock())
    first = tickets.put(ANN, "first")
    for number in range(3):
        tickets.put(ANN, str(number))
    with pytest.raises(UnknownName):
        tickets.get(ANN, first)
    of_bob = tickets.put(BOB, "bob's")
    with pytest.raises(Overloaded):
        tickets.put(BOB, "too many")
    assert tickets.get(BOB, of_bob) == "bob's"

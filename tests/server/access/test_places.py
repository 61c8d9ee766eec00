"""Places for open answers: one bound and one line for all doors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from pyarrow import flight
from tests.server.conftest import TOKEN

from pumphouse.errors import Cancelled, Overloaded
from pumphouse.server.access import runs
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.access.places import Place, Places
from pumphouse.server.access.policies import Policies
from pumphouse.server.flight.door import open_flight
from pumphouse.server.flight.messages import CommandStatementQuery, packed
from pumphouse.server.postgres.door import open_postgres

ADA = Visitor(who="ada", scope="all")
WAIT_S = 20.0
WIDE = "SELECT o.*, r.range, repeat('x', 1000) AS text FROM orders o, range(100_000) r"


def held(places: Places, who: str) -> Place:
    place = places.ask(who)
    assert place.is_held
    return place


def soon(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT_S
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()


def test_one_visitor_leaves_places_for_others() -> None:
    places = Places(all_max=3, each_max=2, wait_s=0.1)
    with held(places, "ann"), held(places, "ann"):
        with places.ask("ann") as third, pytest.raises(Overloaded):
            third.wait()
        held(places, "bob").leave()
    held(places, "ann").leave()


def test_whoever_has_the_fewest_open_is_next_and_then_whoever_came_first() -> None:
    places = Places(all_max=3)
    open_now = [held(places, "ann"), held(places, "ann"), held(places, "bob")]
    waiting = [places.ask(who) for who in ("ann", "bob", "cleo", "cleo", "dan")]
    came = []
    for place in open_now:
        place.leave()
        came += [one for one in waiting if one.is_held and one not in came]
    assert [(one.who, one.number) for one in came] == [("cleo", 5), ("ann", 3), ("bob", 4)]


def test_a_place_that_is_left_twice_is_given_back_once() -> None:
    places = Places(all_max=1)
    first = held(places, "ann")
    first.leave()
    first.leave()
    second = held(places, "ann")
    assert not places.ask("bob").is_held
    second.leave()


def test_whoever_leaves_while_they_wait_is_called_away() -> None:
    places = Places(all_max=1)
    with held(places, "ann"):
        place = places.ask("bob")
        threading.Timer(0.05, place.leave).start()
        with pytest.raises(Cancelled):
            place.wait()


def test_too_many_who_wait_are_told_so_at_once() -> None:
    places = Places(all_max=1, waiting_max=1)
    with held(places, "ann"), places.ask("bob"), pytest.raises(Overloaded):
        places.ask("cleo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Two doors whose desk has one place."""

    desk: Desk
    flight: flight.FlightClient
    header: flight.FlightCallOptions
    postgres: psycopg.Connection[Any]

    def over_flight(self) -> Any:
        command = flight.FlightDescriptor.for_command(packed(CommandStatementQuery(query="FROM orders")))
        (endpoint,) = self.flight.get_flight_info(command, self.header).endpoints
        return self.flight.do_get(endpoint.ticket, self.header).read_all()


@pytest.fixture(scope="module")
def doors(served: Any) -> Iterator[Doors]:
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token=TOKEN)
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), places=Places(all_max=1, wait_s=0.3))
    arrow = open_flight(shop, gate, desk, host="127.0.0.1", port=0, certificate=None)
    wire = open_postgres(shop, gate, desk)
    header = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
    with (
        flight.FlightClient(arrow.url) as client,
        psycopg.connect(wire.url, password=TOKEN, autocommit=True) as connection,
    ):
        yield Doors(desk=desk, flight=client, header=header, postgres=connection)
    arrow.close()
    wire.close()
    desk.close()


def test_every_door_waits_for_the_same_places_and_says_in_its_own_way_that_there_are_none(doors: Doors) -> None:
    with held(doors.desk.places, "another"):
        with pytest.raises(flight.FlightUnavailableError, match="more read here than can at once"):
            doors.over_flight()
        with pytest.raises(psycopg.OperationalError, match="more read here than can at once") as caught:
            doors.postgres.execute("FROM orders")
        assert caught.value.sqlstate == "53300"
        with pytest.raises(Overloaded):
            next(iter(doors.desk.ask(ADA, "FROM orders", door="test").run()))
        assert doors.postgres.execute("SELECT relname FROM pg_class LIMIT 1").fetchall()
    assert doors.over_flight().num_rows == 40
    assert len(doors.postgres.execute("FROM orders").fetchall()) == 40
    assert _is_free(doors.desk.places)


def test_a_cursor_over_many_rows_holds_a_place_until_it_is_closed_and_one_over_few_holds_none(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "GATHER_S", WAIT_S)  # few rows are gathered however long they take
    places = doors.desk.places
    with doors.postgres.transaction(), doors.postgres.cursor("many") as cursor:
        cursor.execute(WIDE)
        cursor.fetchmany(1)
        assert not _is_free(places)
    with doors.postgres.transaction(), doors.postgres.cursor("few") as cursor:
        cursor.execute("FROM orders")
        cursor.fetchmany(1)
        assert _is_free(places)
        assert len(cursor.fetchall()) == 39


def _is_free(places: Places) -> bool:
    with places.ask("another") as place:
        return place.is_held


def test_more_sessions_than_threads_wait_and_those_with_places_go_on(served: Any) -> None:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), places=Places(all_max=1))
    door = open_postgres(shop, Gate(shop.lake, owner="ada", token=TOKEN), desk)
    counts: list[int] = []

    def count() -> None:
        with psycopg.connect(door.url, password=TOKEN, autocommit=True) as connection:
            counts.append(len(connection.execute("FROM orders").fetchall()))

    threads = [threading.Thread(target=count) for _ in range(70)]
    with psycopg.connect(door.url, password=TOKEN) as connection, connection.cursor("many") as cursor:
        cursor.execute(WIDE)
        cursor.fetchmany(1)
        for thread in threads:
            thread.start()
        assert soon(lambda: desk.places.waiting == len(threads))
        assert len(cursor.fetchmany(2000)) == 2000
    for thread in threads:
        thread.join(WAIT_S)
    assert counts == [40] * len(threads)
    door.close()
    desk.close()

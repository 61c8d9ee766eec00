"""What happened around a lake: events come exactly once, reads are recorded, tokens are kept as hashes."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pumphouse.errors import LakeError, MissingExtra
from pumphouse.lake.databases import Database, Postgres, Sqlite
from pumphouse.lake.state import Access, Arrival, BuildRecord, State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_event_is_stored_once_by_its_key(state: State) -> None:
    first = state.append("survey/exit", [("a", "{}")], at=NOW)
    again = state.append("survey/exit", [("a", '{"other": 1}'), ("b", "{}")], at=NOW)
    assert [event.key for event in state.events("survey/exit")] == ["a", "b"]
    assert again > first
    assert [event.key for event in state.events("survey/exit", after=first)] == ["b"]
    assert state.events("another") == ()


def test_a_state_that_was_put_back_gives_no_number_again(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"

    def append(key: str) -> int:
        database = Sqlite(path)
        number = State(database).append("survey/exit", [(key, "{}")])
        database.close()
        return number

    append("a")
    copy = path.read_bytes()
    moved = [append("b"), append("c")][-1]  # as far as a table has them
    path.write_bytes(copy)
    assert append("d") > moved


def test_events_are_there_for_another_process(state: State, opened: Callable[[], Database]) -> None:
    state.append("s", [("a", "{}")])
    assert len(State(opened()).events("s")) == 1


def test_a_reader_never_sees_a_later_number_before_an_earlier_one(state: State, opened: Callable[[], Database]) -> None:
    others = [State(opened()) for _ in range(3)]
    seen: list[int] = []

    def write(other: State, name: int) -> None:
        for number in range(15):
            other.append("s", [(f"{name}/{number}", "{}")])

    threads = [threading.Thread(target=write, args=(other, name)) for name, other in enumerate(others)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(seen) < 45:
        seen += [event.seq for event in state.events("s", after=seen[-1] if seen else 0)]
    assert len(seen) == 45
    assert seen == sorted(seen)


def test_threads_write_at_once(state: State) -> None:

    def write(thread: int) -> None:
        for number in range(20):
            state.append("s", [(f"{thread}/{number}", "{}")])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.events("s")) == 80


def test_reads_are_recorded_with_who_what_and_how_much(state: State) -> None:
    read = Access(at=NOW, who="ann", door="http", asset="orders", snapshot=7, rows=12)
    state.access(read, Access(at=NOW, who="bob", door="python", asset="customers", snapshot=7, rows=0, offered=True))
    assert state.accesses(asset="orders") == (read,)
    assert [access.who for access in state.accesses(since=NOW)] == ["ann", "bob"]


def test_use_is_summed_by_asset_person_and_door_without_what_runs_read(state: State) -> None:
    def read(minute: int, who: str, rows: int, **values: Any) -> Access:
        return Access(
            at=NOW.replace(minute=minute), who=who, door="http", asset="orders", snapshot=7, rows=rows, **values
        )

    state.access(
        read(1, "ann", 99), read(5, "ann", 12), read(7, "ann", 30, offered=True), read(6, "bob", 1),
        read(8, "ann", 1000, run="r"), read(20, "ann", 500),
    )  # fmt: skip
    minutes = (NOW.replace(minute=1), NOW.replace(minute=10))
    found = state.usage(after=minutes[0], until=minutes[1])
    assert [(one.who, one.reads, one.rows, one.rows_offered, one.last_at.minute) for one in found] == [
        ("ann", 2, 12, 30, 7),
        ("bob", 1, 1, 0, 6),
    ]
    assert state.usage(after=minutes[0], until=minutes[1], asset="customers") == ()


def test_what_became_of_an_asset_replaces_what_was_said_of_it_before(state: State) -> None:
    def told(asset: str, status: str) -> BuildRecord:
        return BuildRecord(run="r", asset=asset, status=status, started=NOW, seconds=0.5, snapshot=2, note="")

    for asset, status in (("a", "building"), ("b", "skipped"), ("a", "built")):
        state.build_logged(told(asset, status))
    assert state.run_builds(run="r") == (told("b", "skipped"), told("a", "built"))
    assert state.run_builds(asset="b", limit=1) == (told("b", "skipped"),)
    state.run_started("r", command="run", actor="ann", at=NOW)
    state.run_finished("r", status="done", at=NOW, snapshot=3, summary="2 built")
    (run,) = state.runs()
    assert (run.status, run.snapshot, run.summary, run.finished) == ("done", 3, "2 built", NOW)


def test_what_is_raised_in_a_transaction_leaves_nothing_of_it(opened: Callable[[], Database]) -> None:
    database = opened()
    state = State(database)

    def fails() -> None:
        with database.transaction() as db:
            db.run("INSERT INTO memory VALUES ('x', '1')")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    assert state.recall("x") is None


def test_a_postgresql_that_went_away_is_found_again(postgres: str) -> None:
    state = State(Postgres(postgres, schema=f"state_{uuid.uuid4().hex}"))
    server = Postgres(postgres, schema="elsewhere")
    server.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'pumphouse state' AND pid <> pg_backend_pid()"
    )
    server.close()
    with pytest.raises(LakeError, match=r"the lake's state can't be written: .*Is its PostgreSQL there"):
        state.remember("x", "1")
    state.remember("x", "2")
    assert state.recall("x") == "2"
    state.close()


def test_a_postgresql_that_is_not_there_is_an_error_that_keeps_the_password() -> None:
    with pytest.raises(LakeError, match=r"can't be written.*Is its PostgreSQL there") as caught:
        State(Postgres("postgresql://reader:hush-hush@127.0.0.1:1/lake", schema="state"))
    assert "hush" not in str(caught.value)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pumphouse\[postgres\]"):
        State(Postgres("postgresql://127.0.0.1:1/lake", schema="state"))


def test_a_token_is_kept_only_as_a_hash(tmp_path: Path) -> None:
    state = State(Sqlite(tmp_path / "state.sqlite"))
    token = state.make_token("ann", scope="read")
    state.close()
    content = (tmp_path / "state.sqlite").read_bytes()
    assert b"ann" in content
    assert token.encode() not in content


def test_a_small_memory_is_overwritten(state: State) -> None:
    assert state.recall("x") is None
    state.remember("x", "1")
    state.remember("x", "2")
    assert state.recall("x") == "2"


def arrival(key: str, body: str = "{}", *, most: int | None = None) -> Arrival:
    return Arrival(stream="survey", key=key, body=body, most=most)


def admitted(state: State, *arrivals: Arrival) -> list[tuple[str | None, bool]]:
    places = state.admit(arrivals, at=datetime(2026, 5, 1, tzinfo=UTC), freed="\ttaken back")
    return [(place.body, place.is_new) for place in places]


def test_what_comes_again_is_told_what_stands_under_its_key(state: State) -> None:
    assert admitted(state, arrival("a", "1"), arrival("a", "2"), arrival("b", "3")) == [
        ("1", True),
        ("1", False),
        ("3", True),
    ]
    assert admitted(state, arrival("b", "4")) == [("3", False)]
    assert [event.body for event in state.events("survey")] == ["1", "3"]


def test_nothing_gets_in_without_a_place_until_one_is_given_back(state: State) -> None:
    assert [body for body, _ in admitted(state, *(arrival(key, key, most=2) for key in "abc"))] == ["a", "b", None]
    assert admitted(state, arrival("a", "x", most=2)) == [("a", False)]
    state.append("survey", [("a\ttaken back", "{}")])
    assert [body for body, _ in admitted(state, arrival("c", "c", most=2), arrival("d", "d", most=2))] == ["c", None]


def test_as_many_as_there_are_places_get_in_however_many_come_at_once(
    state: State, opened: Callable[[], Database]
) -> None:
    states = [state, State(opened())]

    def come(number: int) -> bool:
        ((body, _),) = admitted(states[number % 2], arrival(str(number), most=20))
        return body is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(come, range(60))) == 20
    assert len(state.events("survey")) == 20

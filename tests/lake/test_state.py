"""What happened around a lake: events come exactly once, reads are recorded, tokens are kept as hashes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from pumphouse.lake.state import Access, State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_event_is_stored_once_by_its_key(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    first = state.append("survey/exit", [("a", "{}")], at=NOW)
    again = state.append("survey/exit", [("a", '{"other": 1}'), ("b", "{}")], at=NOW)
    assert [event.key for event in state.events("survey/exit")] == ["a", "b"]
    assert again > first
    assert [event.key for event in state.events("survey/exit", after=first)] == ["b"]
    assert state.events("another") == ()


def test_events_are_there_for_another_process(tmp_path: Path) -> None:
    State(tmp_path / "state.sqlite").append("s", [("a", "{}")])
    assert len(State(tmp_path / "state.sqlite").events("s")) == 1


def test_threads_write_at_once(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")

    def write(thread: int) -> None:
        for number in range(20):
            state.append("s", [(f"{thread}/{number}", "{}")])
        state.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.events("s")) == 80


def test_reads_are_recorded_with_who_what_and_how_much(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    read = Access(at=NOW, who="ann", door="http", asset="orders", snapshot=7, rows=12)
    state.access(read, Access(at=NOW, who="bob", door="python", asset="customers", snapshot=7, rows=0, offered=True))
    assert state.accesses(asset="orders") == (read,)
    assert [access.who for access in state.accesses(since=NOW)] == ["ann", "bob"]


def test_a_token_is_a_person_until_it_is_revoked(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    token = state.make_token("ann", scope="read")
    person = state.who(token)
    assert person is not None
    assert (person.who, person.scope) == ("ann", "read")
    assert token.encode() not in (tmp_path / "state.sqlite").read_bytes()
    assert state.who("made up") is None
    assert state.people() == (person,)
    assert (state.revoke("ann"), state.revoke("ann")) == (1, 0)
    assert state.who(token) is None


def test_a_small_memory_is_overwritten(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    assert state.recall("x") is None
    state.remember("x", "1")
    state.remember("x", "2")
    assert state.recall("x") == "2"

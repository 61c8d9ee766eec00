from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.features.online.conftest import NOON, Home

from pumphouse.errors import Overloaded, RequestRefused, UnknownName
from pumphouse.features.online import overlay
from pumphouse.features.online.generations import current
from pumphouse.features.online.overlay import Put, framed
from pumphouse.features.online.store import Found

SOON, LATER = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.features.online.conftest import NOON, Home

store = Home(Path(sys.argv[1])).open()
for number in range(1, 100_000):
    store.put((1,), {"n": float(number)}, at=NOON + timedelta(seconds=number))
    print(number, flush=True)
"""


@pytest.fixture
def filled(home: Home) -> Home:
    home.publish({"id": [1, 2], "n": [1.0, 2.0], "s": ["a", "b"]})
    return home


def log_of(home: Home) -> Path:
    manifest = current(home.folder)
    assert manifest
    return home.folder / manifest.log


def test_newer_values_are_read_by_all_until_a_generation_is_later(filled: Home) -> None:
    one, other = filled.open(), filled.open()
    one.put((1,), {"n": None}, at=SOON)
    one.put((3,), {"s": "c"}, at=SOON)
    for keys in ([(1,), (2,), (3,)], [(1,)]):
        rows = other.read(keys, now=SOON)
        assert rows.states["n"].tolist() == [Found.NULL, Found.PRESENT, Found.MISSING][: len(keys)]
        assert rows.values["s"].tolist() == ["a", "b", "c"][: len(keys)]
        assert rows.snapshot.tolist() == [1, 1, -1][: len(keys)]
    assert other.entities([(1,)], now=SOON)[0].as_of - other.entities([(2,)], now=SOON)[0].as_of == 60_000_000
    one.put((2,), {"n": 7.0}, at=LATER + timedelta(minutes=1))
    filled.publish({"id": [1, 2], "n": [5.0, 6.0], "s": ["a", "b"]}, at=LATER)
    rows = other.read([(1,), (2,), (3,)], now=LATER)
    assert rows.states["n"].tolist() == [Found.PRESENT, Found.PRESENT, Found.MISSING]
    assert rows.values["n"][:2].tolist() == [5, 7]


def test_what_came_late_does_not_undo_what_is_newer(filled: Home) -> None:
    store = filled.open()
    store.put((1,), {"n": 2.0}, at=LATER)
    store.put((1,), {"n": 1.0, "s": "z"}, at=SOON)
    rows = store.read([(1,)], now=LATER)
    assert (rows.values["n"][0], rows.values["s"][0]) == (2, "z")
    store.put((2,), {"n": 9.0}, at=NOON - timedelta(minutes=1))
    assert store.read([(2,)], now=LATER).values["n"].tolist() == [2]


def test_a_value_of_another_type_or_column_is_refused(filled: Home) -> None:
    store = filled.open()
    for values in ({"n": "1"}, {"n": True}, {"s": 1.0}, {"s": "\ud800"}):
        with pytest.raises(RequestRefused):
            store.put((1,), values, at=SOON)
    with pytest.raises(UnknownName):
        store.put((1,), {"m": 1.0}, at=SOON)


def test_threads_write_together_and_nothing_is_lost(filled: Home) -> None:
    store = filled.open()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda one: store.put((one,), {"n": float(one)}, at=SOON), range(100, 300)))
    rows = filled.open().read([(id,) for id in range(100, 300)], now=SOON)
    assert rows.values["n"].tolist() == list(range(100, 300))


def test_a_torn_record_is_cut_and_a_changed_one_left_out(filled: Home) -> None:
    store, log = filled.open(), log_of(filled)
    for id in (1, 2, 3):
        store.put((id,), {"n": 10.0 + id}, at=SOON)
    data = log.read_bytes()
    third = len(data) // 3
    log.write_bytes(data[:-5])
    assert filled.open().read([(2,), (3,)], now=SOON).states["n"].tolist() == [Found.PRESENT, Found.MISSING]
    filled.open().put((3,), {"n": 20.0}, at=SOON)
    assert filled.open().read([(1,), (3,)], now=SOON).values["n"].tolist() == [11, 20]
    log.write_bytes(data[: third + 12] + bytes([data[third + 12] ^ 1]) + data[third + 13 :])
    assert filled.open().read([(1,), (2,), (3,)], now=SOON).values["n"].tolist() == [11, 2, 13]


def test_a_killed_writer_loses_nothing_that_it_was_told_is_written(filled: Home) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITER, filled.folder]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(30):
            process.stdout.readline()
        process.kill()
        acknowledged = 30 + len(process.stdout.read().splitlines())
    assert filled.open().read([(1,)], now=NOON).values["n"][0] >= acknowledged


def test_the_log_has_a_bound(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "LOG_BYTES_MAX", 200)
    store = filled.open()
    for _ in range(200 // len(framed(Put(key=(1,), values={"n": 1.0}, at=2**50)))):
        store.put((1,), {"n": 1.0}, at=SOON)
    with pytest.raises(Overloaded, match="wait for a generation"):
        store.put((1,), {"n": 1.0}, at=SOON)
    filled.publish({"id": [1], "n": [1.0], "s": ["a"]}, at=LATER)
    store.put((1,), {"n": 1.0}, at=LATER)


def test_who_is_hidden_is_hidden_however_the_number_is_written(filled: Home) -> None:
    store = filled.open()
    store.hide("ID", " 007.0 ")
    store.hide("id", "2x")
    store.put((7,), {"n": 1.0}, at=SOON)
    store.hide("id", "1")
    assert store.read([(1,), (2,), (7,)], now=SOON).states["n"].tolist() == [
        Found.MISSING,
        Found.PRESENT,
        Found.MISSING,
    ]
    filled.publish({"id": [2], "n": [2.0], "s": ["b"]}, at=LATER, hidden={"id": frozenset({"2"})})
    assert filled.open().read([(1,), (2,)], now=SOON).states["n"].tolist() == [Found.MISSING, Found.MISSING]

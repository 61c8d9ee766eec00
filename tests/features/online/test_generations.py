from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.features.online.conftest import NOON, Home

from pumphouse.errors import LakeError
from pumphouse.features.online.generations import DELTAS_MAX, KEPT, current
from pumphouse.features.online.store import Found

KILLS = 6
FLIPS = 60
READERS = 4
SWAPS = 25

PUBLISHER = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.features.online.conftest import NOON, Home

home, first, last, count = Home(Path(sys.argv[1])), *map(int, sys.argv[2:5])
print("ready", flush=True)
for number in range(first, last):
    ids = list(range(count))
    home.publish({"id": ids, "a": [number] * count, "b": [f"g{number}"] * count}, at=NOON + timedelta(minutes=number),
                 snapshot=number, rows_at_once=100, anew=number % 3 == 0)
"""
READER = """
import sys
from pathlib import Path
from tests.features.online.conftest import NOON, Home

store = Home(Path(sys.argv[1])).open()
print("ready", flush=True)
keys, seen = [(id,) for id in range(0, int(sys.argv[2]), 7)], 0
while seen < int(sys.argv[3]):
    rows = store.read(keys, now=NOON)
    (one,) = set(rows.values["a"])
    assert set(rows.values["b"]) == {f"g{int(one)}"}, "two generations in one read"
    assert set(rows.snapshot) == {one} and not any(rows.states["b"])
    assert one >= seen, "an older generation came back"
    seen = one
"""


def started(text: str, *arguments: object) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text, *map(str, arguments)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process.stdout as said:
        assert said.readline() == "ready\n"
    return process


def values(home: Home, *ids: int) -> list[float]:
    return list(home.open().read([(id,) for id in ids], now=NOON).values["n"])


def test_only_what_changed_is_written(home: Home) -> None:
    ids = list(range(100))
    first = home.publish({"id": ids, "n": [0.0] * 100, "s": ["x"] * 100})
    second = home.publish({"id": ids, "n": [0.0] * 99 + [1.0], "s": ["y"] + ["x"] * 99})
    third = home.publish({"id": ids[1:], "n": [0.0] * 98 + [1.0], "s": ["x"] * 99}, at=NOON + timedelta(minutes=1))
    assert [(one.changed, one.gone) for one in (first, second, third)] == [(100, 0), (2, 0), (0, 1)]
    assert [len(one.manifest.segments) for one in (first, second, third)] == [1, 2, 3]
    assert (home.folder / second.manifest.segments[0] / "rows").stat().st_size == 2 * 8 * 5
    assert home.open().read([(0,), (99,)], now=NOON).states["n"].tolist() == [Found.MISSING, Found.PRESENT]


def test_deltas_become_one_segment_and_old_files_go(home: Home) -> None:
    ids = list(range(100))
    for number in range(DELTAS_MAX * 3):
        home.publish({"id": ids, "n": [0.0] * 99 + [float(number)], "t": ["a"] * 99 + [f"t{number}"]})
        assert len(home.open()._now().segments) <= DELTAS_MAX + 1  # the bound itself
        assert values(home, 98, 99) == [0, number]
    named = current(home.folder)
    assert named
    assert len(list((home.folder / "generations").iterdir())) == KEPT
    assert len(list(home.folder.glob("segment-*"))) <= len(named.segments) + 2 * KEPT
    assert not list(home.folder.glob("new-*"))


def test_an_entity_that_left_and_came_back_is_there(home: Home) -> None:
    ids = list(range(10))
    for gone in (None, 3, None, 3, 3):
        kept = [id for id in ids if id != gone]
        home.publish({"id": kept, "n": [float(id) for id in kept]})
        state = home.open().read([(3,)], now=NOON).states["n"][0]
        assert state == (Found.MISSING if gone else Found.PRESENT)


def test_a_column_more_makes_a_generation_of_its_own(home: Home) -> None:
    home.publish({"id": [1], "n": [1.0]})
    store = home.open()
    home.publish({"id": [1], "n": [1.0], "m": [2]})
    assert store.read([(1,)], now=NOON).values["m"].tolist() == [2]


def test_any_damaged_byte_is_refused_or_changes_no_answer(homes: Callable[[], Home]) -> None:
    whole = homes()
    ids = list(range(40))
    columns = {"n": [id / 3 for id in ids], "s": [f"{id} ä\x00" * (id % 4) for id in ids], "t": ["k"] * 40}
    names = [f"key {id}" for id in ids]
    whole.publish({"id": names, **columns}, rows_at_once=40)
    keys = [(name,) for name in [*names, "nobody", ""]]
    right = whole.open().read(keys, now=NOON)
    paths = [path for path in whole.folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    chance = random.Random(7)
    refused = 0
    for number in range(FLIPS):
        copy = homes()
        shutil.copytree(whole.folder, copy.folder)
        victim = copy.folder / paths[number % len(paths)].relative_to(whole.folder)
        data = bytearray(victim.read_bytes())
        if not data:
            continue
        if number % 10 == 9:
            del data[chance.randrange(len(data)) :]
        else:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                store = copy.open()
                many, alone = store.read(keys, now=NOON), [store.read([key], now=NOON) for key in keys]
        except LakeError:
            refused += 1
            continue
        for name in ("n", "s", "t"):
            for got in (list(many.values[name]), [one.values[name][0] for one in alone]):
                assert list(map(repr, got)) == list(map(repr, right.values[name]))
    assert refused > FLIPS / 3


def test_a_damaged_generation_leaves_the_one_before_and_is_mended_by_the_next(home: Home) -> None:
    home.publish({"id": [1, 2], "n": [1.0, 2.0]})
    second = home.publish({"id": [1, 2], "n": [3.0, 4.0]}, at=NOON + timedelta(minutes=1))
    rows = home.folder / second.manifest.segments[0] / "rows"
    rows.write_bytes(bytes(len(rows.read_bytes())))
    with pytest.warns(RuntimeWarning, match="generation 1 is read"):
        assert values(home, 1, 2) == [1, 2]
    home.publish({"id": [1, 2], "n": [3.0, 4.0]}, at=NOON + timedelta(minutes=2))
    assert values(home, 1, 2) == [3, 4]


def test_a_publisher_killed_anywhere_leaves_a_whole_generation(home: Home) -> None:
    count, number, chance = 400, 1, random.Random(3)
    home.publish({"id": list(range(count)), "a": [0] * count, "b": ["g0"] * count}, snapshot=0)
    for _ in range(KILLS):
        process = started(PUBLISHER, home.folder, number, number + 1000, count)
        time.sleep(chance.random() / 4)
        process.kill()
        process.wait()
        rows = home.open().read([(id,) for id in range(count)], now=NOON)
        (seen,) = set(rows.values["a"])
        assert set(rows.values["b"]) == {f"g{int(seen)}"}
        number = int(seen) + 1
    started(PUBLISHER, home.folder, number, number + 1, count).wait()
    assert home.open().read([(5,)], now=NOON).values["a"].tolist() == [number]
    assert not list(home.folder.glob("new-*"))


def test_readers_see_whole_generations_while_these_are_swapped(home: Home) -> None:
    count = 300
    home.publish({"id": list(range(count)), "a": [0] * count, "b": ["g0"] * count}, snapshot=0)
    readers = [started(READER, home.folder, count, SWAPS) for _ in range(READERS)]
    publisher = started(PUBLISHER, home.folder, 1, SWAPS + 1, count)
    assert [process.wait() for process in (publisher, *readers)] == [0] * (READERS + 1)

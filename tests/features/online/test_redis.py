from __future__ import annotations

import math
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.features.online.conftest import NOON, Home, layout_of

from pumphouse.errors import BuildError, LakeError, RequestRefused
from pumphouse.features.online.generations import Published
from pumphouse.features.online.redis import RedisStore, client_of, current, publish
from pumphouse.features.online.store import Found
from pumphouse.lake.context import Connection

pytest.importorskip("redis", reason="no redis: pip install 'pumphouse[redis]'")
STARTS_S = 20.0
SOON = NOON + timedelta(minutes=1)
PASSWORD = "of the test"
READER = """
import sys
from pumphouse.features.online.redis import RedisStore
from tests.features.online.conftest import NOON
from tests.features.online.test_redis import client_at

store = RedisStore("s", client_at(sys.argv[1]))
print("ready", flush=True)
seen = 0
while seen < int(sys.argv[2]):
    rows = store.read([(id,) for id in range(50)], now=NOON)
    (one,) = set(rows.values["n"])
    assert one >= seen
    seen = one
"""


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("no Redis server: apt-get install redis-server")
    path = tmp_path_factory.mktemp("redis") / "socket"
    options = ["--port", "0", "--unixsocket", path, "--save", "", "--requirepass", PASSWORD, "--dir", path.parent]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + STARTS_S
        while not path.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        yield str(path)
    finally:
        server.terminate()
        server.wait(STARTS_S)


def client_at(path: str, password: str = PASSWORD) -> Any:
    return client_of(Connection(name="shared", url=f"unix://{path}", options={"password": password}))


class Shared:
    """One store in a Redis that is empty at first."""

    def __init__(self, socket: str) -> None:
        self.client = client_at(socket)
        self.client.flushall()

    def publish(self, rows: pa.Table | Mapping[str, Any], *entity: str, at: datetime = NOON, **more: Any) -> Published:
        table = rows if isinstance(rows, pa.Table) else pa.table(rows)
        layout = layout_of(table, entity or ("id",), more.pop("expiring", ()))
        given: dict[str, Any] = {"snapshot": 1} | more
        return publish("s", self.client, lambda: table.to_batches(3), layout=layout, as_of=at, **given)

    @property
    def store(self) -> RedisStore:
        return RedisStore("s", self.client)


@pytest.fixture
def shared(socket: str) -> Iterator[Shared]:
    shared = Shared(socket)
    yield shared
    shared.client.close()


def test_it_answers_as_files_do(shared: Shared, home: Home) -> None:
    moments = pa.array([SOON, None, None, None], pa.timestamp("us", tz="UTC"))
    table = pa.table(
        {
            "id": [-(2**63), 2**63 - 1, 0, 3],
            "shop": ["", "ä\x00", "b", "\U0001f600"],
            "float": [math.nan, -0.0, None, math.inf],
            "whole": pa.array([2**63 - 1, -(2**63), None, 0]),
            "truth": [True, False, None, True],
            "text": ["x", "", None, "\x00"],
            "text__expires_at": moments,
        }
    )
    keys = [(2**63 - 1, "ä\x00"), (1, "b"), (-(2**63), ""), (0, "b"), (3, "\U0001f600")]
    shared.publish(table, "id", "shop", expiring=["text"], max_age=3_600_000_000)
    home.publish(table, ("id", "shop"), expiring=["text"], max_age=3_600_000_000)
    stores = [shared.store, home.open()]
    for one in stores:
        one.put((1, "b"), {"whole": 2**62, "text": None}, at=SOON)
        one.put((0, "b"), {"float": 1.0}, at=SOON)
        one.put((0, "b"), {"float": 2.0}, at=NOON)
    for now in (NOON, SOON + timedelta(seconds=1), NOON + timedelta(hours=1, seconds=1)):
        mine, theirs = (one.read(keys, now=now) for one in stores)
        for name in mine.values:
            assert list(map(repr, mine.values[name])) == list(map(repr, theirs.values[name]))
            assert mine.states[name].tolist() == theirs.states[name].tolist()
        assert (mine.as_of.tolist(), mine.snapshot.tolist()) == (theirs.as_of.tolist(), theirs.snapshot.tolist())
        assert repr(shared.store.entities(keys, now=now)) == repr(home.open().entities(keys, now=now))
    assert shared.store.columns == home.open().columns
    assert shared.store.generation == home.open().generation


def test_only_what_changed_is_sent_and_who_left_is_gone(shared: Shared) -> None:
    ids = list(range(10))
    counts = []
    for kept, newest in ((ids, 0.0), (ids, 1.0), (ids, 1.0), (ids[1:], 1.0), (ids[1:], 1.0)):
        published = shared.publish({"id": kept, "n": [0.0] * (len(kept) - 1) + [newest]})
        counts.append((published.changed, published.gone, published.manifest.number))
    assert counts == [(10, 0, 1), (1, 0, 2), (0, 0, 2), (0, 1, 3), (0, 0, 3)]
    assert shared.store.read([(0,), (9,)], now=NOON).states["n"].tolist() == [Found.MISSING, Found.PRESENT]
    assert len(list(shared.client.scan_iter(match="*entity*"))) == 9


def test_a_publication_that_died_is_seen_by_nobody_and_its_traces_go(shared: Shared) -> None:
    shared.publish({"id": [1, 2, 3, 4], "n": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(BuildError, match="came twice"):
        shared.publish({"id": [1, 2, 3, 5, 5], "n": [9.0, 9.0, 9.0, 9.0, 9.0]})
    table = pa.table({"id": [1, 2, 5], "n": [7.0, 2.0, 7.0]})

    def dying() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        yield from (pa.record_batch({"id": [at], "n": [0.0]}) for at in range(1000, 6000))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish("s", shared.client, dying, layout=layout_of(table, ["id"]), snapshot=2, as_of=NOON)
    rows = shared.store.read([(1,), (2,), (5,), (1000,)], now=NOON)
    assert np.array_equal(rows.values["n"], [1, 2, math.nan, math.nan], equal_nan=True)
    assert shared.publish({"id": [1, 2, 3, 4], "n": [1.0, 2.0, 3.0, 5.0]}).changed == 1
    rows = shared.store.read([(1,), (4,), (5,), (1000,)], now=NOON)
    assert np.array_equal(rows.values["n"], [1, 5, math.nan, math.nan], equal_nan=True)


def test_a_column_more_makes_all_anew(shared: Shared) -> None:
    shared.publish({"id": [1, 2], "n": [1.0, 2.0]})
    assert shared.publish({"id": [1], "n": [1.0], "m": [2]}).changed == 1
    assert shared.store.read([(1,)], now=NOON).values["m"].tolist() == [2]
    assert shared.store.read([(2,)], now=NOON).states["m"].tolist() == [Found.MISSING]


def test_newer_values_go_with_a_later_generation_and_hidden_people_at_once(shared: Shared) -> None:
    shared.publish({"id": [1, 2], "n": [1.0, 2.0]})
    store = shared.store
    store.put((1,), {"n": 5.0}, at=SOON)
    store.put((2,), {"n": 6.0}, at=SOON + timedelta(minutes=2))
    store.put((7,), {"n": 7.0}, at=SOON + timedelta(minutes=2))
    store.hide("ID", "07")
    assert store.read([(1,), (2,), (7,)], now=SOON).states["n"].tolist() == [0, 0, Found.MISSING]
    shared.publish({"id": [1, 2], "n": [1.0, 2.0]}, at=SOON + timedelta(minutes=1))
    assert store.read([(1,), (2,)], now=SOON).values["n"].tolist() == [1, 6]
    assert len(list(shared.client.scan_iter(match="*newer*"))) == 1


def test_readers_see_whole_generations_while_these_are_swapped(shared: Shared, socket: str) -> None:
    shared.publish({"id": list(range(50)), "n": [0.0] * 50})
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", READER, socket, "20"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == b"ready\n"
        for number in range(1, 21):
            shared.publish({"id": list(range(50)), "n": [float(number)] * 50})
        assert reader.wait() == 0


def test_what_is_wrong_is_said(shared: Shared, socket: str) -> None:
    assert current("another", shared.client) is None
    shared.publish({"id": [1], "n": [1.0]})
    with pytest.raises(RequestRefused):
        shared.store.read([("1",)], now=NOON)
    stranger = client_at(socket, password="wrong")
    with pytest.raises(LakeError, match="does not answer"):
        current("s", stranger)
    stranger.close()

"""Answers are kept and used again only as long as the server says that they are what it would send."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN, Served, make_shop, running

from pumphouse.declare.grants import grant_spec
from pumphouse_client import Cache, Connection, Denied, connect
from pumphouse_client.cache import UNFINISHED_S, Entry


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def last_read(served: Served) -> tuple[str, int, str]:
    read = served.shop.lake.state.accesses()[-1]
    return read.asset, read.rows, read.detail


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(folder=tmp_path / "answers")


@pytest.fixture
def connection(served: Served, cache: Cache) -> Any:
    with connect(served.url, token=TOKEN, cache=cache) as connection:
        yield connection


def test_what_has_not_changed_is_not_sent_again_and_is_logged_all_the_same(
    served: Served, connection: Connection, cache: Cache
) -> None:
    first = connection.table("orders").order("order_id").to_arrow()
    assert last_read(served) == ("orders", 40, "")
    (file,) = kept(cache.folder)
    assert connection.table("orders").order("order_id").to_arrow() == first
    assert last_read(served) == ("orders", 0, "not modified")
    pinned = connection.table("orders").order("order_id").at(connection["orders"].snapshot)
    assert pinned.to_arrow() == first
    assert last_read(served) == ("orders", 0, "not modified")
    assert file in kept(cache.folder)


def test_only_its_owner_can_read_what_is_kept(connection: Connection, cache: Cache) -> None:
    connection.table("orders").to_arrow()
    (file,) = kept(cache.folder)
    assert {oct(path.stat().st_mode & 0o777) for path in (cache.folder, file.parent)} == {"0o700"}
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_a_change_is_seen_at_once(served: Served, connection: Connection) -> None:
    served.shop.fill("changing", pa.table({"n": [1]}))
    assert connection["changing"].rows == [{"n": 1}]
    served.shop.fill("changing", pa.table({"n": [2]}))
    assert connection["changing"].rows == [{"n": 2}]
    assert connection["changing"].rows == [{"n": 2}]


def test_another_value_is_another_answer(connection: Connection) -> None:
    for number in (3, 4, 3):
        assert connection.table("orders").where(order_id=number).select("order_id").rows == [{"order_id": number}]


def test_nobody_gets_what_another_was_answered(served: Served, connection: Connection, cache: Cache) -> None:
    connection.table("orders").to_arrow()
    bob = served.shop.lake.state.make_token("bob", scope="read")
    with connect(served.url, token=bob, cache=cache) as his:
        assert his["orders"].to_arrow().num_rows == 40
        assert last_read(served) == ("orders", 40, "")
        assert len({path.parent for path in kept(cache.folder)}) == 2
        served.shop.lake.state.tokens.revoke("bob")
        with pytest.raises(Denied):
            read_for_s(his, 20)


def read_for_s(connection: Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection["orders"].to_arrow()
        time.sleep(0.2)


def test_a_change_of_what_one_may_see_is_seen_at_once(tmp_path: Path, cache: Cache) -> None:
    shop = make_shop(tmp_path / "shop")
    bob, port, seen = shop.lake.state.make_token("bob", scope="read"), 0, []
    for grant in ({"to": "everyone"}, {"to": "everyone", "rows": "order_id <= 3"}, {"to": "everyone", "rows": "TRUE"}):
        shop.declare("g", "grant", "orders", spec=grant_spec("orders", **grant))
        serving, thread = running(shop, port=port)
        port = int(serving.url.rpartition(":")[2])
        with connect(serving.url, token=bob, cache=cache) as connection:
            seen.append((connection["orders"].snapshot, connection["orders"].to_arrow().num_rows))
        serving.stop()
        thread.join(20)
    shop.lake.close()
    assert len({snapshot for snapshot, _ in seen}) == 1
    assert [rows for _, rows in seen] == [40, 3, 40]


def test_what_is_not_taken_to_its_end_is_not_kept(connection: Connection, cache: Cache) -> None:
    batches = connection.sql("SELECT range AS n FROM range(300000)").to_batches()
    batches.read_next_batch()
    batches.close()
    del batches
    assert kept(cache.folder) == []


def test_a_damaged_file_is_asked_for_anew(connection: Connection, cache: Cache) -> None:
    connection.table("orders").to_arrow()
    (file,) = kept(cache.folder)
    file.write_bytes(file.read_bytes()[:-40])
    assert connection.table("orders").to_arrow().num_rows == 40
    file.write_bytes(b"")
    assert connection.table("orders").to_arrow().num_rows == 40


def test_a_folder_that_can_not_be_written_keeps_nothing_and_stops_nobody(served: Served, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with connect(served.url, token=TOKEN, cache=Cache(folder=tmp_path / "taken")) as connection:
        assert connection["orders"].to_arrow().num_rows == 40


def test_what_was_not_used_for_the_longest_time_makes_room(cache: Cache) -> None:
    batch = pa.record_batch({"n": pa.array(range(1000), pa.int64())})
    shelf = Cache(folder=cache.folder, bytes_max=10**9).of("http://127.0.0.1", "t")

    def keep(text: str) -> None:
        list(shelf.keeping(text, {}, Entry(tag=text, snapshot=1, schema=batch.schema), iter([batch])))

    for at, text in enumerate("abc"):
        keep(text)
        entry = shelf.find(text, {}, snapshot=1)
        assert entry is not None
        assert entry.path is not None
        os.utime(entry.path, (at, at))
        size = entry.path.stat().st_size
    left_behind = shelf.folder / "x.1.y.part"
    left_behind.write_bytes(b"half")
    os.utime(left_behind, (time.time() - 2 * UNFINISHED_S,) * 2)
    assert shelf.find("a", {}, snapshot=1) is not None  # it was used just now
    Cache(folder=cache.folder, bytes_max=2 * size).make_room()
    assert [shelf.find(text, {}, snapshot=None) is not None for text in "abc"] == [True, False, True]
    assert not left_behind.exists()


def test_an_answer_larger_than_all_room_is_given_and_not_kept(served: Served, tmp_path: Path) -> None:
    cache = Cache(folder=tmp_path / "small", bytes_max=100)
    with connect(served.url, token=TOKEN, cache=cache) as connection:
        assert connection["orders"].to_arrow().num_rows == 40
    assert kept(cache.folder) == []


MANY = """
import sys
from pathlib import Path
from pumphouse_client import Cache, connect
url, token, folder = sys.argv[1:]
with connect(url, token=token, cache=Cache(folder=Path(folder), bytes_max=6_000)) as connection:
    for number in range(30):
        rows = connection.table("orders").where(f"order_id > {number % 5}").to_arrow()
        assert rows.num_rows == 40 - number % 5, rows.num_rows
"""


def test_several_processes_and_threads_share_a_folder(served: Served, connection: Connection, cache: Cache) -> None:
    command = [sys.executable, "-c", MANY, served.url, TOKEN, str(cache.folder)]
    others = [subprocess.Popen(command) for _ in range(2)]
    wrong: list[int] = []

    def read() -> None:
        for number in range(30):
            rows = connection.table("orders").where(f"order_id > {number % 5}").to_arrow().num_rows
            if rows != 40 - number % 5:
                wrong.append(rows)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    assert wrong == []
    assert not [path for path in kept(cache.folder) if path.suffix == ".part"]

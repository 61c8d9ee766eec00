"""A snapshot that left the lake while a server ran: every door says the same of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

import pumphouse as ph
import pumphouse_client
from pumphouse.errors import SnapshotExpired
from pumphouse.lake.expiry import Pin, expire, to_expire
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve
from pumphouse_client.errors import NotFound

SHOP = """
import pumphouse as ph

tickets = ph.files("tickets.csv", key="ticket_id")
tickets_search = ph.search("tickets", text=["subject"])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A project that is served, and the snapshot that was read there before it left."""

    project: Project
    serving: Serving
    gone: int
    http: httpx.Client

    @property
    def words(self) -> str:
        time = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
        return (
            f"snapshot {self.gone} of {time} is not kept any more: it left the lake by the declared retention"
            rf".*The nearest that are kept are {self.gone - 1} of {time} before it,"
            f" and {self.gone + 1} of {time} after it"
        )


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    folder: Path = tmp_path_factory.mktemp("expired")
    (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    project = ph.open(str(folder))
    made = []
    for number in range(3):
        (folder / "tickets.csv").write_text(f"ticket_id,subject\n{number},Refund please\n", encoding="utf-8")
        assert not project.run("tickets" if number else "tickets_search", refetch=True).failed
        made.append(project.lake.builds()["tickets"].snapshot)
    ready: list[Serving] = []
    is_ready = threading.Event()
    options = {"port": 0, "postgres_port": 0, "on_ready": lambda one: (ready.append(one), is_ready.set())}
    thread = threading.Thread(target=serve, args=(Served(project),), kwargs=options)
    thread.start()
    assert is_ready.wait(120)
    auth = {"Authorization": f"Bearer {ready[0].token}"}
    pinned = [Pin(snapshot=one, why="the test") for one in range(made[2]) if one != made[1]]
    later = datetime.now(UTC) + timedelta(days=40)
    with httpx.Client(base_url=ready[0].url, headers=auth, timeout=20) as http:
        for address in asked(made[1]):
            assert http.get(address).status_code == 200
        expire(project.lake, lambda: to_expire(project.lake, retention=timedelta(days=30), now=later, pinned=pinned))
        yield Left(project=project, serving=ready[0], gone=made[1], http=http)
    ready[0].stop()
    thread.join(20)
    project.close()


def asked(snapshot: int) -> tuple[str, ...]:
    return (
        f"/api/tables?snapshot={snapshot}",
        f"/api/tables/tickets?snapshot={snapshot}",
        f"/api/tables/tickets/rows?snapshot={snapshot}",
        f"/api/sql?sql=FROM tickets&snapshot={snapshot}",
        f"/api/sql?sql=FROM search('tickets_search', 'refund')&snapshot={snapshot}",
        f"/api/search/tickets_search?q=refund&snapshot={snapshot}",
        f"/search/tickets_search?q=refund&snapshot={snapshot}",
    )


@pytest.mark.parametrize("number", range(len(asked(0))))
def test_http_says_which_snapshot_left_and_which_are_nearest(left: Left, number: int) -> None:
    answer = left.http.get(asked(left.gone)[number])
    assert answer.status_code == 410
    said = answer.json()
    assert_words(left, f"{said['error']} {said['mend']}")


def test_a_page_says_it_too(left: Left) -> None:
    answer = left.http.get(asked(left.gone)[-1], headers={"Accept": "text/html"})
    assert answer.status_code == 410
    assert_words(left, answer.text)


def test_postgres_says_it(left: Left) -> None:
    (url,) = (one.url for one in left.serving.doors if one.name == "postgres")
    port = int(url.rpartition(":")[2].partition("/")[0])
    token = left.project.lake.state.make_token("ann", scope="read")
    login = {"host": "127.0.0.1", "port": port, "dbname": "shop", "user": "ann", "password": token}
    with psycopg.connect(**login, autocommit=True) as session:  # type: ignore[arg-type]
        session.execute(f"SET pumphouse.snapshot = {left.gone}")
        with pytest.raises(psycopg.errors.InvalidParameterValue) as told:
            session.execute("FROM tickets")
    assert_words(left, f"{told.value.diag.message_primary} {told.value.diag.message_hint}")


def test_the_client_and_the_project_say_it(left: Left) -> None:
    here = left.project
    with pumphouse_client.connect(left.serving.url, token=left.serving.token, cache=False) as lake:
        for asks, kind in (
            (lambda: lake.table("tickets").at(left.gone).to_arrow(), NotFound),
            (lambda: lake.sql("FROM tickets", snapshot=left.gone).to_arrow(), NotFound),
            (lambda: lake.search("tickets_search", "refund", snapshot=left.gone), NotFound),
            (lambda: here["tickets"].at(left.gone).to_arrow(), SnapshotExpired),
            (lambda: here.read("tickets", snapshot=left.gone), SnapshotExpired),
            (lambda: here.sql("FROM tickets", snapshot=left.gone), SnapshotExpired),
            (lambda: here.search("tickets_search", "refund", snapshot=left.gone), SnapshotExpired),
            (lambda: here.restore("tickets", to=left.gone), SnapshotExpired),
            (lambda: here.run("tickets_search", only=True, snapshot=left.gone), SnapshotExpired),
        ):
            with pytest.raises(kind) as told:
                asks()
            assert_words(left, str(told.value))


def assert_words(left: Left, said: str) -> None:
    assert re.search(left.words, " ".join(said.split()), re.IGNORECASE), said

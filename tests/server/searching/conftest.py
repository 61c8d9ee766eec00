from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pytest

import pumphouse as ph
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve

TICKETS = """ticket_id,subject,body,account,opened_on
1,Refund please,The café machine is <b>broken</b> & leaks.,acme,2026-01-03
2,Late delivery,"My order is late. I don't want a refund, I want the order.",Acme Ltd,2026-01-05
3,"Broken, broken!",,acme,2026-01-01
4,Thanks,"Delivered on time, naïve Straße 12:30",,2026-01-07
5,Refund <script>alert('x')</script>,Late and broken,globex,2026-01-09
"""
ACCOUNTS = """account,country
acme,DE
Acme Ltd,FR
globex,US
"""
SHOP = """
import pumphouse as ph

tickets = ph.files("tickets.csv", key="ticket_id")
accounts = ph.files("accounts.csv", key="account")
tickets_search = ph.search("tickets", text=["subject", "body"], facet=["account"], sort="opened_on")
notes = ph.files("notes.csv", key="id")
notes_search = ph.search("notes", text=["words"])
part = ph.grant("notes", to="bob", rows="team = 'a'")
whole = ph.grant("notes", to="ann")
"""
NOTES = """id,words,team
1,one open word,a
2,another hidden word,b
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A real project with an index, served at every door."""

    project: Project
    serving: Serving

    def http(self, who: str) -> httpx.Client:
        token = self.project.lake.state.make_token(who, scope="read")
        return httpx.Client(base_url=self.serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)

    def flight(self, who: str, sql: str) -> list[tuple[Any, ...]]:
        token = self.project.lake.state.make_token(who, scope="read")
        options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
        url = self._url("flight")
        with adbc.connect(url, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def postgres(self, who: str, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        token = self.project.lake.state.make_token(who, scope="read")
        port = int(self._url("postgres").rpartition(":")[2].partition("/")[0])
        login = {"host": "127.0.0.1", "port": port, "dbname": "shop", "user": who, "password": token}
        with psycopg.connect(**login, autocommit=True, connect_timeout=60) as session:  # type: ignore[arg-type]
            return session.execute(sql, values or None).fetchall()

    def _url(self, door: str) -> str:
        (url,) = (one.url for one in self.serving.doors if one.name == door)
        return url


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    folder: Path = tmp_path_factory.mktemp("searched")
    (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
    for name, text in {"tickets.csv": TICKETS, "accounts.csv": ACCOUNTS, "notes.csv": NOTES, "shop.py": SHOP}.items():
        (folder / name).write_text(text, encoding="utf-8")
    project = ph.open(str(folder))
    assert not project.run().failed
    ready: list[Serving] = []
    is_ready = threading.Event()
    options = {
        "port": 0,
        "flight_port": 0,
        "postgres_port": 0,
        "on_ready": lambda serving: (ready.append(serving), is_ready.set()),
    }
    thread = threading.Thread(target=serve, args=(Served(project),), kwargs=options)
    thread.start()
    assert is_ready.wait(120)
    yield Found(project=project, serving=ready[0])
    ready[0].stop()
    thread.join(20)
    project.close()

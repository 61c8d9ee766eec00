from __future__ import annotations

import base64
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import generators
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from tests.server.conftest import TOKEN, Shop, running

from pumphouse.declare.grants import grant_spec
from pumphouse.declare.tables import Sql
from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.state import Access
from pumphouse.server.serve import Serving

CANARIES = {
    "a row that is not theirs": "kzhiddenrow5d1",
    "a masked cell": "kzmaskedcell7a9",
    "a column that is not theirs": "kzhiddencolumn3e",
    "the lake's own column": "kzrawcell1b8",
    "a quarantined cell": "kzquarantine0c3",
    "the forbidden table": "kzvaultrow8c2",
    "what is told of the forbidden table": "kzvaultdoc7d5",
    "a file beside the lake": "kzbesidefile4b6",
    "the state database": "kzstatewho9f0",
    "an environment variable": "kzenvironment2d7",
    "a setting of another session": "kzothersession6e4",
    "a statement of another session": "kzotherstatement1f",
    "the owner's token": TOKEN,
}
"""What must be in no answer, in no spelling."""
OTHERS = {canary: "qw" + canary[2:] for canary in CANARIES.values()}
"""What stands in the second world in their place."""
INTRUDER = "mallory"
ROWS, SHOWN = 20, 12


def spellings(canary: str) -> tuple[str, ...]:
    """A text as it may come out of a function, in small letters."""
    data = canary.encode()
    return canary, canary[::-1], data.hex(), base64.b64encode(data).decode().rstrip("=").lower()[:-1]


_SPELLINGS = {spelled: what for what, canary in CANARIES.items() for spelled in spellings(canary)}


def leaked(text: str) -> list[str]:
    """What of the secrets stands in a text."""
    small = text.lower()
    return [what for spelled, what in _SPELLINGS.items() if spelled in small]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a statement: its rows as text, or an error; and all that was sent, as text."""

    rows: tuple[str, ...] | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where an attack happens. In the two worlds everything is the same but what is hidden."""

    orders: str
    vault: str


WORLDS = (World(orders="orders_a", vault="vault_pay"), World(orders="orders_b", vault="vault_nil"))


@dataclass(slots=True, kw_only=True)
class Besieged:
    """A shop with secrets, its server, and the intruder's way through each door."""

    shop: Shop
    serving: Serving
    token: str
    http: httpx.Client
    doors: Mapping[str, Callable[[str, Sequence[Any]], Answer]] = field(default_factory=dict)
    handed: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    """Reads as (who, door, table, rows) by what came out of the doors."""
    untouched: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The project's files as they were before the first attack."""

    def places(self, text: str, world: World) -> str:
        """An attack's text in a world."""
        folder, lake = self.shop.folder, self.shop.lake.folder
        known = {
            "<orders>": world.orders,
            "<vault>": world.vault,
            "<csv>": str(folder / "beside.csv"),
            "<json>": str(folder / "beside.json"),
            "<parquet>": str(folder / "beside.parquet"),
            "<sqlite>": str(folder / "beside.sqlite"),
            "<out>": str(folder / "out"),
            "<state>": str(lake / "state.sqlite"),
            "<catalogue>": str(lake / "metadata.sqlite"),
            "<data>": str(lake / "data"),
            "<url>": self.serving.url,
        }
        for place, value in known.items():
            text = text.replace(place, value)
        return text

    def url(self, door: str) -> str:
        (found,) = (one.url for one in self.serving.doors if one.name == door)
        return str(found)

    def took(self, who: str, door: str, text: str, rows: int) -> None:
        """Note rows that came of a statement, as reads of the tables that it names."""
        for table in set(re.findall(r"\b(orders_[ab]|countries)\b", re.sub(r"--.*|/\*.*?\*/", "", text))):
            self.handed[(who, door, table, rows)] += 1

    def logged(self) -> Counter[tuple[str, str, str, int]]:
        """Reads as the access log has them."""
        found = self.shop.lake.state.accesses()
        return Counter((one.who, one.door, one.asset, one.rows) for one in found if one.who.startswith(INTRUDER))

    def files(self) -> dict[str, tuple[int, int]]:
        """All files of the project but the state, which logs."""
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.shop.folder.rglob("*")
            if path.is_file() and not path.name.startswith("state.") and not path.name.endswith(("-shm", "-wal"))
        }


def orders(secret: Mapping[str, str], *, far: int) -> pa.Table:
    """Orders of which those of DE are shown; what is hidden is made of `secret`."""
    ids = list(range(1, ROWS + 1))
    shown = [number <= SHOWN for number in ids]
    hidden = secret[CANARIES["a row that is not theirs"]]
    masked = secret[CANARIES["a masked cell"]]
    return pa.table(
        {
            "order_id": pa.array([n if seen else n + far for n, seen in zip(ids, shown, strict=True)], pa.int64()),
            "email": [f"{masked}{number % 3}@shop.example" for number in ids],
            "phone": [f"{masked}{'1' * (far + number % 4)}{number:02}" for number in ids],
            "joined": [f"k{masked}{number % 5}" for number in ids],
            "country": ["DE" if seen else "XX" for seen in shown],
            "note": [f"note {n}" if seen else f"{hidden} {n}" for n, seen in zip(ids, shown, strict=True)],
            "code": [str(n) if seen else hidden for n, seen in zip(ids, shown, strict=True)],
            "amount": [n / 4 if seen else 1e6 + far for n, seen in zip(ids, shown, strict=True)],
            "secret_code": [secret[CANARIES["a column that is not theirs"]]] * ROWS,
            "_raw": [secret[CANARIES["the lake's own column"]]] * ROWS,
        }
    )


def make_besieged(folder: Path) -> Shop:
    folder.mkdir()
    shop = Shop(folder=folder, lake=Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=2)))
    shop.declare("countries", "sql", spec=Sql(text="SELECT 1"), doc="Countries.")
    shop.fill("countries", pa.table({"code": ["DE", "XX", "FR"], "name": ["Germany", "Nowhere", "France"]}))
    for world, secret, far in zip(WORLDS, ({one: one for one in OTHERS}, OTHERS), (0, 100), strict=True):
        shop.declare(world.orders, "sql", spec=Sql(text="SELECT 1"), doc="Orders.")
        quarantined = {
            "row_id": "1", "column": "amount", "original": secret[CANARIES["a quarantined cell"]], "step": "money",
            "step_version": "1", "reason": "no number", "run": "run-1",
        }  # fmt: skip
        shop.fill(world.orders, orders(secret, far=far), quarantined=[quarantined])
        spec = grant_spec(
            world.orders,
            to=INTRUDER,
            columns=["order_id", "email", "phone", "joined", "country", "note", "code", "amount"],
            mask={"email": "null", "phone": "last 2", "joined": {"sql": "left(joined, 1)"}},
            rows="country = 'DE'",
        )
        shop.declare(f"{world.orders}_for_some", "grant", world.orders, spec=spec)
    vault = WORLDS[0].vault
    doc = CANARIES["what is told of the forbidden table"]
    shop.declare(vault, "sql", spec=Sql(text=f"SELECT '{doc}'"), doc=doc)
    told = [CANARIES["the forbidden table"]] * 3
    shop.fill(vault, pa.table({"pay": [1, 2, 3], "told": told}))
    shop.declare("vault_for_the_boss", "grant", vault, spec=grant_spec(vault, to="boss"))
    beside = CANARIES["a file beside the lake"]
    (folder / "beside.csv").write_text(f"a,told\n1,{beside}\n", encoding="utf-8")
    (folder / "beside.json").write_text(f'[{{"told": "{beside}"}}]', encoding="utf-8")
    pq.write_table(pa.table({"told": [beside]}), folder / "beside.parquet")
    with sqlite3.connect(folder / "beside.sqlite") as db:
        db.execute("CREATE TABLE secrets (told TEXT)")
        db.execute("INSERT INTO secrets VALUES (?)", [beside])
    db.close()
    who = CANARIES["the state database"]
    shop.lake.state.make_token(who, scope="read")
    at = shop.lake.builds()["countries"].at
    assert at is not None
    shop.lake.state.access(Access(at=at, who=who, door="http", asset=vault, snapshot=1, rows=3))
    return shop


def through_http(client: httpx.Client) -> Callable[[str, Sequence[Any]], Answer]:
    def ask(text: str, values: Sequence[Any]) -> Answer:
        answer = client.post("/api/sql", json={"sql": text, "parameters": list(values)})
        rows = tuple(map(str, answer.json()["rows"])) if answer.status_code == 200 else None
        headers = {name: value for name, value in answer.headers.items() if name not in ("date", "connection")}
        return Answer(rows=rows, said=f"{answer.status_code} {headers} {answer.text}")

    return ask


def through_flight(connection: Any) -> Callable[[str, Sequence[Any]], Answer]:
    def ask(text: str, values: Sequence[Any]) -> Answer:
        with connection.cursor() as cursor:
            try:
                cursor.execute(text, tuple(values) or None)
                table = cursor.fetch_arrow_table()
            except (adbc.Error, pa.ArrowException) as error:
                return Answer(
                    rows=None, said=f"{type(error).__name__} {error} {sorted(map(str, getattr(error, 'details', ())))}"
                )
        columns = [column.to_pylist() for column in table.columns]
        rows = tuple(map(str, zip(*columns, strict=True))) if columns else ("()",) * table.num_rows
        return Answer(rows=rows, said=f"{table.schema.to_string(show_schema_metadata=True)} {rows}")

    return ask


def through_postgres(connect: Callable[[], psycopg.Connection[Any]]) -> Callable[[str, Sequence[Any]], Answer]:
    kept = [connect()]

    def ask(text: str, values: Sequence[Any]) -> Answer:
        """Every result of a text, of the simple protocol where there are no values."""
        connection = kept[0]
        wire = connection.pgconn
        notices: list[str] = []
        wire.notice_handler = lambda notice: notices.append(str(notice.error_message))
        if values:
            numbers = count(1)
            numbered = re.sub(r"\?", lambda _: f"${next(numbers)}", text)
            wire.send_query_params(numbered.encode(), [str(value).encode() for value in values])
        else:
            wire.send_query(text.encode().partition(b"\0")[0] if "\0" in text else text.encode())
        rows, said, failed, answered = [], [], False, False
        for result in connection.wait(generators.execute(wire)):
            failed |= result.status == ExecStatus.FATAL_ERROR
            answered |= result.status in (ExecStatus.TUPLES_OK, ExecStatus.COPY_OUT)
            said.append(f"{result.status} {result.error_message} {result.command_status!r}")
            said.extend(str(result.fname(at)) for at in range(result.nfields))
            rows += [
                str([result.get_value(row, column) for column in range(result.nfields)])
                for row in range(result.ntuples)
            ]
        if wire.transaction_status != TransactionStatus.IDLE and wire.status == ConnStatus.OK:
            connection.rollback()
        if wire.status != ConnStatus.OK:
            connection.close()
            kept[0] = connect()
        is_answer = answered and not failed
        return Answer(rows=tuple(rows) if is_answer else None, said=f"{said} {rows} {notices}")

    return ask


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    os.environ["PUMPHOUSE_CANARY"] = CANARIES["an environment variable"]
    shop = make_besieged(tmp_path_factory.mktemp("besieged") / "project")
    token = shop.lake.state.make_token(INTRUDER, scope="read")
    serving, thread = running(shop, flight_port=0, postgres_port=0)
    bearer = {"Authorization": f"Bearer {token}"}
    http = httpx.Client(base_url=serving.url, headers=bearer, timeout=60)
    found = Besieged(shop=shop, serving=serving, token=token, http=http)

    def connect(user: str = INTRUDER, password: str = token, **options: Any) -> psycopg.Connection[Any]:
        port = int(found.url("postgres").rpartition(":")[2].partition("/")[0])
        return psycopg.connect(
            host="127.0.0.1", port=port, dbname="shop", user=user, password=password, autocommit=True, **options
        )

    header = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    flight = adbc.connect(found.url("flight"), db_kwargs=header, autocommit=True)
    owner = connect(serving.doors[1].url.partition("//")[2].partition("@")[0], TOKEN)
    owner.execute(f"SET application_name = '{CANARIES['a setting of another session']}'")
    owner.execute(f"SELECT '{CANARIES['a statement of another session']}'")
    found.doors = {
        "http": through_http(http),
        "flight": through_flight(flight),
        "postgres": through_postgres(connect),
    }
    found.untouched = found.files()
    yield found
    owner.close()
    flight.close()
    http.close()
    serving.stop()
    thread.join(20)
    shop.lake.close()
    del os.environ["PUMPHOUSE_CANARY"]

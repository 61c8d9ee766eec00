from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Unpack

import httpx
import pyarrow as pa
import pytest

from pumphouse.catalog.finding import Finds, Sight
from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Bet, Report, Search
from pumphouse.declare.files import Files
from pumphouse.declare.rollouts import Rollout
from pumphouse.declare.surveys import Survey
from pumphouse.declare.tables import Check, Sql
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import SqlFunction
from pumphouse.errors import Place, QueryError, UnknownName
from pumphouse.features.online.files import FileStore
from pumphouse.features.online.generations import publish
from pumphouse.features.online.layout import Column, Layout
from pumphouse.indexes.searching import Found, Hit
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Build, Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.expiry import Expiry, Pin, to_expire
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.state import Access, BuildRecord
from pumphouse.models.asked import Form
from pumphouse.models.calibration import Calibration, Part
from pumphouse.models.intervals import Mean
from pumphouse.models.operation import Caller, Operation
from pumphouse.models.performance import Gain, Performance
from pumphouse.models.predictions import Prediction, encode
from pumphouse.models.segments import Segment
from pumphouse.project.config import Access as AccessConfig
from pumphouse.project.config import ServerConfig, SignIn
from pumphouse.project.declared import Declared, declared_of
from pumphouse.project.finding import Finder
from pumphouse.project.search_calls import SearchOptions
from pumphouse.server.serve import Serving, serve
from pumphouse.sources.external.tables import ExternalTables

TOKEN = "the-owner-of-the-shop"
EXIT_SURVEY = {
    "title": "Before you go",
    "pages": [
        {
            "name": "why",
            "elements": [
                {
                    "type": "radiogroup",
                    "name": "reason",
                    "title": "What is your main reason?",
                    "isRequired": True,
                    "choices": ["price", "delivery"],
                    "showOtherItem": True,
                },
                {"type": "rating", "name": "recommend", "rateMin": 0, "rateMax": 10},
                {"type": "comment", "name": "better", "visibleIf": "{recommend} < 7", "maxLength": 200},
            ],
        },
        {
            "name": "who",
            "elements": [
                {"type": "checkbox", "name": "bought", "choices": ["rock", "jazz"]},
                {"type": "text", "name": "visits", "inputType": "number", "min": 0},
                {"type": "boolean", "name": "may_contact"},
            ],
        },
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who answers 0.25 whoever it is, from a thread of its own, as a predictor does."""

    lake: Lake
    rollout: str
    form: Form

    def submit(self, asked: Any, *, now: datetime, who: str, door: str, reasons: int, done: Any, end: Any) -> None:
        rows = self.form.rows(asked)
        threading.Thread(target=self._answer, args=(rows, now, who, door, done, end)).start()

    def _answer(self, rows: Any, now: datetime, who: str, door: str, done: Any, end: Any) -> None:
        answers = tuple(
            Prediction(
                id=row.id,
                entity={"customer_id": row.key[0]},
                as_of=now,
                prediction=0.25,
                version="returns@3",
                shadow_prediction=None,
                shadow_version=None,
                snapshot=self.lake.version("orders"),
                features={"spend": 1.5, **row.given},
                known_entity=True,
            )
            for row in rows
        )
        read = Access(at=now, who=who, door=door, asset=self.rollout, snapshot=answers[0].snapshot, rows=len(rows))
        self.lake.state.append(f"predictions/{self.rollout}", [(one.id, encode(one)) for one in answers], reads=[read])
        done(answers)
        end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    taken: int
    already: int


class Still:
    """Files that do not change."""

    def changed(self) -> None:
        return None


@dataclass(slots=True, kw_only=True)
class Shop:
    """A small project over a real lake: what the server needs of one."""

    folder: Path
    lake: Lake
    name: str = "shop"
    zone: str = "Europe/Berlin"
    assets: dict[str, Asset] = field(default_factory=dict)
    overdue: dict[str, str] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_open: bool = True
    limits: ServerConfig = field(default_factory=ServerConfig)
    sign_in: SignIn | None = None
    declarations: Still = field(default_factory=Still)

    functions: tuple[SqlFunction, ...] = ()
    finder: Finder | None = None

    @property
    def declared(self) -> Declared:
        groups = {name: tuple(people) for name, people in self.groups.items()}
        return declared_of(self.assets, AccessConfig(groups=groups, default="open" if self.is_open else "closed"))

    def settings(self) -> Mapping[str, Any]:
        return {}

    def external(self, engine: DuckDB) -> ExternalTables:
        return ExternalTables(engine, self.assets, {}, folder=self.folder)

    def declare(self, name: str, kind: Any, *inputs: str, spec: Any = None, **common: Any) -> Asset:
        self.assets[name] = Asset(
            name=name,
            kind=kind,
            spec=spec,
            common=Common(**common),
            place=Place(file=f"shop/{name}", line=1),
            inputs=inputs,
        )
        return self.assets[name]

    def fill(self, name: str, rows: pa.Table, *, quarantined: Sequence[Mapping[str, str]] = ()) -> Build:
        commit = Commit(self.lake, name, run="run-1", actor="ada")
        commit.replace(name, self.lake.stage(rows.to_batches(), rows.schema, stem=f"{name}_{uuid.uuid4().hex}"))
        if quarantined:
            ledger = pa.Table.from_pylist(list(quarantined), QUARANTINE_SCHEMA)
            staged = self.lake.stage(ledger.to_batches(), ledger.schema, stem=f"{name}_q_{uuid.uuid4().hex}")
            commit.replace_quarantine(name, staged)
        counts = Counts(rows_in=rows.num_rows, rows_out=rows.num_rows, quarantined=len(quarantined))
        built = commit.publish(counts)
        assert built is not None
        return built

    def report(self, name: str, html: str) -> Build:
        commit = Commit(self.lake, name, run="run-1", actor="ada")
        commit.artefact("page.html", self.lake.blobs.put(html.encode()), {"title": name})
        commit.artefact("by_week.csv", self.lake.blobs.put(b'week,note\r\n1,"two\r\nlines"\r\n2,one\r\n'))
        built = commit.publish(Counts(rows_out=1))
        assert built is not None
        return built

    def expiring(self) -> Expiry:
        """What a retention of 30 days would have leave in 60 days."""
        pins = [Pin(snapshot=1, why=f"orders that <{number}> was made from") for number in range(5)]
        return to_expire(
            self.lake, retention=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=60), pinned=pins
        )

    def result(self, name: str) -> str:
        return "nothing came of <it>" if self.assets[name].kind == "rollout" else ""

    def stale(self) -> Mapping[str, str]:
        return self.overdue

    def predictor(self, name: str) -> Answering:
        form = Form(
            rollout=name,
            entity={"customer_id": pa.int64()},
            request={},
            columns={"spend": "number"},
            complete=frozenset({"spend"}),
        )
        return Answering(lake=self.lake, rollout=name, form=form)

    def outcomes(self, name: str, told: Sequence[Mapping[str, Any]], *, caller: str) -> Taken:
        events = [(one["outcome_id"], json.dumps({**one, "caller": caller})) for one in told]
        before = self.lake.state.bodies(f"outcomes/{name}", [key for key, _ in events])
        self.lake.state.append(f"outcomes/{name}", events)
        return Taken(taken=len(told) - len(before), already=len(before))

    def online(self, name: str) -> FileStore:
        if name != "customers_online":
            raise UnknownName(f"there is no online '{name}'")
        home = self.folder / "online"
        if not home.exists():
            layout = Layout(
                entity=(("customer_id", "int64"),),
                columns=(Column(name="spend", type="float64"), Column(name="city", type="string")),
            )
            rows = pa.table({"customer_id": [7, 8], "spend": [1.5, None], "city": ["Köln", ""]})
            as_of = datetime(2026, 3, 1, tzinfo=UTC)
            publish(home, rows.to_batches, layout=layout, snapshot=5, as_of=as_of)
        return FileStore(name, home)

    def performance(self, name: str) -> list[Performance]:
        return [told_performance(name)]

    def hide(self, entity: str, value: str, *, why: str) -> None:
        hide(self.lake, entity=entity, value=value, why=why, run="run-2", actor="the respondent")

    def trace(self, prediction_id: str) -> Any:
        raise UnknownName(f"there is no prediction '{prediction_id}'")

    def close(self) -> None:
        """Nothing was started."""

    def matching(self, name: str, text: str, *, snapshot: int, sight: Any = None) -> pa.Table:
        raise UnknownName(f"index '{name}' was never built")

    def find(self, text: str, *, limit: int, sight: Callable[[str], Sight | None], now: datetime) -> Finds:
        if self.finder is None:
            self.finder = Finder(self.lake, self.assets, values=("orders.customer",))
        return self.finder.find(text, now=now, limit=limit, sight=sight)

    def search(
        self, name: str, text: str, *, semantic: bool = False, sight: Any = None, **asked: Unpack[SearchOptions]
    ) -> Found:
        if text.count('"') % 2:
            raise QueryError("this quote is never closed", query=text, position=text.index('"'))
        snapshot = self.lake.version("tickets")
        rows = self.lake.engine.fork().execute(
            "SELECT ticket_id, subject FROM lake.main.tickets WHERE contains(lower(subject), lower(?)) ORDER BY 1",
            [text],
        )
        found = [{"ticket_id": row[0], "subject": row[1]} for row in rows]
        hits = [Hit(key=(row["ticket_id"],), score=1.5, row=row, excerpts={}) for row in found]
        return Found(snapshot=snapshot, total=len(found), hits=tuple(hits[: asked["limit"]]), table="tickets")


EVIL = "<script>alert('x')</script>"


def told_performance(rollout: str) -> Performance:
    """How a rollout did in three months of one version, with a stranger's text wherever one could stand."""
    gain = Mean(rows=100, entities=90, value=0.05, low=0.02, high=0.08)
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9)]
    over_time = [
        Gain(
            version="returns@1",
            role="live",
            first=month,
            last=month,
            gain=gain,
            squared_error=0.1,
            squared_error_of_guess=0.15,
            said=0.2,
            came=0.25,
        )
        for month in months
    ]
    part = Part(rows=50, entities=45, said=0.2, came=0.25, low=0.15, high=0.35)
    return Performance(
        rollout=rollout, outcome="returned", task="chance", snapshot=2, version="returns@1", first=months[0],
        last=months[-1], predictions=300, judged=300, waiting=7, early=0, share=1.0, overall=(over_time[0],),
        period="month", over_time=tuple(over_time),
        segments=(Segment(by="channel", value=EVIL, gain=gain, said=0.2, came=0.3),),
        calibration=Calibration(parts=(part, replace(part, said=0.4)), error=0.05, error_by_chance=0.02), worth=(),
        operation=Operation(
            window="30 days", known=100, reached=90, answers=(), missing={}, batch_ms_per_1000=None,
            callers=(Caller(caller=EVIL, predictions=3, recent=2, last=months[-1]),), reads={},
        ),
        drift=(), skew=None, unknown=(f"why {EVIL}",),
    )  # fmt: skip


def make_shop(folder: Path) -> Shop:
    """The shop that tests and the pictures of its pages share."""
    (folder / "surveys").mkdir(parents=True)
    (folder / "surveys" / "exit.json").write_text(json.dumps(EXIT_SURVEY), encoding="utf-8")
    shop = Shop(folder=folder, lake=Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1)))
    shop.declare("raw_orders", "files", spec=Files(pattern="orders/*.csv", format=None), doc="Orders as they came.")
    shop.declare("exit_survey", "survey", spec=Survey(path="surveys/exit.json"), doc="Why customers leave.")
    (folder / "consent.md").write_text("# What becomes of it\n\nWe read it.\n\n- Nobody else\n- does", encoding="utf-8")
    exit = "surveys/exit.json"
    for name, spec in {
        "asked_first": Survey(path=exit, consent="consent.md"),
        "invited_only": Survey(path=exit, access="invited"),
        "closed_survey": Survey(path=exit, closes="2026-05-31"),
        "five_answers": Survey(path=exit, quota=5),
    }.items():
        shop.declare(name, "survey", spec=spec)
    shop.declare(
        "orders",
        "sql",
        "raw_orders",
        spec=Sql(text="SELECT order_id, customer, amount FROM raw_orders"),
        doc=f"Paid orders. One row per order; USD.\nNever trust {EVIL}",
        key=("order_id",),
    )
    shop.declare("tickets", "sql", "raw_orders", spec=Sql(text="SELECT 1"), doc="What customers wrote.")
    shop.declare(
        "no_negative", "check", "orders", spec=Check(asset="orders", condition="amount >= 0", severity="error")
    )
    shop.declare("weekly", "report", "orders", spec=Report(text="# Weekly", title="Weekly sales"), doc="Sales by week.")
    shop.declare(
        "weekly_bet",
        "bet",
        "weekly",
        spec=Bet(asset="weekly", users=("ada", "bob"), decision="which titles to reorder", check_after="30 days"),
    )
    shop.declare(
        "tickets_search",
        "search",
        "tickets",
        spec=Search(table="tickets", text=("subject",), filter=(), sort=None),
        doc="Tickets by their words.",
    )
    shop.declare("returns_live", "rollout", spec=Rollout(model="returns", shadow=None, outcome=None))
    shop.declare("customers_online", "online", doc="What is known of customers.")
    shop.fill("raw_orders", pa.table({"line": [f"{n};x" for n in range(40)]}))
    shop.fill(
        "orders",
        pa.table(
            {
                "order_id": pa.array(range(1, 41), pa.int64()),
                "customer": [EVIL, None, *(f"customer {n}" for n in range(38))],
                "amount": [float(n) / 4 for n in range(40)],
                "paid_at": pa.array([datetime(2026, 11, 1, tzinfo=UTC)] * 40, pa.timestamp("us", tz="UTC")),
                "_raw": ["abc"] * 40,
            }
        ),
        quarantined=[
            {
                "row_id": "7",
                "column": "amount",
                "original": EVIL,
                "step": "money",
                "step_version": "1",
                "reason": f"no number: {EVIL}",
                "run": "run-1",
            }
        ],
    )
    shop.fill("tickets", pa.table({"ticket_id": [1, 2], "subject": ["My order is late", f"Late again {EVIL}"]}))
    shop.report("weekly", f"<!doctype html><title>Weekly</title><h1>Weekly</h1>{EVIL}")
    shop.overdue = {"tickets": "its SQL changed", "exit_survey": "it was never built"}
    state = shop.lake.state
    started = datetime(2026, 11, 2, 9, tzinfo=UTC)
    state.run_started("run-1", command="run", actor="ada", at=started)
    state.build_logged(
        BuildRecord(
            run="run-1", asset="orders", status="built", started=started, seconds=0.4, snapshot=2, note="40 rows"
        )
    )
    state.run_finished("run-1", status="done", at=started, snapshot=2, summary=f"2 built {EVIL}")
    return shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A shop with a server in front of it, on a free port of loopback."""

    shop: Shop
    serving: Serving
    owner: httpx.Client
    """Somebody with the owner's token."""
    stranger: httpx.Client

    @property
    def url(self) -> str:
        return self.serving.url


def running(shop: Shop, **options: Any) -> tuple[Serving, threading.Thread]:
    """A server in a thread of its own, when it answers."""
    ready: list[Serving] = []
    is_ready = threading.Event()

    def note(serving: Serving) -> None:
        ready.append(serving)
        is_ready.set()

    thread = threading.Thread(
        target=serve, args=(shop,), kwargs={"port": 0, "token": TOKEN, "on_ready": note, **options}
    )
    thread.start()
    assert is_ready.wait(120)
    return ready[0], thread


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = make_shop(tmp_path_factory.mktemp("shop") / "project")
    serving, thread = running(shop, flight_port=0, postgres_port=0)
    with (
        httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as owner,
        httpx.Client(base_url=serving.url, timeout=20) as stranger,
    ):
        yield Served(shop=shop, serving=serving, owner=owner, stranger=stranger)
    serving.stop()
    thread.join(20)
    assert not thread.is_alive()
    shop.lake.close()

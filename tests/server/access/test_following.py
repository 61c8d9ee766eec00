"""Grants, groups and the default that change while the server runs are in force a few seconds later, at every door."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN

from pumphouse.declare.grants import grant_spec
from pumphouse.errors import AccessDenied, ConfigError, UnknownName
from pumphouse.project.declared import Declarations, Declared, Known, declared_of
from pumphouse.project.project import open_project
from pumphouse.project.served import Served
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.following import Following
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.serve import Serving, serve

WAIT_S = 120.0
CONFIG = 'name = "shop"\n\n[groups]\nanalysts = ["ann"]\n'
ORDERS = 'import pumphouse as ph\norders = ph.files("orders.csv")\n'
GRANT = 'seen = ph.grant("orders", to="analysts", columns=["id", "city"])\n'


def project(folder: Path, *, config: str = CONFIG, code: str = ORDERS + GRANT) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pumphouse.toml").write_text(config)
    (folder / "shop.py").write_text(code)
    (folder / "orders.csv").write_text("id,city,email\n1,Köln,a@b.de\n2,Bonn,c@d.de\n")
    return folder


def changed(declarations: Declarations) -> Declared | None:
    """What has changed, once it is still."""
    declarations.changed()
    return declarations.changed()


def test_files_that_change_are_read_anew_once_they_are_still(tmp_path: Path) -> None:
    folder = project(tmp_path / "shop")
    with open_project(folder) as opened:
        declarations = Declarations(opened.config)
        before = declared_of(opened.graph.assets, opened.config.access)
        assert changed(declarations) is None
        project(folder, config=CONFIG.replace('"ann"', '"ann", "bob"') + '[access]\ndefault = "closed"\n', code=ORDERS)
        assert declarations.changed() is None
        now = declarations.changed()
    assert now is not None
    assert (before.groups, before.is_open, "seen" in before.known) == ({"analysts": ("ann",)}, True, True)
    assert (now.groups, now.is_open, now.known.keys()) == ({"analysts": ("ann", "bob")}, False, {"orders"})
    assert before == replace(now, known=before.known, groups=before.groups, is_open=True)


def test_files_that_can_not_be_read_are_told_once_and_read_when_they_are_mended(tmp_path: Path) -> None:
    folder = project(tmp_path / "shop")
    with open_project(folder) as opened:
        declarations = Declarations(opened.config)
    project(folder, code="import pumphouse as ph\nprint('hello')\norders = ph.files(\n")
    with pytest.raises(ConfigError, match=r"shop\.py"):
        changed(declarations)
    assert changed(declarations) is None
    project(folder, code=ORDERS + "print('hello')\n")
    now = changed(declarations)
    assert now is not None
    assert now.known.keys() == {"orders"}


def test_what_can_not_be_read_is_in_the_log_and_leaves_in_force_what_was(caplog: pytest.LogCaptureFixture) -> None:
    said = threading.Event()
    before = Declared(known={}, groups={}, is_open=True)
    answers: Iterator[Any] = iter([ConfigError("a fault"), before, replace(before, groups={"g": ("ann",)})])
    put: list[Declared] = []

    def look() -> Declared | None:
        answer = next(answers, None)
        if answer is None:
            said.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    following = Following(before, look, put.append, look_s=0.0)
    with caplog.at_level(logging.INFO, logger="pumphouse.server"):
        following.start()
        assert said.wait(WAIT_S)
        following.stop()
        following.join()
    assert [one.groups for one in put] == [{"g": ("ann",)}]
    assert "stays as it was before: a fault" in caplog.text
    assert "in force: groups: g" in caplog.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    folder: Path
    served: Served
    serving: Serving
    ann: str

    def orders(self) -> Any:
        headers = {"Authorization": f"Bearer {self.ann}"}
        answer = httpx.get(f"{self.serving.url}/api/tables/orders/rows", headers=headers, timeout=WAIT_S)
        return answer.json().get("rows")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = project(tmp_path / "shop")
    ready: list[Serving] = []
    up = threading.Event()

    def on_ready(serving: Serving) -> None:
        ready.append(serving)
        up.set()

    with open_project(folder) as opened:
        opened.run()
        served = Served(opened)
        thread = threading.Thread(
            target=serve,
            args=(served,),
            kwargs={"port": 0, "token": TOKEN, "postgres_port": 0, "on_ready": on_ready},
        )
        thread.start()
        assert up.wait(WAIT_S)
        yield Site(
            folder=folder, served=served, serving=ready[0], ann=opened.lake.state.tokens.make("ann", scope="read")
        )
        ready[0].stop()
        thread.join()


def soon(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT_S
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()


def test_a_grant_that_is_taken_away_is_gone_at_each_door_without_a_restart(site: Site) -> None:
    assert site.orders() == [{"id": 1, "city": "Köln"}, {"id": 2, "city": "Bonn"}]
    (door,) = site.serving.doors
    address = door.url.replace("postgresql://", "").partition("@")[2]
    with psycopg.connect(f"postgresql://ann@{address}", password=site.ann, autocommit=True) as connection:
        assert len(connection.execute("SELECT * FROM orders", prepare=True).fetchall()) == 2
        listed = "SELECT relname FROM pg_class WHERE relname = 'orders'"
        assert connection.execute(listed).fetchall() == [("orders",)]
        project(site.folder, code=ORDERS + GRANT.replace("analysts", "nobody"))
        assert soon(lambda: site.orders() is None)
        with pytest.raises(psycopg.Error, match="has no table"):
            connection.execute("SELECT * FROM orders", prepare=True)
        assert connection.execute(listed).fetchall() == []
    project(site.folder, code=ORDERS + GRANT.replace('"id", ', ""))
    assert soon(lambda: site.orders() == [{"city": "Köln"}, {"city": "Bonn"}])


def test_whoever_leaves_a_group_sees_what_is_left_without_it(site: Site) -> None:
    assert site.orders() is not None
    project(site.folder, config=CONFIG.replace('"ann"', '"bob"'))
    assert soon(lambda: site.orders() is None)


@pytest.fixture
def shop(served: Any) -> Iterator[tuple[Any, Gate, Desk]]:
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token=TOKEN, groups={"staff": ["eve"]})
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), admits=gate.admits)
    yield shop, gate, desk
    desk.close()


def test_what_runs_ends_where_its_visitor_may_not_see_it_any_more(shop: tuple[Any, Gate, Desk]) -> None:
    project_of_shop, gate, desk = shop
    visitor = gate.visitor(project_of_shop.lake.state.tokens.make("eve", scope="read"))
    assert visitor is not None
    project_of_shop.fill("followed", pa.table({"n": pa.array(range(400_000), pa.int64())}))
    one, other = (desk.ask(visitor, f"FROM {name}", door="followed").run() for name in ("followed", "orders"))
    batches, others = iter(one), iter(other)
    taken = next(batches).num_rows
    assert taken < 400_000
    declared = project_of_shop.declared
    asset = declared.known["orders"]
    known = {**declared.known, "followed": replace(asset, inputs=())}
    grants = {"followed_closed": grant_of("followed", to="ada")}
    desk.put_in_force(desk.policies.with_declared(replace(declared, known={**known, **grants})))
    with pytest.raises(AccessDenied, match="has changed"):
        list(batches)
    one.close()
    assert sum(batch.num_rows for batch in others) == 40
    with pytest.raises(UnknownName):
        desk.ask(visitor, "FROM followed", door="followed")
    reads = [read for read in project_of_shop.lake.state.accesses(asset="followed") if read.door == "followed"]
    assert [read.rows for read in reads] == [taken]


def test_what_runs_ends_where_its_visitor_leaves_a_group(shop: tuple[Any, Gate, Desk]) -> None:
    project_of_shop, gate, desk = shop
    token = project_of_shop.lake.state.tokens.make("eve", scope="read")
    visitor = gate.visitor(token)
    assert visitor is not None
    assert visitor.groups == {"staff"}
    result = desk.ask(visitor, "FROM orders", door="regrouped").run()
    gate.regroup({"staff": []})
    assert gate.seen(token) is None
    desk.put_in_force(desk.policies.with_declared(project_of_shop.declared))
    with pytest.raises(AccessDenied, match="has changed"):
        result.read_all()


def grant_of(asset: str, *, to: str) -> Any:
    return Known(kind="grant", inputs=(asset,), grant=grant_spec(asset, to=to))

"""Tables that stay where they are, through the doors: by their names, under their grants, whatever becomes of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from tests.server.conftest import TOKEN, running

from pumphouse.errors import BadRequest, PumphouseError, UnknownName, Unreachable
from pumphouse.lake.state import Access
from pumphouse.project.project import Project, open_project
from pumphouse.project.served import Served
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse_client import connect
from pumphouse_client.errors import ClientError

ADA, BOB = Visitor(who="ada", scope="all"), Visitor(who="bob", scope="read")
TOML = """
name = "shop"
[connections.crm]
url = "sqlite:///crm.db"
[connections.warehouse]
url = "duckdb:///warehouse.duckdb"
"""
DECLARED = """
import pumphouse as ph

accounts = ph.external("accounts", connection="crm", key="id", doc="Who has an account.")
visits = ph.external("visits", connection="warehouse")
clicks = ph.external("clicks/*.parquet")
accounts_for_bob = ph.grant("accounts", to=["bob"], columns=["id", "name"], mask={"name": "null"}, rows="id > 1")
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "shop"
    (folder / "clicks").mkdir(parents=True)
    (folder / "pumphouse.toml").write_text(TOML)
    (folder / "far.py").write_text(DECLARED)
    with sqlite3.connect(folder / "crm.db") as crm:
        crm.execute("CREATE TABLE accounts (id INTEGER, name TEXT, secret TEXT)")
        crm.executemany("INSERT INTO accounts VALUES (?, ?, 'x')", [(1, "Ann"), (2, "Bo"), (3, "Cy")])
    crm.close()
    pq.write_table(pa.table({"id": [1, 2, 2]}), folder / "clicks" / "a.parquet")
    with open_project(folder) as opened:
        yield opened


@pytest.fixture
def desk(project: Project) -> Iterator[Desk]:
    served = Served(project)
    policies = Policies(project.lake, served.assets, external=served.external(project.lake.engine.fork()))
    opened = Desk(project.lake, policies, external=served.external, threads=1)
    yield opened
    opened.close()


def rows(desk: Desk, visitor: Visitor, text: str) -> list[tuple[object, ...]]:
    found = desk.ask(visitor, text, door="test").run().read_all()
    return [tuple(row.values()) for row in found.to_pylist()]


def reads(project: Project, asset: str) -> list[tuple[str, int | None, int]]:
    found: tuple[Access, ...] = project.lake.state.accesses(asset=asset)
    return [(one.who, one.snapshot, one.rows) for one in found]


def test_tables_of_different_places_are_joined_and_each_read_is_logged_without_a_snapshot(
    project: Project, desk: Desk
) -> None:
    joined = "SELECT name, count(*) FROM accounts JOIN clicks USING (id) GROUP BY name ORDER BY name"
    assert rows(desk, ADA, joined) == [("Ann", 1), ("Bo", 2)]
    assert reads(project, "accounts") == reads(project, "clicks") == [("ada", None, 2)]


def test_grant_holds_for_what_lies_elsewhere(desk: Desk) -> None:
    assert rows(desk, BOB, "FROM accounts ORDER BY id") == [(2, None), (3, None)]
    with pytest.raises(PumphouseError, match="secret"):
        rows(desk, BOB, "SELECT secret FROM accounts")
    with pytest.raises(UnknownName):
        rows(desk, Visitor(who="eve", scope="read"), "FROM accounts")


def test_what_is_read_is_what_is_there_now(project: Project, desk: Desk) -> None:
    first = desk.ask(ADA, "FROM clicks", door="test")
    assert first.run().read_all().num_rows == 3
    pq.write_table(pa.table({"id": [9]}), project.config.folder / "clicks" / "b.parquet")
    second = desk.ask(ADA, "FROM clicks", door="test")
    assert second.run().read_all().num_rows == 4
    assert first.digest != second.digest != desk.ask(ADA, "FROM clicks", door="test").digest


def test_place_that_is_missing_takes_nothing_with_it_and_is_read_once_it_is_there(project: Project, desk: Desk) -> None:
    assert rows(desk, ADA, "SELECT count(*) FROM clicks") == [(3,)]
    with pytest.raises(Unreachable, match="'visits'"):
        rows(desk, ADA, "FROM visits")
    snapshot = desk.at(None)
    assert desk.policies.visible(ADA, snapshot=snapshot) == ("accounts", "clicks", "visits")
    assert desk.policies.listed(ADA, snapshot=snapshot) == ("accounts", "clicks")
    with duckdb.connect(str(project.config.folder / "warehouse.duckdb")) as there:
        there.execute("CREATE TABLE visits AS SELECT 5 AS id")
    assert rows(desk, ADA, "FROM visits") == [(5,)]
    assert rows(desk, ADA, "SELECT count(*) FROM clicks") == [(3,)]


def test_what_is_wrong_elsewhere_is_told_to_the_log_and_to_no_visitor(
    project: Project, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    folder = project.config.folder
    with pytest.raises(Unreachable) as missing:
        rows(desk, BOB, "FROM visits")
    (folder / "clicks" / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(Unreachable) as half:
        rows(desk, BOB, "FROM clicks")
    for found in (missing.value, half.value):
        assert str(folder) not in str(found)
        assert "warehouse" not in str(found)
    assert str(folder / "warehouse.duckdb") in caplog.text
    assert "half.parquet" in caplog.text


def test_file_beside_the_declared_ones_is_out_of_reach(project: Project, desk: Desk) -> None:
    for text in (f"FROM read_parquet('{project.config.folder}/clicks/a.parquet')", "FROM 'clicks/a.parquet'"):
        with pytest.raises(PumphouseError):
            rows(desk, ADA, text)


def test_they_are_told_over_http_as_the_document_says(project: Project) -> None:
    serving, thread = running(Served(project))
    page = {"Accept": "text/html"}
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as owner:
        schemas = json.loads(owner.get("/openapi.json").text.replace("#/components/schemas/", "#/$defs/"))["components"]
        told = owner.get("/api/tables").json()
        assert "accounts" in owner.get("/", headers=page).text
        assert owner.get("/assets/accounts", headers=page).status_code == 200
    serving.stop()
    thread.join(20)
    Draft202012Validator({**schemas["schemas"]["Tables"], "$defs": schemas["schemas"]}).validate(told)
    assert [(one["name"], one["version"]) for one in told["tables"]] == [("accounts", None), ("clicks", None)]


def test_open_project_reads_them_by_their_names_too(project: Project) -> None:
    assert list(project.tables) == ["accounts", "clicks"]  # the warehouse is not there
    assert project.tables["accounts"].doc == "Who has an account."
    assert [one.name for one in project.tables["accounts"].columns] == ["id", "name", "secret"]
    assert project["accounts"].to_arrow().num_rows == 3
    assert [*project.tables] == ["accounts", "clicks"]  # there is no warehouse
    assert project.tables["accounts"].doc == "Who has an account."
    assert [column.name for column in project.tables["accounts"].columns] == ["id", "name", "secret"]
    with pytest.raises(UnknownName, match="Did you mean 'accounts'"):
        project["acounts"]
    assert project.sql("SELECT max(id) AS id FROM clicks").rows == [{"id": 2}]
    assert [(snapshot, count) for _, snapshot, count in reads(project, "accounts")] == [(None, 3)]


def test_what_has_no_snapshots_says_so_and_refuses_one(project: Project, desk: Desk) -> None:
    accounts = project["accounts"]
    assert repr(accounts) == "accounts as it is now: id int64, name string, secret string"
    assert accounts.snapshot is None
    joined = "FROM accounts JOIN clicks USING (id)"
    assert project.sql(joined).snapshot is None
    for asked in (
        lambda: accounts.at(0).rows,
        lambda: accounts.at(0).schema,
        lambda: accounts.at(0).to_duckdb(),
        lambda: project.table("accounts", snapshot=0),
        lambda: project.sql(joined, snapshot=0),
        lambda: desk.ask(ADA, joined, door="test", snapshot=0),
    ):
        with pytest.raises(BadRequest, match="has no snapshots") as refused:
            asked()
        assert "gather it" in str(refused.value)


def test_what_has_no_snapshots_says_so_over_http(project: Project) -> None:
    serving, thread = running(Served(project))
    with connect(serving.url, token=TOKEN) as connection:
        assert repr(connection.table("accounts")) == "accounts as it is now: id int64, name string, secret string"
        assert connection.table("accounts").where(id=2).rows[0]["name"] == "Bo"
        with pytest.raises(ClientError, match="has no snapshots"):
            _ = connection.table("accounts").at(0).rows
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as owner:
        assert owner.get("/api/tables/accounts.csv").headers["Pumphouse-Snapshot"] == "none"
        assert owner.get("/api/tables/accounts.csv?snapshot=0").status_code == 400
    serving.stop()
    thread.join(20)

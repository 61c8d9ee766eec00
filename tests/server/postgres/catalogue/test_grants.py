"""What is granted in part is shown in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.postgres.catalogue.conftest import Asking, Project

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.grants import grant_spec
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.policies import Policies
from pumphouse.server.postgres.catalogue.builtin import builtin
from pumphouse.server.postgres.catalogue.catalogues import Catalogues


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """People, of whom bob may see no salary, and the mail only masked; staff, of which he may see nothing."""
    lake = Lake(Location(folder=tmp_path_factory.mktemp("granted") / "lake"), engine=DuckDB(threads=1))
    project = Project(lake=lake)
    columns = "person_id BIGINT; mail VARCHAR; salary BIGINT"
    project.fill("people", columns, key=("person_id",), docs={"salary": "What they are paid."})
    project.fill("by_mail", columns, key=("mail",))
    project.fill("staff", columns, key=("person_id",))
    for name, spec in {
        "some_people": grant_spec("people", to=["bob"], columns=["person_id", "mail"], mask={"mail": "hash"}),
        "some_mail": grant_spec("by_mail", to=["bob"], columns=["person_id", "mail"], mask={"mail": "hash"}),
    }.items():
        project.assets[name] = Asset(
            name=name, kind="grant", spec=spec, common=Common(), place=Place(file="grants.py"), inputs=()
        )
    policies = Policies(lake, project.assets, is_open=False)
    yield Asking(project=project, desk=Desk(lake, policies), catalogues=Catalogues(project))
    lake.close()


def test_columns_that_are_not_granted_are_nowhere(granted: Any) -> None:
    seen = "\n".join(str(granted.rows(f"SELECT * FROM {name}", who="bob")) for name in builtin().relations)
    for hidden in ("salary", "What they are paid", "staff"):
        assert hidden not in seen, hidden
    text = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 'people' ORDER BY 1"
    assert granted.rows(text, who="bob") == [("mail", "YES"), ("person_id", "NO")]


def test_a_key_is_told_where_it_is_seen_as_it_is(granted: Any) -> None:
    text = "SELECT conname FROM pg_constraint ORDER BY 1"
    assert granted.rows(text, who="bob") == [("people_pkey",)]


def test_whoever_is_granted_nothing_has_an_empty_catalogue(granted: Any) -> None:
    assert granted.rows("SELECT relname FROM pg_class WHERE relnamespace = 2200", who="eve") == []
    assert granted.rows("SELECT count(*) FROM pg_type WHERE typnamespace = 2200", who="eve") == [(0,)]

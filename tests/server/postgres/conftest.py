from __future__ import annotations

import getpass
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.server.conftest import TOKEN, Shop

from pumphouse.server.doors import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """The shop behind a door for PostgreSQL."""

    shop: Shop
    door: Door
    owner: str

    @property
    def port(self) -> int:
        return int(self.door.url.rpartition(":")[2].partition("/")[0])

    def connect(self, *, user: str = "", password: str = TOKEN, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="shop", user=user or self.owner, password=password,
            connect_timeout=60, **options,
        )  # fmt: skip

    def read(self, asset: str) -> list[int]:
        """How many rows of an asset the owner read through this door, each time."""
        reads = self.shop.lake.state.accesses(asset=asset)
        return [one.rows for one in reads if one.door == "postgres" and one.who == self.owner]


@pytest.fixture(scope="session")
def postgres(served: Any) -> Postgres:
    (door,) = (door for door in served.serving.doors if door.name == "postgres")
    return Postgres(shop=served.shop, door=door, owner=getpass.getuser())


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    with postgres.connect(autocommit=True) as found:
        yield found

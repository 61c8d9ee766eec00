from __future__ import annotations

import getpass
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.server.conftest import Served, make_shop, running

from pumphouse.clients.address import Address, address_of


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = make_shop(tmp_path_factory.mktemp("clients") / "project")
    serving, thread = running(shop, postgres_port=0, flight_port=0)
    yield Served(shop=shop, serving=serving, owner=None, stranger=None)  # type: ignore[arg-type]
    serving.stop()
    thread.join(20)
    assert not thread.is_alive()
    shop.lake.close()


@pytest.fixture(scope="session")
def address(served: Served) -> Address:
    """Where its doors are."""
    ports = {door.name: int(door.url.rpartition(":")[2].partition("/")[0]) for door in served.serving.doors}
    found = address_of(served.url, project="shop", user=getpass.getuser())
    return replace(found, flight=ports["flight"], postgres=ports["postgres"])

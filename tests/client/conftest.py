from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import TOKEN, Served, make_shop, running

from pumphouse_client import Connection, connect


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = make_shop(tmp_path_factory.mktemp("client") / "project")
    serving, thread = running(shop)
    yield Served(shop=shop, serving=serving, owner=None, stranger=None)  # type: ignore[arg-type]
    serving.stop()
    thread.join(20)
    assert not thread.is_alive()
    shop.lake.close()


@pytest.fixture
def ours(served: Served) -> Iterator[Connection]:
    """The owner's connection, which keeps no answers."""
    with connect(served.url, token=TOKEN, cache=False) as connection:
        yield connection


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this person's settings and kept answers are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PUMPHOUSE_TOKEN", raising=False)
    return tmp_path

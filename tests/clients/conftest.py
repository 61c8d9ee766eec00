from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.conftest import Served, make_shop, running


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = make_shop(tmp_path_factory.mktemp("clients") / "project")
    serving, thread = running(shop)
    yield Served(shop=shop, serving=serving, owner=None, stranger=None)  # type: ignore[arg-type]
    serving.stop()
    thread.join(20)
    assert not thread.is_alive()
    shop.lake.close()

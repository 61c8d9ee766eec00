from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_world import World, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The shop's world as a process, shared by all tests that only read from it."""
    with running(tmp_path_factory.mktemp("world")) as world:
        yield world

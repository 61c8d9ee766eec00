from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sources.files.desk import Desk

from pumphouse.engines.duckdb import DuckDB


@pytest.fixture(scope="session")
def _engine() -> Iterator[DuckDB]:
    engine = DuckDB(threads=2, zone="Europe/Berlin")
    yield engine
    engine.close()


@pytest.fixture
def desk(tmp_path: Path, _engine: DuckDB) -> Desk:
    return Desk(tmp_path, _engine)

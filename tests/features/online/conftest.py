from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.features.online.files import FileStore
from pumphouse.features.online.generations import Published, publish
from pumphouse.features.online.layout import Column, Kind, Layout, stored_kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def layout_of(table: pa.Table, entity: Sequence[str], expiring: Sequence[str] = ()) -> Layout:
    kinds: dict[str, Kind] = {
        field.name: stored_kind(field.type, field.name)
        for field in table.schema
        if not field.name.endswith("__expires_at")
    }
    return Layout(
        entity=tuple((name, kinds[name]) for name in entity),
        columns=tuple(
            Column(name=name, type=kind, feature="f", fingerprint="1", expires=name in expiring)
            for name, kind in kinds.items()
            if name not in entity
        ),
    )


class Home:
    """The folder of one store, and short words to publish to it and read from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(
        self,
        rows: pa.Table | Mapping[str, Any],
        entity: Sequence[str] = ("id",),
        *,
        at: datetime = NOON,
        expiring: Sequence[str] = (),
        rows_at_once: int = 3,
        **more: Any,
    ) -> Published:
        table = rows if isinstance(rows, pa.Table) else pa.table(rows)
        return publish(
            self.folder,
            lambda: table.combine_chunks().to_batches(rows_at_once),
            layout=layout_of(table, entity, expiring),
            as_of=at,
            **({"snapshot": 1} | more),
        )

    def open(self) -> FileStore:
        return FileStore("customers_online", self.folder)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "customers_online")


@pytest.fixture
def homes(tmp_path: Path) -> Callable[[], Home]:
    made: list[Home] = []

    def make() -> Home:
        made.append(Home(tmp_path / f"store_{len(made)}"))
        return made[-1]

    return make

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pumphouse.declare.asset import Asset, Declaration
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.sources.surveys import build as wide
from pumphouse.sources.surveys import long
from pumphouse.sources.surveys.events import WITHDRAWN, AnswerEvent, encode
from pumphouse.sources.surveys.kept import stream_of
from pumphouse.sources.surveys.questions import read_survey


class Survey:
    """A declared survey with both its tables, and one run after the other."""

    def __init__(self, folder: Path, declaration: Declaration) -> None:
        self.folder = folder
        self.lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1))
        self.now = datetime(2026, 11, 23, 6, tzinfo=UTC)
        self.ask(declaration)

    def ask(self, declaration: Declaration) -> None:
        """Declare it, in place of what was asked before."""
        place = Place(file="gather.py")
        (part,) = declaration.parts
        self.asset = Asset(
            name="exit", kind="survey", spec=declaration.spec, common=declaration.common, place=place, fingerprint="1"
        )
        self.events = Asset(
            name="exit_events",
            kind="survey_events",
            spec=part.spec,
            common=part.common,
            place=place,
            inputs=("exit",),
            fingerprint="1",
        )
        self.assets = {"exit": self.asset, "exit_events": self.events}
        text = read_survey(self.asset, self.folder)
        self.version = hashlib.sha256(text.encode()).hexdigest()
        self.lake.blobs.put(text.encode())

    def answer(self, key: str, answers: dict[str, Any] | None = None, **told: Any) -> None:
        event = replace_unset(AnswerEvent(version=self.version, answers=answers or {}), told)
        self.lake.state.append(stream_of("exit"), [(key, encode(event))], at=self.now)

    def withdraw(self, key: str) -> None:
        event = AnswerEvent(version=self.version, withdrawn=key)
        self.lake.state.append(stream_of("exit"), [(key + WITHDRAWN, encode(event))], at=self.now)

    def run(self, **changes: Any) -> tuple[Built, Built]:
        self.now += timedelta(hours=1)
        return self.build(self.asset, wide, **changes), self.build(self.events, long, **changes)

    def build(self, asset: Asset, room: Any, **changes: Any) -> Built:
        context = Context(
            lake=self.lake,
            engine=self.lake.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            now=self.now,
            today=self.now.date(),
            run="run-1",
            actor="tester",
            snapshot=self.lake.snapshot(),
            inputs={name: self.lake.version(name) for name in asset.inputs},
        )
        built: Built = room.build(asset, replace(context, **changes))
        return built

    def rows(self, columns: str = "*", table: str = "exit", *, snapshot: int | None = None) -> list[tuple[Any, ...]]:
        scan = self.lake.scan(table, snapshot=snapshot)
        shown = ", ".join(f'"{name}"' for name in scan.columns) if columns == "*" else columns
        return self.lake.engine.fork().execute(f"SELECT {shown} FROM ({scan.relation}) ORDER BY ALL")

    def columns(self, table: str = "exit") -> list[str]:
        return [name for name in self.lake.stored_schema(table).names if not name.startswith("_")]


def replace_unset(event: AnswerEvent, told: dict[str, Any]) -> AnswerEvent:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return AnswerEvent(**(values | told))


@pytest.fixture
def surveys(tmp_path: Path) -> Iterator[Any]:
    made: list[Survey] = []

    def make(declaration: Declaration, folder: Path = tmp_path) -> Survey:
        made.append(Survey(folder, declaration))
        return made[-1]

    yield make
    for one in made:
        one.lake.close()


def as_json(value: Any) -> Any:
    return json.loads(value)

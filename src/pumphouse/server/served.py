"""What the server needs of a project, as `project.served.Served` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pumphouse.declare.asset import Asset
from pumphouse.features.online.store import OnlineStore
from pumphouse.lake.lake import Lake


class Prediction(Protocol):
    """One answer of a rollout, as `models.Prediction` is."""

    @property
    def id(self) -> str:
        """What it is called in the log, where its outcome is compared with it."""
        ...

    @property
    def prediction(self) -> float:
        """The answer itself."""
        ...

    @property
    def version(self) -> str:
        """The model version that answered: `returns@3`."""
        ...

    @property
    def snapshot(self) -> int:
        """The snapshot whose rows it saw."""
        ...


class Taken(Protocol):
    """What became of outcomes that were sent, as `models.Taken` is."""

    @property
    def taken(self) -> int:
        """How many are new."""
        ...

    @property
    def already(self) -> int:
        """How many had come before under the same id."""
        ...


class Found(Protocol):
    """What a search found."""

    @property
    def snapshot(self) -> int:
        """The snapshot that the index covers."""
        ...

    @property
    def total(self) -> int:
        """How many rows match; `rows` are the best of them."""
        ...

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:  # cells of any type
        """The rows, best first."""
        ...


class ServedProject(Protocol):
    """A project as pages and the API see it. Every member may be used from several threads at once."""

    @property
    def name(self) -> str:
        """What pages call it."""
        ...

    @property
    def zone(self) -> str:
        """The time zone of its days: "Europe/Berlin"."""
        ...

    @property
    def folder(self) -> Path:
        """Where the files are that assets name: surveys are read from it."""
        ...

    @property
    def assets(self) -> Mapping[str, Asset]:
        """All that is declared, by name."""
        ...

    @property
    def lake(self) -> Lake:
        """The lake it is built in."""
        ...

    def stale(self) -> Mapping[str, str]:
        """Assets that a run would build now, each with the reason in plain words. What is not in it is fresh."""
        ...

    def result(self, name: str) -> str:
        """What came of an asset whose result is no table, in lines that a person reads; else empty."""
        ...

    def predict(self, name: str, entity: Mapping[str, Any]) -> Prediction:  # values from JSON
        """What the rollout `name` says of an entity. It is in the log, on disk, when this returns."""
        ...

    def outcomes(self, name: str, told: Sequence[Mapping[str, Any]], *, caller: str) -> Taken:  # values from JSON
        """Take what came of predictions of the rollout `name`. They are in the log, on disk, when this returns."""
        ...

    def online(self, name: str) -> OnlineStore:
        """The online store `name`. Raises UnknownName where it is not declared or was never published."""
        ...

    def search(self, name: str, text: str, *, limit: int) -> Found:
        """Rows of the index `name` that match."""
        ...

"""What the server needs of a project, as `project.served.Served` has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from pumphouse.catalog.finding import Finds
from pumphouse.catalog.finding import Sight as CatalogueSight
from pumphouse.cleaning.diff import Diff
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import SqlFunction
from pumphouse.features.online.store import OnlineStore
from pumphouse.indexes.searching import SightAt
from pumphouse.indexes.sights import Sight
from pumphouse.lake.expiry import Expiry
from pumphouse.lake.lake import Lake
from pumphouse.models.performance import Performance
from pumphouse.models.trace import Trace
from pumphouse.project.config import ServerConfig, SignIn
from pumphouse.project.declared import Declared
from pumphouse.project.found import Found
from pumphouse.project.search_calls import SearchOptions
from pumphouse.sources.external.tables import ExternalTables

if TYPE_CHECKING:
    import pyarrow as pa


class Reason(Protocol):
    """What one feature did to a prediction, as `models.Reason` has it."""

    @property
    def feature(self) -> str: ...
    @property
    def value(self) -> float | str | None: ...
    @property
    def typical(self) -> float | str | None: ...
    @property
    def contribution(self) -> float: ...


class Prediction(Protocol):
    """One answer of a rollout, as `models.Prediction` says what each value means."""

    @property
    def id(self) -> str: ...
    @property
    def entity(self) -> Mapping[str, Any]: ...  # whole numbers or text
    @property
    def as_of(self) -> datetime: ...
    @property
    def prediction(self) -> float: ...
    @property
    def version(self) -> str: ...
    @property
    def snapshot(self) -> int: ...
    @property
    def features(self) -> Mapping[str, float | str | None]: ...
    @property
    def known_entity(self) -> bool: ...
    @property
    def role(self) -> str: ...
    @property
    def fallback(self) -> str | None: ...
    @property
    def features_from(self) -> str: ...
    @property
    def features_as_of(self) -> datetime | None: ...
    @property
    def reasons(self) -> Sequence[Reason]: ...


class Form(Protocol):
    """What a rollout is asked with: columns with their types, and its features, each "number" or "text"."""

    @property
    def entity(self) -> Mapping[str, pa.DataType]: ...
    @property
    def request(self) -> Mapping[str, pa.DataType]: ...
    @property
    def columns(self) -> Mapping[str, str]: ...


class Predictor(Protocol):
    """Who answers for one rollout."""

    @property
    def form(self) -> Form:
        """What it is asked with now."""
        ...

    def submit(
        self,
        asked: Any,  # from JSON
        *,
        now: datetime,
        who: str | None,
        door: str,
        reasons: int = 0,
        done: Callable[[Sequence[Prediction] | Exception], None],
        end: Callable[[], None],
    ) -> None:
        """Ask, and return at once; `done` is called from another thread, once the answers are in the log, on disk.

        `end` is called after that, once for all whose `end` is equal and who were answered together.

        Raises RequestRefused for what it is not asked with, Overloaded where too many wait.
        """
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


class Changing(Protocol):
    """The files of a project, which may change while it is served."""

    def changed(self) -> Declared | None:
        """What they declare now, where they have changed; None where they have not."""
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

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The groups of people, each with those who are in it whoever signs them in."""
        ...

    @property
    def sign_in(self) -> SignIn | None:
        """The OpenID provider at which people sign in; None where they have tokens alone."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether a table without a grant is there for all who may read."""
        ...

    @property
    def declared(self) -> Declared:
        """Who may see what, as it was declared when the project was read."""
        ...

    @property
    def declarations(self) -> Changing:
        """The same, as it is declared by now."""
        ...

    @property
    def limits(self) -> ServerConfig:
        """What those who ask may take."""
        ...

    def external(self, engine: DuckDB) -> ExternalTables:
        """The tables that stay where they are, as this engine reads them."""
        ...

    @property
    def functions(self) -> tuple[SqlFunction, ...]:
        """Functions that SQL may call beside the engine's own."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Values of `$name` in SQL, now."""
        ...

    def stale(self) -> Mapping[str, str]:
        """Assets that a run would build now, each with the reason in plain words. What is not in it is fresh."""
        ...

    def expiring(self) -> Expiry | None:
        """What would leave by the declared retention now, and what keeps older snapshots; None without one."""
        ...

    def result(self, name: str) -> str:
        """What came of an asset whose result is no table, in lines that a person reads; else empty."""
        ...

    def predictor(self, name: str) -> Predictor:
        """Who answers for the rollout `name`, ready to. It may take a while, the first time. Raises UnknownName."""
        ...

    def outcomes(self, name: str, told: Sequence[Mapping[str, Any]], *, caller: str) -> Taken:  # values from JSON
        """Take what came of predictions of the rollout `name`. They are in the log, on disk, when this returns."""
        ...

    def online(self, name: str) -> OnlineStore:
        """The online store `name`. Raises UnknownName where it is not declared or was never published."""
        ...

    def performance(self, name: str) -> Sequence[Performance]:
        """How the rollout `name` does, or each rollout of the model `name`."""
        ...

    def diff(self, name: str, *, sample: int) -> Diff:
        """What the cleaning of a table would do now to about `sample` rows of its input."""
        ...

    def hide(self, entity: str, value: str, *, why: str) -> None:
        """Hide whose rows have this value in the column `entity`: they leave every scan, at every snapshot, at once."""
        ...

    def trace(self, prediction_id: str) -> Trace:
        """What a prediction stands on. Raises UnknownName where there is none of this id."""
        ...

    def matching(self, name: str, text: str, *, snapshot: int, sight: Sight | None = None) -> pa.Table:
        """`_rowid` and `score` of all rows of an index that match at a snapshot, of those that `sight` shows."""
        ...

    def find(self, text: str, *, limit: int, sight: Callable[[str], CatalogueSight | None], now: datetime) -> Finds:
        """Assets that words are said of, the best first, of those that `sight` shows. Raises MissingExtra."""
        ...

    def search(
        self,
        name: str,
        text: str,
        *,
        semantic: bool = False,
        sight: SightAt | None = None,
        **asked: Unpack[SearchOptions],
    ) -> Found:
        """Rows of the index `name` that match at a snapshot, of those that `sight` shows; `semantic` is by meaning."""
        ...

    def close(self) -> None:
        """End what was started to answer. The project stays open."""
        ...

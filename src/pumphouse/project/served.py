"""A project as the server needs it: `server.served.ServedProject` is what this is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pumphouse.catalog.finding import Finds
from pumphouse.catalog.finding import Sight as CatalogueSight
from pumphouse.cleaning.diff import Diff
from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.features.online.store import OnlineStore
from pumphouse.indexes.searching import Found, SightAt, matching, search
from pumphouse.indexes.sights import Sight
from pumphouse.lake.expiry import Expiry
from pumphouse.lake.lake import Lake
from pumphouse.models.card import rollouts_of
from pumphouse.models.online import Predictor
from pumphouse.models.outcomes import Taken, take_outcomes
from pumphouse.models.performance import Performance, performance
from pumphouse.models.trace import Trace, trace
from pumphouse.project.config import SignIn
from pumphouse.project.declared import Declarations, declared_of
from pumphouse.project.embedding import Embedding
from pumphouse.project.finding import Finder
from pumphouse.project.imported import imported
from pumphouse.project.project import Project
from pumphouse.project.rehearsing import rehearse
from pumphouse.project.results import standing_text
from pumphouse.project.search_calls import SearchOptions
from pumphouse.project.searching import by_meaning
from pumphouse.project.secrets import resolved
from pumphouse.project.upkeep import expiring
from pumphouse.sources.external.tables import ExternalTables

if TYPE_CHECKING:
    import pyarrow as pa


class Served:
    """An open project whose every member may be used from several threads at once. The server writes the access log."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.declarations = Declarations(project.config)
        self.name = project.config.name
        self.zone = project.config.zone
        self.folder: Path = project.config.folder
        self.assets: Mapping[str, Asset] = project.graph.assets
        self.lake: Lake = project.lake
        self.declared = declared_of(self.assets, project.config.access)
        self.groups = project.config.access.groups
        self.limits = project.config.server
        self.sign_in = _sign_in(project)
        self.is_open = project.config.access.default == "open"
        values = project.config.found_values
        self._finder = Finder(self.lake, self.assets, values=values, external=project.external)
        self.functions = sql_functions(self.folder)
        self._embedding = Embedding(self.folder, code=lambda: imported(self.folder))

    def external(self, engine: DuckDB) -> ExternalTables:
        """The tables that stay where they are, as this engine reads them."""
        return self._project.external(engine)

    def settings(self) -> Mapping[str, Any]:
        """Values of `$name` in SQL, now."""
        return self._project.settings(datetime.now(UTC))

    def stale(self) -> Mapping[str, str]:
        """Assets that a run would build now, each with the reason in plain words."""
        return self._project.stale()

    def expiring(self) -> Expiry | None:
        """What would leave by the declared retention now, and what keeps older snapshots; None without one."""
        return expiring(self._project)

    def result(self, name: str) -> str:
        """What came of an asset whose result is no table, in lines that a person reads; else empty.

        How predictions came out is not among them: `performance` says that.
        """
        return standing_text(self.lake, self.assets, self.assets[name], folder=self.folder)

    def predictor(self, name: str) -> Predictor:
        """Who answers for a rollout, ready to. Raises UnknownName."""
        predictor = self._project.predictor(name)
        predictor.start()
        return predictor

    def outcomes(self, name: str, told: Sequence[Mapping[str, Any]], *, caller: str) -> Taken:  # values from JSON
        """Take outcomes of a rollout's predictions; they are in the log, on disk, when this returns."""
        rollout = self._project.asset(name, kind="rollout")
        return take_outcomes(self.lake, rollout, told, caller=caller, now=datetime.now(UTC))

    def online(self, name: str) -> OnlineStore:
        """The store of this name; who reads it writes the access log. Raises UnknownName."""
        return self._project.online(name).store

    def performance(self, name: str) -> Sequence[Performance]:
        """How a rollout does, or each of a model's rollouts."""
        asset = self.assets[name]
        rollouts = rollouts_of(self.assets, name) if asset.kind == "model" else [asset]
        functions = sql_functions(self.folder)
        now = datetime.now(UTC)
        return [performance(self.lake, self.assets, one, now=now, functions=functions) for one in rollouts]

    def diff(self, name: str, *, sample: int) -> Diff:
        """What the cleaning of a table would do now to about `sample` rows. Raises ConfigError for another kind."""
        return rehearse(self._project, name, sample=sample)

    def hide(self, entity: str, value: str, *, why: str) -> None:
        """Hide whose rows have this value in the column `entity` from every scan, at once."""
        self._project.hide(entity, value, why=why)

    def trace(self, prediction_id: str) -> Trace:
        """What a prediction stands on. Raises UnknownName where there is none of this id."""
        return trace(self.lake, self.assets, prediction_id, functions=sql_functions(self.folder))

    def matching(self, name: str, text: str, *, snapshot: int, sight: Sight | None = None) -> pa.Table:
        """`_rowid` and `score` of all rows of an index that match at a snapshot, of those that `sight` shows."""
        index = self._project.asset(name, kind="search")
        return matching(self.lake, index, text, snapshot=snapshot, sight=lambda at: sight).table

    def find(self, text: str, *, limit: int, sight: Callable[[str], CatalogueSight | None], now: datetime) -> Finds:
        """Assets that words are said of, the best first, of those that `sight` shows."""
        return self._finder.find(text, now=now, limit=limit, sight=sight)

    def search(
        self,
        name: str,
        text: str,
        *,
        semantic: bool = False,
        sight: SightAt | None = None,
        **asked: Unpack[SearchOptions],
    ) -> Found:
        """Rows of an index that match at a snapshot, or the page's, of those that `sight` shows.

        `semantic` finds by meaning too, with the index's function in a process of its own. Who asks writes the access
        log.
        """
        index = self._project.asset(name, kind="search")
        if semantic:
            embed = partial(self._embedding.vectors, index) if index.code else None
            return by_meaning(self.lake, index, text, embed=embed, sight=sight, **asked)
        return search(self.lake, index, text, sight=sight, **asked)

    def close(self) -> None:
        """End the processes that were started to answer."""
        self._embedding.close()


def _sign_in(project: Project) -> SignIn | None:
    """Where people sign in, with its secret in place."""
    declared = project.config.access.sign_in
    if declared is None:
        return None
    secret = resolved(declared.client_secret, folder=project.config.folder, wanted_by="sign_in.client_secret")
    return replace(declared, client_secret=secret)

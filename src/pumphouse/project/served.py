"""A project as the server needs it: `server.served.ServedProject` is what this is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pumphouse.cleaning import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.indexes.searching import Found, search
from pumphouse.lake.lake import Lake
from pumphouse.models.online import Predictor
from pumphouse.models.predictions import Prediction
from pumphouse.project.project import Project


class Served:
    """An open project whose every member may be used from several threads at once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._predictors: dict[str, Predictor] = {}
        self._lock = threading.Lock()
        self.name = project.config.name
        self.zone = project.config.zone
        self.folder: Path = project.config.folder
        self.assets: Mapping[str, Asset] = project.graph.assets
        self.lake: Lake = project.lake

    def stale(self) -> Mapping[str, str]:
        """Assets that a run would build now, each with the reason in plain words."""
        return {build.asset: ", ".join(build.reasons) for build in self._project.plan().builds}

    def predict(self, name: str, entity: Mapping[str, Any]) -> Prediction:
        """What a rollout says of an entity; it is in the log, on disk, when this returns."""
        rollout = self._of_kind(name, "rollout")
        with self._lock:
            if name not in self._predictors:
                self._predictors[name] = Predictor(
                    self.lake,
                    self.lake.engine.fork(),
                    assets=self.assets,
                    rollout=rollout,
                    functions=sql_functions(self.folder),
                )
        return self._predictors[name].predict(entity, now=datetime.now(UTC))

    def search(self, name: str, text: str, *, limit: int) -> Found:
        """Rows of an index that match, best first, as of the snapshot that it covers."""
        return search(self.lake, self._of_kind(name, "search"), text, limit=limit)

    def _of_kind(self, name: str, kind: str) -> Asset:
        known = [asset.name for asset in self.assets.values() if asset.kind == kind]
        if name not in known:
            raise UnknownName(f"there is no {kind} '{name}'", mend=did_you_mean(name, known) or f"There is {', '.join(known) or 'none'}.")
        return self.assets[name]

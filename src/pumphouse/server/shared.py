"""What all requests share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import anyio
from starlette.requests import Request

from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.server.access.admitted import Admitted, admit
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.answers import CHECKERS, AnswerCheck
from pumphouse.server.commits import Commits
from pumphouse.server.drawing import Drawing
from pumphouse.server.pace import Pace
from pumphouse.server.served import Found, ServedProject
from pumphouse.server.sheets import Sheets

COUNTS_KEPT_MAX = 10_000
STREAMS_MAX = 256
READING_MAX = 24


@dataclass(slots=True, kw_only=True)
class Shared:
    """The project and what serves it. Used from several threads at once."""

    project: ServedProject
    gate: Gate
    desk: Desk
    check: AnswerCheck
    drawing: Drawing
    sheets: Sheets
    commits: Commits
    pace: Pace = field(default_factory=Pace)
    checking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(CHECKERS))
    """Answers are checked a few at a time; those that wait hold no thread that a page could use."""
    streams: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(STREAMS_MAX))
    """Answers with rows that are under way; whoever comes beyond that is told to come again."""
    reading: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(READING_MAX))
    """Those of them that a thread works for right now: slow statements take none that a page could use."""
    withdrawing: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    _counts: dict[tuple[str, int, bool], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, table: str, version: int, *, snapshot: int) -> int:
        """How many rows a table has at a snapshot, at which its version is this one; counted once for each version."""
        lake = self.project.lake
        counted_as = table, version, table in lake.tables(snapshot=snapshot)  # a lake above has versions of its own
        counted = self._counts.get(counted_as)
        if counted is None:
            counted = lake.count(table, snapshot=snapshot)
            with self._lock:
                if len(self._counts) >= COUNTS_KEPT_MAX:
                    self._counts.clear()
                self._counts[counted_as] = counted
        return counted

    def search(self, way: Admitted, text: str, *, limit: int) -> Found:
        """What an index finds, recorded as read. Raises UnknownName where there is no such index."""
        asset = self.project.assets.get(way.asset)
        if asset is None or asset.kind != "search":
            indexes = [one.name for one in self.project.assets.values() if one.kind == "search"]
            raise UnknownName(
                f"there is no index '{way.asset}'", asset=way.asset, mend=did_you_mean(way.asset, indexes) or None
            )
        found = self.project.search(way.asset, text, limit=limit)
        way.seen(snapshot=found.snapshot, rows=len(found.rows), detail=text)
        return found

    def require_rollout(self, name: str) -> None:
        """Raise UnknownName where there is no such rollout."""
        assets = self.project.assets
        if name not in assets or assets[name].kind != "rollout":
            rollouts = [one.name for one in assets.values() if one.kind == "rollout"]
            raise UnknownName(f"there is no rollout '{name}'", asset=name, mend=did_you_mean(name, rollouts) or None)


def shared(request: Request) -> Shared:
    """What this request shares with all others."""
    found: Shared = request.scope["shared"]
    return found


def visitor_of(request: Request) -> Visitor:
    """Who asks; the guard has seen to it that there is somebody."""
    found: Visitor = request.scope["visitor"]
    return found


def reads(request: Request) -> Visitor:
    """Who asks for a page or a list. Raises AccessDenied where they may not read."""
    visitor = visitor_of(request)
    shared(request).gate.require(visitor, "read")
    return visitor


def reads_predictions(request: Request) -> Visitor:
    """Who asks what can be predicted. Raises AccessDenied where they may not predict."""
    visitor = visitor_of(request)
    shared(request).gate.require(visitor, "predict")
    return visitor


def admitted(request: Request, asset: str, *, act: str = "read", door: str) -> Admitted:
    """The way for whoever asks to read one asset. Raises AccessDenied."""
    here = shared(request)
    return admit(here.gate, here.desk, visitor_of(request), asset, act=act, door=door)

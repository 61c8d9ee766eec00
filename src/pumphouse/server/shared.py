"""What all requests share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio
from starlette.requests import Request

from pumphouse.declare.asset import Asset, Kind
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.server.access.admitted import Admitted, admit
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.access.identity import Identity
from pumphouse.server.answers import CHECKERS, AnswerCheck
from pumphouse.server.commits import Commits
from pumphouse.server.cookies import Cookies
from pumphouse.server.drawing import Drawing
from pumphouse.server.pace import Pace
from pumphouse.server.served import ServedProject
from pumphouse.server.sheets import Sheets

COUNTS_KEPT_MAX = 10_000
READING_MAX = 24
SEARCHING_MAX = 6


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
    cookies: Cookies
    identity: Identity | None = None
    """The provider at which people sign in."""
    pace: Pace = field(default_factory=Pace)
    checking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(CHECKERS))
    """Answers are checked a few at a time; those that wait hold no thread that a page could use."""
    reading: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(READING_MAX))
    """Answers with rows that a thread works for right now: slow statements take none that a page could use."""
    searching: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(SEARCHING_MAX))
    """Searches that run right now: those that wait, and those that are slow, take no thread that a page could use."""
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

    def known(self, visitor: Visitor) -> Mapping[str, Asset]:
        """The assets that a visitor may know of; no page names another to them."""
        return self.desk.policies.known(visitor)

    def require(self, visitor: Visitor, name: str, *, kind: Kind, called: str) -> Asset:
        """The asset of this kind and name. Raises UnknownName, with what it is `called`, for what is not theirs too."""
        known = self.known(visitor)
        if name not in known or known[name].kind != kind:
            near = did_you_mean(name, [one.name for one in known.values() if one.kind == kind])
            raise UnknownName(f"there is no {called} '{name}'", asset=name, mend=near or None)
        return known[name]

    def usable(self, visitor: Visitor, *, kind: Kind) -> tuple[Asset, ...]:
        """The assets of a kind that a visitor may ask or update, since the scope of their token is for that."""
        rights = self.desk.policies.rights
        found = (one for one in self.project.assets.values() if one.kind == kind)
        return tuple(one for one in found if rights.may_use(visitor, one.name))

    def require_usable(self, visitor: Visitor, name: str, *, kind: Kind) -> None:
        """Raise UnknownName where there is no such rollout or store that a visitor may ask or update."""
        asset = self.project.assets.get(name)
        if asset is None or asset.kind != kind or not self.desk.policies.rights.may_use(visitor, name):
            near = did_you_mean(name, [one.name for one in self.usable(visitor, kind=kind)])
            raise UnknownName(f"there is no {kind} '{name}'", asset=name, mend=near or None)


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


def admitted(request: Request, asset: str, *, act: str = "read", door: str) -> Admitted:
    """The way for whoever asks to read one asset. Raises AccessDenied."""
    here = shared(request)
    return admit(here.gate, here.desk, visitor_of(request), asset, act=act, door=door)

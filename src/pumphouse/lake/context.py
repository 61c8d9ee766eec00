"""What a build is given, and what it gives back. Each room's `build(asset, context) -> Built` stands on this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pumphouse.declare.asset import Asset, Declaration
from pumphouse.declare.facts import Search
from pumphouse.declare.layouts import TableLayout
from pumphouse.declare.tables import Check
from pumphouse.engines.engine import Engine, Query, Scan, SqlFunction, called_in
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.lake.builds import Build, Counts
from pumphouse.lake.checks import View, check_of
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Connection:
    """Where and how to reach an outside system. Secrets are resolved in it, so it is never printed or stored."""

    name: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)  # as pumphouse.toml has them

    def __repr__(self) -> str:
        return f"Connection(name={self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build did. `snapshot=None`: nothing changed and nothing was committed."""

    asset: str
    snapshot: int | None
    counts: Counts = field(default_factory=Counts)
    note: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, asset: str, build: Build | None, *, counts: Counts, note: str = "", warnings: tuple[str, ...] = ()
    ) -> Built:
        """What a published commit did, with what its checks warned of; `build=None` is one that changed nothing."""
        found = build.detail.get("warnings", ()) if build else ()
        return cls(
            asset=asset,
            snapshot=build.snapshot if build else None,
            counts=build.counts if build else counts,
            note=note,
            warnings=(*warnings, *found),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The world as one build sees it: a lake at one snapshot, an engine, settings, connections, a clock, an actor."""

    lake: Lake
    engine: Engine
    folder: Path
    """The project's folder."""
    assets: Mapping[str, Asset]
    """All assets of the project by name."""
    now: datetime
    """When the run began, in UTC: builds never ask a clock."""
    today: date
    """The day of `now` in the project's time zone."""
    run: str
    actor: str
    snapshot: int
    """All inputs are read at this one."""
    fingerprint: str = ""
    """Of the asset's code and settings, to be committed with the build."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """Each input with the version that is read."""
    settings: Mapping[str, Any] = field(default_factory=dict)  # values as TOML has them
    connections: Mapping[str, Connection] = field(default_factory=dict)
    functions: tuple[SqlFunction, ...] = ()
    """SQL functions of the cleaning steps that the project may call."""
    declaration: Declaration | None = None
    """With the function, for kinds written in Python."""
    mode: Literal["normal", "full", "refetch"] = "normal"
    """full: again from stored raw bytes; refetch: ask the world again."""
    window: tuple[date, date] | None = None
    """Redo only slices from the first day up to, without, the second."""
    sample: int | None = None
    """Read only about so many rows of each input, to try something out."""
    accept_schema: bool = False
    progress: Callable[[int], None] = field(default=lambda rows: None)
    """Told the number of rows done so far."""

    @property
    def zone(self) -> str:
        """The project's time zone: the setting `zone`, else UTC."""
        return str(self.settings.get("zone", "UTC"))

    @property
    def start_of_today(self) -> datetime:
        """Midnight at which `today` begins, in the project's time zone."""
        return datetime.combine(self.today, time(), tzinfo=ZoneInfo(self.zone))

    def scan(self, name: str) -> Scan:
        """The rows of an input at the run's snapshot."""
        return self.lake.scan(name, snapshot=self.snapshot, files=self.engine.dialect != "duckdb")

    def query(self, text: str, *names: str, **parameters: Any) -> Query:  # values of `$name`
        """SQL over inputs of these names; `$name` is a parameter given here, or a setting.

        `*` leaves the lake's own columns out; the text may name them.
        """
        return Query(
            text=text,
            inputs={name: self.scan(name).for_text(text) for name in names},
            parameters={**self.settings, "today": self.today, **parameters},
            functions=called_in(text, self.functions),
        )

    def begin(self, asset: Asset) -> Commit:
        """The changes of this build, to be published as one snapshot with its fingerprint and input versions.

        The checks that point at the asset are among them, their settings bound. Raises ConfigError for a setting
        without a value.
        """
        commit = Commit(
            self.lake,
            asset.name,
            run=self.run,
            actor=self.actor,
            fingerprint=self.fingerprint,
            inputs=self.inputs,
            accept_schema=self.accept_schema,
            layout=self._layout(asset),
            view=View(now=self.now, snapshot=self.snapshot, functions=self.functions),
        )
        settings = {**self.settings, "today": self.today}
        about = (one for one in self.assets.values() if isinstance(one.spec, Check) and one.spec.asset == asset.name)
        commit.check(*(check_of(one, settings) for one in about))
        return commit

    def _layout(self, asset: Asset) -> TableLayout | None:
        """How rows of its table are written: of one that is searched, so that a few of them can be read alone."""
        if asset.common.layout:
            return asset.layout
        is_searched = any(isinstance(one.spec, Search) and one.spec.table == asset.name for one in self.assets.values())
        return TableLayout() if is_searched else None

    def connection(self, name: str) -> Connection:
        """A connection of pumphouse.toml with its secrets. Raises UnknownName, with the nearest name."""
        if name not in self.connections:
            raise UnknownName(
                f"there is no connection '{name}'",
                mend=did_you_mean(name, self.connections) or f"Add [connections.{name}] to pumphouse.toml.",
            )
        return self.connections[name]

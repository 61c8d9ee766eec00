"""What a run would build and why. Nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pumphouse.declare.asset import Asset
from pumphouse.graph.assets import Graph
from pumphouse.graph.fingerprints import SpecReading, fingerprint
from pumphouse.graph.functions import CLOCK_SETTING

NOT_BUILT = frozenset({"check", "contract", "rollout", "bet", "feature", "external", "grant"})
"""Kinds that have no build: they say something about assets, or are computed within what reads them."""
_DAILY = frozenset({"label", "scores", "online", "experiment"})
"""Kinds whose content depends on the day, though they don't name it."""


class Built(Protocol):
    """What is remembered of an asset's last build."""

    @property
    def fingerprint(self) -> str:
        """Its `effective` fingerprint."""
        ...

    @property
    def inputs(self) -> Mapping[str, int]:
        """The version of each of `reads` that it saw."""
        ...

    @property
    def snapshot(self) -> int:
        """The lake's snapshot that it made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuild:
    """One build of a run: why it is needed, which planned builds come before it, and what it will read."""

    asset: str
    kind: str
    reasons: tuple[str, ...]
    after: tuple[str, ...] = ()
    inputs: tuple[tuple[str, int | None], ...] = ()
    """Each table it reads, with its rows where they are known."""
    before_checks: tuple[str, ...] = ()
    """Planned builds that come before it only because a check compares it with them: where they fail, it is built."""
    certain: bool = True
    """False where only a planned build of an input is the reason: if that changes nothing, neither does this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The builds of a run in order, and the assets that stay as they are. `str(plan)` reads well."""

    builds: tuple[PlannedBuild, ...]
    unchanged: tuple[str, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    """Of those, the ones that need not be built though what they read changed, each with what is said of it."""

    def __str__(self) -> str:
        said = [f"  {name} {words}" for name, words in self.left.items()]
        if not self.builds:
            return "\n".join([f"Nothing to build: {_count(len(self.unchanged), 'asset')} up to date.", *said])
        width = max(len(build.asset) for build in self.builds)
        lines = [f"{_count(len(self.builds), 'build')}, {_count(len(self.unchanged), 'asset')} up to date"]
        for build in self.builds:
            known = [f"{rows:,} rows of {name}" for name, rows in build.inputs if rows is not None]
            reads = f"; reads {', '.join(known)}" if known else ""
            lines.append(f"  {build.asset:<{width}}  {', '.join(build.reasons)}{reads}")
        return "\n".join([*lines, *said])

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The plan as values that JSON can hold."""
        builds = [
            {
                "asset": build.asset,
                "kind": build.kind,
                "reasons": list(build.reasons),
                "after": list(build.after),
                "inputs": dict(build.inputs),
                "certain": build.certain,
            }
            for build in self.builds
        ]
        return {"builds": builds, "unchanged": list(self.unchanged), "left": dict(self.left)}


def plan(
    graph: Graph,
    *,
    committed: Mapping[str, Built],
    versions: Mapping[str, int],
    settings: Mapping[str, object],
    due: Mapping[str, str] | None = None,
    targets: Collection[str] = (),
    only: bool = False,
    rebuild: Collection[str] = (),
    rows: Mapping[str, int] | None = None,
) -> Plan:
    """The builds that are needed now, each after those it waits for.

    `committed` holds the last build of each asset, `versions` the snapshot of each table's last change (and of a
    rollout's last promotion), `settings` all values there are. `due` names assets whose time has
    come, with the words for it ("due since 02:00"). With `targets`, only they and what they read are looked at; with
    `only`, they alone. Those in `rebuild` are built in any case. `rows` says how large tables are. Raises UnknownName.
    """
    wanted = _wanted(graph, targets, only=only)
    forced = {graph.asset(name).name for name in rebuild}
    planned: dict[str, PlannedBuild] = {}
    unchanged: list[str] = []
    for name in graph.order():
        asset = graph.assets[name]
        if name not in wanted or asset.kind in NOT_BUILT:
            continue
        reasons = list(stale(graph, name, committed=committed, versions=versions, settings=settings))
        if due and name in due:
            reasons.append(due[name])
        # To name a source or a model is to ask for it; another asset that is named is built if it is stale.
        elif name in forced or (name in targets and has_own_clock(asset)):
            reasons.append("asked for")
        after = tuple(one for one in _waits_for(graph, name) if one in planned)
        compared = tuple(one for one in graph.waits.get(name, ()) if one in planned and one not in after)
        certain = bool(reasons)
        if follows_inputs(asset) and name in committed:
            rebuilt = [one for one in reads(graph, name) if one in planned]
            reasons = [reason for reason in reasons if reason not in {f"{one} changed" for one in rebuilt}]
            reasons += [f"its input {one} will be rebuilt" for one in rebuilt]
        if reasons:
            sizes = rows or {}
            planned[name] = PlannedBuild(
                asset=name,
                kind=asset.kind,
                reasons=tuple(reasons),
                after=after,
                before_checks=compared,
                inputs=tuple((one, sizes.get(one)) for one in reads(graph, name) if graph.assets[one].makes_table),
                certain=certain,
            )
        else:
            unchanged.append(name)
    return Plan(builds=tuple(planned.values()), unchanged=tuple(unchanged))


def stale(
    graph: Graph,
    name: str,
    *,
    committed: Mapping[str, Built],
    versions: Mapping[str, int],
    settings: Mapping[str, object],
) -> tuple[str, ...]:
    """Why the asset's last build no longer stands, in plain words; empty where it does.

    A model is never stale once it has a version. Of a source, and of what has a schedule, only code and settings count
    here: their clock is `due`.
    """
    asset = graph.asset(name)
    last = committed.get(name)
    if last is None:
        return ("never built",)
    if asset.kind == "model":
        return ()
    reasons = list(_changes(last.fingerprint, effective(graph, name, settings)))
    if follows_inputs(asset):
        reasons += [
            f"{one} changed"
            for one in reads(graph, name)
            if last.inputs.get(one) != version_of(graph, one, committed=committed, versions=versions)
        ]
    return tuple(reasons)


def effective(graph: Graph, name: str, settings: Mapping[str, object]) -> str:
    """The fingerprint to record with a build: the asset's own, its settings' values, and those of features it uses.

    Readable enough to tell what changed: `code:3ab4... $today:1f2e... spend:99aa...`.
    """
    asset = graph.asset(name)
    parts = {"code": asset.fingerprint} | _settings(asset, settings)
    for one in _through(graph, name):
        used = graph.assets[one]
        parts[one] = used.fingerprint
        parts |= {f"{one}{setting}": value for setting, value in _settings(used, settings).items()}
    return " ".join(f"{part}:{value}" for part, value in parts.items())


def reads(graph: Graph, name: str) -> tuple[str, ...]:
    """The names whose versions decide an asset's content: what it reads, and what features and rollouts it uses read.

    Its own previous version, which a Python table may read, is not among them: that changes with each build.
    """
    found: dict[str, None] = {}
    for one in (name, *_through(graph, name)):
        asset = graph.assets[one]
        if asset.kind == "rollout":
            # Which version of a model is live. What judges it (the outcome) is not what it answers from.
            found[one] = None
            continue
        for read in asset.inputs:
            if read != name and graph.assets[read].kind not in NOT_BUILT and graph.assets[read].kind != "model":
                found[read] = None
    return tuple(found)


def version_of(graph: Graph, name: str, *, committed: Mapping[str, Built], versions: Mapping[str, int]) -> int | None:
    """The version of something that is read: of a table its last change, of a report or a verdict its last build."""
    if name in versions:
        return versions[name]
    last = committed.get(name)
    return last.snapshot if last and not graph.assets[name].makes_table else None


def _through(graph: Graph, name: str) -> tuple[str, ...]:
    """Features and rollouts that an asset uses, also through one another: they are computed within its own build."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        asset = graph.assets[waiting.pop()]
        for one in asset.inputs:
            kind = graph.assets[one].kind
            if kind in ("feature", "rollout") and one not in found:
                found[one] = None
                waiting.append(one)
            elif kind == "model" and asset.kind == "rollout":
                # A prediction needs the model's features; the model's own code counts once it is trained and live.
                waiting.append(one)
    return tuple(found)


def _waits_for(graph: Graph, name: str) -> tuple[str, ...]:
    models = [
        one
        for used in _through(graph, name)
        if graph.assets[used].kind == "rollout"
        for one in graph.assets[used].inputs
        if graph.assets[one].kind == "model"
    ]
    return tuple(dict.fromkeys([*reads(graph, name), *models]))


def _wanted(graph: Graph, targets: Collection[str], *, only: bool) -> Collection[str]:
    if not targets:
        return graph.assets
    wanted = {graph.asset(name).name for name in targets}
    if not only:
        wanted |= {one for name in targets for one in graph.upstream(name)}
    return wanted


def has_own_clock(asset: Asset) -> bool:
    """Whether it is built when it is asked for or due, and not because something it reads changed."""
    return asset.is_gathered or asset.kind == "model" or asset.common.every is not None


def follows_inputs(asset: Asset) -> bool:
    """Whether it is built when something it reads changed: also an API that is asked about each row of a table."""
    return not has_own_clock(asset) or (asset.kind == "api" and bool(asset.inputs) and asset.common.every is None)


def _settings(asset: Asset, settings: Mapping[str, object]) -> dict[str, str]:
    names = dict.fromkeys(asset.settings)
    if asset.kind in _DAILY and not asset.common.every:
        names[CLOCK_SETTING] = None
    # One that has no value here keeps the default in its function, which is part of the code.
    return {f"${name}": fingerprint(SpecReading().value(settings[name]))[:8] for name in names if name in settings}


def only_the_day_is_other(old: str, new: str) -> bool:
    """Whether two fingerprints differ in the day alone."""
    return list(_changes(old, new)) == [f"setting {CLOCK_SETTING} changed"]


def _changes(old: str, new: str) -> Iterator[str]:
    before = dict(part.rpartition(":")[::2] for part in old.split())
    after = dict(part.rpartition(":")[::2] for part in new.split())
    for part in {**after, **before}:
        if before.get(part) != after.get(part):
            used, dollar, setting = part.partition("$")
            if dollar:
                yield f"setting {setting} of {used} changed" if used else f"setting {setting} changed"
            else:
                yield "its code changed" if part == "code" else f"{used} changed"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"

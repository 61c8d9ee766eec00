"""Which assets the world says are due: a clock, a file that changed, an answer that arrived, an index that broke."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from pumphouse.declare.asset import Asset
from pumphouse.errors import ConfigError, Fault
from pumphouse.experiments.exposures import exposures_of
from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import NOT_BUILT, has_own_clock, reads, stale
from pumphouse.indexes.standing import harm
from pumphouse.lake.builds import Build, place_of
from pumphouse.lake.lake import Lake
from pumphouse.project.config import Config
from pumphouse.project.following import as_followed, left_to_searches
from pumphouse.project.schedule import Every, parse_every
from pumphouse.sources.files.build import changed as files_changed
from pumphouse.sources.messages.build import waits as messages_wait
from pumphouse.sources.surveys.kept import stream_of

AGAIN, AGAIN_MAX = timedelta(minutes=1), timedelta(hours=1)
"""How long after its first failure a due asset is tried again, and after many."""
DOUBLINGS_MAX = 10


def schedule_faults(graph: Graph, config: Config) -> list[Fault]:
    """A fault for each `every` that is no schedule."""
    faults = []
    for asset in graph.assets.values():
        if asset.common.every is not None:
            try:
                _every(asset, config)
            except ConfigError as error:
                faults.append(Fault(what=error.what, place=asset.place, mend=error.mend or "", asset=asset.name))
    return faults


def due_assets(graph: Graph, lake: Lake, config: Config, *, now: datetime) -> dict[str, str]:
    """Names that are due, each with the reason in plain words. What has a schedule and was never built is due."""
    builds = lake.builds()
    found: dict[str, str] = {}
    for asset in graph.assets.values():
        last = builds.get(asset.name)
        if last is None:
            if asset.common.every is not None:
                found[asset.name] = "never built"
        elif asset.common.every is not None:
            every = _every(asset, config)
            checked = last_checked(lake, asset.name) or last.at
            if every.is_due(checked, now=now):
                since = every.due_at(checked)
                found[asset.name] = f"due since {since:%Y-%m-%d %H:%M} UTC" if since else "due"
        elif asset.kind == "files" and files_changed(asset, lake, config.folder):
            found[asset.name] = "its files changed"
        elif asset.kind == "survey" and lake.state.events(stream_of(asset.name), after=int(last.cursor or 0), limit=1):
            found[asset.name] = "answers arrived"
        elif asset.kind == "messages" and messages_wait(asset, lake):
            found[asset.name] = "messages arrived"
        elif asset.kind == "experiment" and _exposed_since(last, lake):
            found[asset.name] = "more was exposed to it"
        elif asset.kind == "search" and (harmed := harm(lake, asset.name)):
            found[asset.name] = harmed
    for name in _holding_hidden(graph, lake):  # who asks to be forgotten waits for no clock
        if graph.assets[name].kind not in NOT_BUILT and graph.assets[name].kind != "model":
            found.setdefault(name, "a person was hidden")
    return found


def _holding_hidden(graph: Graph, lake: Lake) -> Iterator[str]:
    """Assets that were built from rows of somebody who is hidden by now, and all that is made from them.

    A model is not trained anew for it, so what a model says is not made anew either.
    """
    hidden = lake.hidden_tables()
    for name, build in lake.builds().items() if hidden else ():
        if name not in graph.assets or graph.assets[name].kind == "model":
            continue
        if any(hidden.get(read, 0) > version for read, version in build.inputs.items()):
            yield from (name, *graph.downstream(name))


def _exposed_since(last: Build, lake: Lake) -> bool:
    lakes_up, changed = place_of(lake.versions().get(exposures_of(last.asset), 0))
    return not lakes_up and changed > last.snapshot


def left_behind(
    graph: Graph,
    lake: Lake,
    *,
    versions: Mapping[str, int],
    settings: Mapping[str, object],
    now: datetime,
) -> tuple[str, ...]:
    """Assets without a clock that an earlier run should have built after their inputs, and failed or was killed.

    Left out are those that failed just now, and those that would be built from something that did.
    """
    left = left_to_searches(graph, lake, versions=versions, now=now)
    committed = as_followed(lake.builds(), left, versions=versions)
    stale_now: dict[str, tuple[str, ...]] = {}
    found = []
    for name in graph.order():
        asset = graph.assets[name]
        if asset.kind in NOT_BUILT:
            continue
        stale_now[name] = stale(graph, name, committed=committed, versions=versions, settings=settings)
        if not stale_now[name] or has_own_clock(asset) or not _follows(graph, name, committed, stale_now[name]):
            continue
        if all(_is_ripe(lake, one, now=now) for one in (name, *graph.upstream(name)) if stale_now.get(one)):
            found.append(name)
    return tuple(found)


def _follows(graph: Graph, name: str, committed: Mapping[str, Build], reasons: tuple[str, ...]) -> bool:
    """Whether it is stale because of what it reads, and not because a person changed it."""
    inputs = reads(graph, name)
    if name in committed:
        return any(f"{one} changed" in reasons for one in inputs)
    return any(one in committed for one in inputs)


def with_followers(graph: Graph, due: Iterable[str]) -> tuple[str, ...]:
    """The due assets and those made from them; what has a clock of its own waits for that."""
    found = dict.fromkeys(due)
    for name in list(found):
        for follower in graph.downstream(name):
            asset = graph.assets[follower]
            if asset.kind not in NOT_BUILT and not has_own_clock(asset):
                found.setdefault(follower)
    return tuple(found)


def ripe(due: Mapping[str, str], lake: Lake, *, now: datetime) -> dict[str, str]:
    """Those due assets that did not fail just now: one that keeps failing is tried less and less often."""
    return {name: reason for name, reason in due.items() if _is_ripe(lake, name, now=now)}


def last_checked(lake: Lake, asset: str) -> datetime | None:
    """When a run last looked at the asset, changed or not. Only a memory: without it, the last build counts."""
    text = lake.state.recall(f"checked:{asset}")
    return datetime.fromisoformat(text) if text else None


def remember_checked(lake: Lake, asset: str, at: datetime) -> None:
    """Remember that a run looked at the asset."""
    lake.state.remember(f"checked:{asset}", at.isoformat())


def remember_failed(lake: Lake, asset: str, at: datetime) -> None:
    """Remember that the asset failed once more since it last worked."""
    times, _, _ = (lake.state.recall(f"failed:{asset}") or "0").partition(" ")
    lake.state.remember(f"failed:{asset}", f"{int(times) + 1} {at.isoformat()}")


def failures(lake: Lake, asset: str) -> int:
    """How often the asset has failed since it last worked."""
    times, _, _ = (lake.state.recall(f"failed:{asset}") or "0").partition(" ")
    return int(times)


def next_run(asset: Asset, lake: Lake, config: Config) -> datetime | None:
    """When its schedule has it next, also where that is past; None without one, or where it never ran."""
    if asset.common.every is None:
        return None
    last = lake.builds().get(asset.name)
    return _every(asset, config).due_at(last_checked(lake, asset.name) or (last.at if last else None))


def has_failed(lake: Lake, asset: str) -> bool:
    """Whether the asset has failed since it last worked."""
    return bool(lake.state.recall(f"failed:{asset}"))


def forget_failed(lake: Lake, asset: str) -> None:
    """Remember that the asset works."""
    if has_failed(lake, asset):
        lake.state.remember(f"failed:{asset}", "")


def _is_ripe(lake: Lake, asset: str, *, now: datetime) -> bool:
    return now >= (_not_before(lake, asset) or now)


def _not_before(lake: Lake, asset: str) -> datetime | None:
    times, _, at = (lake.state.recall(f"failed:{asset}") or "").partition(" ")
    if not times:
        return None
    doublings = min(int(times) - 1, DOUBLINGS_MAX)
    return datetime.fromisoformat(at) + min(AGAIN * (1 << doublings), AGAIN_MAX)


def _every(asset: Asset, config: Config) -> Every:
    assert asset.common.every is not None
    try:
        return parse_every(asset.common.every, zone=config.zone)
    except ConfigError as error:
        error.asset, error.place = asset.name, asset.place
        raise

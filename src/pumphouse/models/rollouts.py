"""Who answers for whom: the arms of a rollout as the lake pins them, and the arm of each entity.

An entity's place on a line from 0 to 1 is a hash of the rollout's name and its key. A canary answers for places below
its share, a challenger for those from the other end, the live version for the rest. So an entity stays in its arm
whatever the batch, the process or the day, and a share that grows only adds entities to its arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.shares import place, places
from pumphouse.errors import UnknownName
from pumphouse.features.online.store import Key
from pumphouse.lake.builds import Build
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake
from pumphouse.models.pins import Pins, pins_among
from pumphouse.models.predictions import Role
from pumphouse.models.registry import Version, version_among

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STOPPED = "stopped"
"""The name of a rollout's artefacts that say that a canary or a challenger was stopped."""
BETWEEN = "\x1f"
"""Between the columns of a composite key, where it is hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One version that answers, for which share of the entities, and since when."""

    role: Role
    version: Version
    share: float
    since: datetime
    pin: str
    """The decision that it answers by. One that is made anew counts as another arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A guardrail that was broken, and what was done: entities of the arm went back to the live version.

    `role` "live" is a version that was just promoted: then the version before it answers again.
    """

    rollout: str
    role: Role
    version: str
    pin: str
    guardrail: str
    """One of the three by its name: errors, latency_ms_p99, shift."""
    bound: float
    seen: float
    """What was seen of it."""
    sure: float
    """What it surely is at least: this passed the bound."""
    requests: int
    """How many requests, or entities for the shift, this was seen of."""
    at: datetime

    @property
    def why(self) -> str:
        """The reason as a sentence."""
        seen, bound = (_amount(self.guardrail, value) for value in (self.seen, self.bound))
        of = "entities" if self.guardrail == "shift" else "requests"
        words = {
            "errors": f"{seen} of its requests failed; the guardrail is {bound}",
            "latency_ms_p99": f"one in a hundred requests took longer than {seen}; the guardrail is {bound}",
            "shift": f"its predictions are {seen} away from the live version's; the guardrail is {bound}",
        }
        return f"{words[self.guardrail]} (seen of {self.requests:,} {of})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Who answers for a rollout. `pick` says it of each entity."""

    rollout: str
    live: Arm
    before: Version | None
    """The version that a rollback would bring back."""
    canary: Arm | None
    challenger: Arm | None
    shadow: Version | None
    """Asked for everybody, and its answers are only kept."""
    stopped: tuple[Stop, ...]
    """Arms that would answer, had they not been stopped."""

    @property
    def answering(self) -> tuple[Arm, ...]:
        """The arms that have a share, the live one first."""
        return tuple(arm for arm in (self.live, self.canary, self.challenger) if arm is not None)

    def pick(self, keys: Sequence[Key]) -> NDArray[np.str_]:
        """The role for each entity: "live", "canary" or "challenger"."""
        if self.canary is None and self.challenger is None:
            return self._roles(len(keys))
        return self._at(places(self.rollout, [BETWEEN.join(map(str, key)) for key in keys]))

    def pick_rows(self, rows: pa.Table) -> NDArray[np.str_]:
        """The role for each row of a table that has the entity's columns, as `pick` says it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.canary is None and self.challenger is None:
            return self._roles(rows.num_rows)
        keys = [pc.cast(rows[name], pa.string()) for name in self.live.version.entity]
        units = keys[0] if len(keys) == 1 else pc.binary_join_element_wise(*keys, BETWEEN)
        return self._at(places(self.rollout, units.to_pylist()))

    def role(self, key: Key) -> Role:
        """The role for one entity."""
        if self.canary is None and self.challenger is None:
            return "live"
        at = place(self.rollout, BETWEEN.join(map(str, key)))
        if self.canary is not None and at < self.canary.share:
            return "canary"
        return "challenger" if self.challenger is not None and at >= 1 - self.challenger.share else "live"

    def arm(self, role: Role) -> Arm:
        """The arm of a role that `pick` gave."""
        found = next((arm for arm in self.answering if arm.role == role), None)
        assert found is not None  # `pick` names only those that answer
        return found

    def without(self, stop: Stop) -> Arms:
        """The arms once a stop is heeded: the arm's entities are the live version's again."""
        stopped = (*self.stopped, stop)
        if self.canary is not None and stop.role == "canary" and stop.pin == self.canary.pin:
            return replace(self, canary=None, stopped=stopped)
        if self.challenger is not None and stop.role == "challenger" and stop.pin == self.challenger.pin:
            return replace(self, challenger=None, stopped=stopped)
        if self.before is not None and stop.role == "live" and stop.pin == self.live.pin:
            back = replace(self.live, version=self.before, since=stop.at, pin=f"{stop.pin} taken back")
            return replace(self, live=back, before=None, stopped=stopped)
        return self

    def _roles(self, count: int) -> NDArray[np.str_]:
        import numpy as np

        return np.full(count, "live", dtype="<U10")

    def _at(self, where: NDArray[np.float64]) -> NDArray[np.str_]:
        roles = self._roles(len(where))
        if self.challenger is not None:
            roles[where >= 1 - self.challenger.share] = "challenger"
        if self.canary is not None:
            roles[where < self.canary.share] = "canary"
        return roles


def arms(lake: Lake, rollout: Asset) -> Arms:
    """Who answers for a rollout by the lake's newest pins.

    A challenger that was never trained, or is about another entity, does not answer. Raises UnknownName where the
    rollout's own model was never trained.
    """
    spec = rollout.spec
    stops = {stop.pin: stop for stop in stops_of(lake, rollout.name)}
    artefacts = lake.artefacts(spec.model)
    pinned = pins_among(artefacts)
    if pinned.live is None or pinned.since is None:
        raise UnknownName(
            f"model '{spec.model}' has no version yet", asset=spec.model, mend=f"Train it: pumphouse run {spec.model}"
        )
    live = Arm(
        role="live",
        version=version_among(artefacts, spec.model, pinned.live.number),
        share=1.0,
        since=pinned.since,
        pin=pinned.live.id,
    )
    canary = None
    if pinned.canary is not None:
        canary = Arm(
            role="canary",
            version=version_among(artefacts, spec.model, pinned.canary.number),
            share=pinned.canary.share,
            since=pinned.canary.at,
            pin=pinned.canary.id,
        )
    challenger = _challenger(lake, rollout, live.version)
    return Arms(
        rollout=rollout.name,
        live=live,
        before=version_among(artefacts, spec.model, pinned.before.number) if pinned.before else None,
        canary=None if canary is None or canary.pin in stops else canary,
        challenger=None if challenger is None or challenger.pin in stops else challenger,
        shadow=_live_of(lake, spec.shadow)[0] if spec.shadow else None,
        stopped=tuple(stops[arm.pin] for arm in (canary, challenger) if arm is not None and arm.pin in stops),
    )


def stops_of(lake: Lake, rollout: str) -> tuple[Stop, ...]:
    """Each time that a guardrail of a rollout stopped somebody, oldest first; of two stops of one arm the first."""
    found: dict[str, Stop] = {}
    for artefact in lake.artefacts(rollout):
        if artefact.name == STOPPED:
            stop = msgspec.convert(artefact.detail["stop"], Stop)
            found.setdefault(stop.pin, stop)
    return tuple(found.values())


def commit_stop(lake: Lake, stop: Stop, *, run: str, actor: str) -> Build:
    """The build that stops an arm in every process and for good, until somebody promotes its version again."""
    kept = msgspec.to_builtins(stop)
    commit = Commit(lake, stop.rollout, run=run, actor=actor)
    commit.artefact(STOPPED, lake.blobs.put(msgspec.json.encode(kept)), {"stop": kept, "why": stop.why})
    commit.detail(stopped=stop.version)
    build = commit.publish()
    assert build is not None  # an artefact always makes a snapshot
    return build


def _challenger(lake: Lake, rollout: Asset, live: Version) -> Arm | None:
    declared = rollout.spec.challenger
    if declared is None:
        return None
    version, pinned = _live_of(lake, declared.model)
    if version is None or pinned.live is None or pinned.since is None or version.entity != live.entity:
        return None
    return Arm(role="challenger", version=version, share=declared.share, since=pinned.since, pin=pinned.live.id)


def _live_of(lake: Lake, model: str) -> tuple[Version | None, Pins]:
    artefacts = lake.artefacts(model)
    pinned = pins_among(artefacts)
    return (version_among(artefacts, model, pinned.live.number) if pinned.live else None), pinned


def _amount(guardrail: str, value: float) -> str:
    match guardrail:
        case "errors":
            return f"{value:.1%}"
        case "latency_ms_p99":
            return f"{value:,.1f} ms"
    return f"{value:.2f}"

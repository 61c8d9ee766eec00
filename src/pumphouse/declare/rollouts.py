"""Declaring who answers in production: rollouts with all that guards them, scores for everybody, an online store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, Time, place_of_caller

_UNITS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
WAITING_MAX = 256
"""Requests that may wait for an answer at the same time, unless a rollout says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A second model that answers for a share of the entities, the same ones each time."""

    model: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """Bounds within which a canary or a challenger goes on answering; past one of them it is stopped. None: no bound.

    `errors` is the share of its requests that failed or were answered by the fallback, `latency_ms_p99` the time from
    request to answer, `shift` the Kolmogorov-Smirnov distance (0..1) of its predictions from those of the live version.
    """

    errors: float | None
    latency_ms_p99: float | None
    shift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How long one answer may take, what is said instead, and how many requests may wait.

    `fallback` is a prediction (0.1), an older version ("returns@3"), "cached" (the last one given for the entity), or
    None: then the request is refused.
    """

    budget_ms: float | None
    fallback: float | str | None
    waiting_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What acting on a prediction brings and costs, in a unit that people count in: money or hours.

    Whoever has a prediction above `act_above` is acted on, at `cost` each; where the outcome then is true it brings
    `gain`.
    """

    unit: str
    gain: float
    cost: float
    act_above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Spec of kind "rollout": which model answers, who listens or takes a share, what guards and what judges them."""

    model: str
    shadow: str | None
    outcome: str | None
    challenger: Challenger | None = None
    guardrails: Guardrails | None = None
    serving: Serving | None = None
    worth: Worth | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Spec of kind "scores": a prediction for every entity, as a table."""

    rollout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """Spec of kind "online": features of every entity, ready to be read by key in microseconds."""

    features: tuple[str, ...]
    max_age: str | None
    """How long after the moment that they describe values may still be used: "2 hours"."""
    to: str | None
    """The connection of a Redis or Valkey that many machines share; None for files beside the lake."""


def rollout(
    model: str,
    *,
    shadow: str | None = None,
    challenger: Challenger | None = None,
    outcome: str | None = None,
    guardrails: Guardrails | None = None,
    serving: Serving | None = None,
    worth: Worth | None = None,
) -> Declaration:
    """What answers under this name: the live version of `model`, beside it a `shadow` whose answers are only kept.

    A `challenger` answers for a share of the entities. `outcome` is the label that says later what came true. The lake
    pins versions: `pumphouse model promote returns@7`.

    For example:

        returns_live = ph.rollout(
            "returns",
            shadow="returns_gbm",
            outcome="returned_90d",
            guardrails=ph.guardrails(errors=0.01, latency_ms_p99=50, shift=0.2),
            serving=ph.serving(budget_ms=100, fallback=0.1),
            worth=ph.worth("USD", gain=12, cost=1.5, act_above=0.2),
        )
    """
    if not isinstance(model, str):
        raise TypeError(f"a rollout names one model, not {model!r}: ph.rollout('returns')")
    if isinstance(challenger, str):
        raise TypeError(f"a challenger has a share: challenger=ph.challenger('{challenger}', share=0.1)")
    listening = (model, shadow, challenger.model if challenger else None, outcome)
    inputs = tuple(dict.fromkeys(name for name in listening if name))
    return Declaration(
        kind="rollout",
        spec=Rollout(
            model=model,
            shadow=shadow,
            outcome=outcome,
            challenger=challenger,
            guardrails=guardrails,
            serving=serving,
            worth=worth,
        ),
        common=Common(),
        place=place_of_caller(),
        inputs=inputs,
    )


def challenger(model: str, *, share: float) -> Challenger:
    """A second model that answers for a share (0..1) of a rollout's entities, the same ones each time.

    Raises ValueError for a share that is none.

    For example:

        challenger = ph.challenger("returns_gbm", share=0.1)
    """
    if not 0 < share < 1:
        raise ValueError(f"a challenger's share is above 0 and below 1, not {share!r}")
    return Challenger(model=model, share=share)


def guardrails(
    *, errors: float | None = None, latency_ms_p99: float | None = None, shift: float | None = None
) -> Guardrails:
    """Bounds past which a canary or challenger is stopped: share of errors, latency, distance of its predictions.

    Raises ValueError where a bound is none.

    For example:

        guardrails = ph.guardrails(errors=0.01, latency_ms_p99=50, shift=0.2)
    """
    for name, value, most in (("errors", errors, 1), ("latency_ms_p99", latency_ms_p99, None), ("shift", shift, 1)):
        if value is not None and not (value >= 0 and (most is None or value <= most)):
            raise ValueError(f"the guardrail '{name}' is from 0 {'to 1' if most else 'up'}, not {value!r}")
    return Guardrails(errors=errors, latency_ms_p99=latency_ms_p99, shift=shift)


def serving(
    *, budget_ms: float | None = None, fallback: float | str | None = None, waiting_max: int = WAITING_MAX
) -> Serving:
    """How long one answer may take in milliseconds, and what is said instead where it takes longer or fails.

    `fallback` is a prediction, a version ("returns@3"), or "cached". More than `waiting_max` requests at once are
    refused at once. Raises ValueError for numbers that are none.

    For example:

        serving = ph.serving(budget_ms=100, fallback="returns@3")
    """
    if budget_ms is not None and not budget_ms > 0:
        raise ValueError(f"budget_ms is above 0, not {budget_ms!r}")
    if waiting_max < 1:
        raise ValueError(f"waiting_max is 1 or more, not {waiting_max!r}")
    return Serving(budget_ms=budget_ms, fallback=fallback, waiting_max=waiting_max)


def worth(unit: str, *, gain: float, cost: float, act_above: float) -> Worth:
    """What acting on predictions above `act_above` is worth: `cost` for each, `gain` where the outcome is true.

    For example:

        worth = ph.worth("USD", gain=12, cost=1.5, act_above=0.2)
    """
    return Worth(unit=unit, gain=gain, cost=cost, act_above=act_above)


def scores(rollout: str, *, every: str | None = None) -> Declaration:
    """A table with one prediction for each entity, made with the versions that are live.

    A feature may read it as it reads any table, and so another model, or an online store.

    For example:

        returns_scores = ph.scores("returns_live", every="day at 02:00")
    """
    return Declaration(
        kind="scores",
        spec=Scores(rollout=rollout),
        common=Common(every=every, time=Time(event="as_of")),
        place=place_of_caller(),
        inputs=(rollout,),
    )


def online(
    features: Sequence[str], *, every: str | None = None, max_age: str | None = None, to: str | None = None
) -> Declaration:
    """Features of every entity, published to be read by key in microseconds. Its build is one generation.

    What no longer changes is not written again. Values older than `max_age` ("2 hours") are expired. `to` is the
    connection of a Redis that many machines share; without it, generations are files beside the lake. Raises ValueError
    for a `max_age` that is none.

    For example:

        customers_online = ph.online(["spend", "visits"], every="10m", max_age="2 hours")
    """
    if max_age is not None:
        age_of(max_age)
    if isinstance(features, str):
        raise TypeError(f"features are a list of names: ph.online(['{features}'])")
    return Declaration(
        kind="online",
        spec=Online(features=tuple(features), max_age=max_age, to=to),
        common=Common(every=every),
        place=place_of_caller(),
        inputs=tuple(features),
    )


def age_of(text: str) -> int:
    """The microseconds of "2 hours". Raises ValueError."""
    number, _, unit = text.partition(" ")
    seconds = _UNITS_S.get(unit.removesuffix("s"))
    if seconds is None or not number.isdecimal() or not int(number):
        raise ValueError(f"an age is written as '2 hours', in {', '.join(f'{one}s' for one in _UNITS_S)}, not {text!r}")
    return int(number) * seconds * 1_000_000

"""Declaring what is learned, from what, and whether it helped. `rollouts` declares who answers in production."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.declare.asset import Common, Declaration, place_of_caller, place_of_function, with_brackets


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Spec of kind "feature": a query over `moments`, a `.sql` file of the project."""

    text: str
    entity: tuple[str, ...]
    request: tuple[tuple[str, str], ...] = ()
    """Columns of `moments` that come from the request itself, each with its SQL type: ("basket_usd", "DOUBLE")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Spec of kind "label": one table is the label, the moments to train on, and the outcome."""

    text: str
    entity: tuple[str, ...]
    matures: str
    """How long after `as_of` the outcome is certain: "90 days"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Spec of kind "model": a function from a training set to an estimator."""

    label: str
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of a column per unit, counted for some days after the unit was first exposed."""

    table: str
    column: str
    within_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Spec of kind "experiment": who is compared, the arms with their weights, what is measured, what should stay."""

    unit: str
    arms: tuple[tuple[str, float], ...]
    metrics: tuple[tuple[str, Mean], ...]
    guardrails: tuple[tuple[str, Mean], ...]


@with_brackets
def model(
    *, label: str, features: list[str] | tuple[str, ...], every: str | None = None, timeout_s: float | None = None
) -> Callable[[Callable[..., Any]], Declaration]:
    """A decorator for a function that takes a training set and returns an estimator with `fit` done.

    `run` trains it when it has no version yet, when it is named, or on its own schedule, never because data changed. It
    runs in a process of its own, which may take `timeout_s` seconds. Keyword-only parameters are settings. What the
    function measures itself it returns beside the estimator: `return estimator, {"r2": 0.4}`.

    For example:

        @ph.model(label="returned_90d", features=["spend", "visits"])
        def returns(train: ph.TrainingSet):
            '''Chance (0..1) that a customer buys again within 90 days.'''
            return LogisticRegression().fit(train.X, train.y)
    """
    if isinstance(features, str):
        raise TypeError(f"features are a list of names: features=['{features}']")

    def declare(function: Callable[..., Any]) -> Declaration:
        return Declaration(
            kind="model",
            spec=Model(label=label, features=tuple(features)),
            common=Common(doc=(function.__doc__ or "").strip(), every=every, timeout_s=timeout_s),
            place=place_of_function(function),
            inputs=(label, *features),
            function=function,
        )

    return declare


def mean(column: str, *, within_days: int) -> Mean:
    """A metric: the mean per unit of the sum of `table.column` in the days after first exposure.

    For example:

        spend = ph.mean("orders.amount_usd", within_days=14)
    """
    table, dot, name = column.partition(".")
    if not dot or not table or not name:
        raise ValueError(f"a metric names a column as 'table.column', not '{column}'")
    return Mean(table=table, column=name, within_days=within_days)


def experiment(
    *,
    unit: str,
    arms: Mapping[str, float],
    metrics: Mapping[str, Mean],
    guardrails: Mapping[str, Mean] | None = None,
    doc: str = "",
) -> Declaration:
    """A comparison of arms over units. Assignment is a function of the unit and the experiment's name alone.

    `arms` maps each arm to its weight, the control first. More of a metric is better; a guardrail should not move. Its
    build is a verdict with its numbers, at one snapshot: better, worse, mixed, guardrail moved, no difference found,
    not enough data, or can't say.

    For example:

        badge = ph.experiment(
            unit="customer_id",
            arms={"control": 1, "badge": 1},
            metrics={"spend": ph.mean("orders.amount_usd", within_days=14)},
            guardrails={"refunds": ph.mean("refunds.amount_usd", within_days=14)},
        )
    """
    measured = tuple(metrics.items()) + tuple((guardrails or {}).items())
    return Declaration(
        kind="experiment",
        spec=Experiment(
            unit=unit,
            arms=tuple(arms.items()),
            metrics=tuple(metrics.items()),
            guardrails=tuple((guardrails or {}).items()),
        ),
        common=Common(doc=doc),
        place=place_of_caller(),
        inputs=tuple(dict.fromkeys(metric.table for _, metric in measured)),
    )

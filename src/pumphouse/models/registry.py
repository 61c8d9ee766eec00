"""Versions of models: stored by content, numbered from 1, one of them live. The lake pins them; code names models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError, UnknownName
from pumphouse.features.point_in_time import FeatureDefinition
from pumphouse.lake.builds import Artefact
from pumphouse.lake.lake import Lake
from pumphouse.models.formats.format import Task
from pumphouse.models.pins import is_pin, pins, pins_among
from pumphouse.models.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One trained model: what it was made from, and how good it was on rows it had not seen."""

    model: str
    number: int
    sha: str
    """The blob with the estimator."""
    at: datetime
    snapshot: int
    """Where its training set was read."""
    doc: str
    estimator: str
    label: str
    entity: dict[str, str]
    """The entity's columns, each with its Arrow type: "int64", "string"."""
    features: tuple[FeatureDefinition, ...]
    columns: dict[str, str]
    """The estimator's inputs in order, each "number" or "text"."""
    fingerprint: str
    """Of the training function."""
    rows: int
    positives: int | None
    """Of them with the label true; None where it is a number."""
    unlabelled: int
    assumed: bool
    training_set: str
    """The blob with the training set, as Parquet."""
    packages: dict[str, str]
    on_training_rows: Quality
    held_out: Quality | None
    """Of a model fitted on four fifths of the entities, on the rest; None where that can't be told."""
    task: Task = "chance"
    format: str = "skops"
    """How its estimator is stored: the name of a module of `models.formats`."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The estimator's own parameters, as JSON."""
    request: dict[str, str] = field(default_factory=dict)
    """Columns that a request has to bring, each with its SQL type."""
    typical: dict[str, float | str | None] = field(default_factory=dict)
    """Each column's median or most frequent value in the training set: what a contribution is measured from."""
    example: dict[str, float | str | None] = field(default_factory=dict)
    """One row of the training set's features."""
    leaks: tuple[str, ...] = ()
    """What its training set shows of features that could only have been known afterwards."""
    actor: str = ""
    """Who trained it."""
    types: dict[str, str] = field(default_factory=dict)
    """The Arrow types of `columns`, as the features give them."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The function's own settings: its keyword-only parameters with the values they had."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What the function itself reports, by the names it gives."""
    source: str = ""
    """The text of the training function."""
    training_s: float | None = None
    """How long the function took."""
    held_out_rows: str | None = None
    """The blob with what `held_out` was measured on, as Parquet: the entity, `as_of`, prediction and outcome."""
    origin: str = ""
    """Where it comes from, if it was not trained here."""

    @property
    def name(self) -> str:
        """As people write it: returns@7."""
        return f"{self.model}@{self.number}"

    @property
    def guess(self) -> float:
        """The mean of the label in what it learned from: how often it was true. Whoever knows no more says this."""
        return self.on_training_rows.guess


def versions(lake: Lake, model: str) -> tuple[Version, ...]:
    """All versions of a model, oldest first."""
    return tuple(_version(each) for each in lake.artefacts(model) if not is_pin(each))


def version(lake: Lake, model: str, number: int) -> Version:
    """One version. Raises UnknownName with those there are."""
    return version_among(lake.artefacts(model), model, number)


def version_among(artefacts: Sequence[Artefact], model: str, number: int) -> Version:
    """One version of those that a model's artefacts hold. Raises UnknownName with those there are."""
    known = [each for each in artefacts if not is_pin(each)]
    found = next((each for each in known if each.name == f"{model}@{number}"), None)
    if found is None:
        there = ", ".join(each.name for each in known[-8:])
        raise UnknownName(
            f"model '{model}' has no version {number}",
            asset=model,
            mend=f"There is {there}." if there else f"Train it: pumphouse run {model}",
        )
    return _version(found)


def live(lake: Lake, model: str) -> Version:
    """The version that answers. Raises UnknownName where the model was never trained."""
    artefacts = lake.artefacts(model)
    pinned = pins_among(artefacts).live
    if pinned is None:
        raise UnknownName(f"model '{model}' has no version yet", asset=model, mend=f"Train it: pumphouse run {model}")
    return version_among(artefacts, model, pinned.number)


def live_shadow(lake: Lake, rollout: Asset) -> Version | None:
    """The version that listens beside a rollout; None where it has no shadow, or one that was never trained."""
    trained = rollout.spec.shadow and pins(lake, rollout.spec.shadow).live
    return live(lake, rollout.spec.shadow) if trained else None


def parse_version(text: str) -> tuple[str, int]:
    """The model and number in `returns@7`. Raises UnknownName where it is not of that form."""
    model, at, number = text.partition("@")
    if not at or not number.isdecimal():
        raise UnknownName(f"'{text}' names no version", mend="Write it as in returns@7.")
    return model, int(number)


def _version(artefact: Artefact) -> Version:
    if artefact.detail.get("format") != 1:
        raise BuildError(
            f"version '{artefact.name}' was stored by a newer Pumphouse", asset=artefact.asset, mend="Update Pumphouse."
        )
    values: dict[str, Any] = artefact.detail["version"]
    try:
        return msgspec.convert({**values, "sha": artefact.sha}, Version)
    except msgspec.ValidationError as error:
        raise BuildError(
            f"version '{artefact.name}' was stored by an earlier Pumphouse, in another form: {error}",
            asset=artefact.asset,
            mend="Begin its lake anew, and train it again.",
        ) from error

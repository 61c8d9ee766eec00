"""Outcomes: what happened, told by whoever knows it. On disk before it is acknowledged; in the lake once.

An outcome names the prediction that it is about, or the entity: then it is about the last prediction that was made of
it before. A later one replaces an earlier one when predictions are judged; both are kept, with when they were known.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import RequestRefused, UnknownName, did_you_mean
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.lake.streams import flush, texts_stay
from pumphouse.models.kept import kept
from pumphouse.models.predictions import entity_types, predictions_of
from pumphouse.models.registry import Version, live, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOMES_MAX = 1_000
"""Outcomes that are taken in one request."""
TEXT_MAX = 200
"""Characters of an `outcome_id`."""
AHEAD_S_MAX = 300.0
"""How far another machine's clock may be off: so long after now, or before its prediction, may an outcome have been."""
OWN = ("outcome_id", "prediction_id", "outcome", "happened_at")
"""The fields of an outcome. What else is given are the entity's columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened, as it is logged. `version` is the one whose prediction it is about, or that was live."""

    outcome_id: str
    prediction_id: str | None
    entity: Mapping[str, Any]  # values of the entity's columns
    outcome: float
    """1 and 0 for yes and no."""
    happened_at: datetime | None
    known_at: datetime
    version: str
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of outcomes that were sent: how many are new, and how many had come before under the same id."""

    taken: int
    already: int


def outcomes_of(rollout: str) -> str:
    """The name of the table with the outcomes that were told of a rollout's predictions."""
    return f"{rollout}__outcomes"


def stream_of(rollout: str) -> str:
    """The stream of the lake's state in which they are logged."""
    return f"outcomes/{rollout}"


def take_outcomes(
    lake: Lake,
    rollout: Asset,
    given: Sequence[Mapping[str, Any]],  # from JSON
    *,
    caller: str,
    now: datetime,
) -> Taken:
    """Log outcomes; they are on disk when this returns. All of them are taken, or none where one is refused.

    Each has an `outcome`, and a `prediction_id` or the entity's columns; `happened_at` and `outcome_id`, by which a
    repeat is known, may be given. Raises UnknownName for a prediction that there is none of, RequestRefused for what
    can't be an outcome.
    """
    if len(given) > OUTCOMES_MAX:
        raise RequestRefused(
            f"{len(given):,} outcomes were sent at once", asset=rollout.name, mend=f"Send up to {OUTCOMES_MAX:,}."
        )
    outcomes = _read(lake, rollout, given, caller=caller, now=now)
    stream, ids = stream_of(rollout.name), [each.outcome_id for each in outcomes]
    before = lake.state.bodies(stream, ids)
    _refuse_changed(rollout, outcomes, before)
    events = {each.outcome_id: msgspec.json.encode(each).decode() for each in outcomes}
    lake.state.append(stream, list(events.items()), at=now)
    stored = lake.state.bodies(stream, ids)
    _refuse_changed(rollout, outcomes, stored)  # another came first with the same id, between the two
    new = sum(key not in before and stored[key] == body for key, body in events.items())
    return Taken(taken=new, already=len(given) - new)


def flush_outcomes(lake: Lake, rollout: Asset, *, run: str, actor: str, accept_schema: bool = False) -> Built:
    """Move the outcomes that were logged since the last time into the table `<rollout>__outcomes`.

    One row an outcome: `outcome_id`, `prediction_id` (null where an entity was named), the entity's columns, `outcome`
    (1 and 0 for yes and no), `happened_at`, `known_at`, `caller`. An entity's column that has once been text stays so.
    """
    table = outcomes_of(rollout.name)
    columns = texts_stay(
        [lake.stored_schema(name) for name in (table, predictions_of(rollout.name)) if lake.has(name)],
        lambda name: _schema(version(lake, *parse_version(name))),
    )
    return flush(
        lake,
        stream_of(rollout.name),
        table=table,
        key=("outcome_id",),
        decode=_decode,
        schema_of=lambda outcome: columns(outcome.version),
        batch_of=_batch,
        said="outcomes kept",
        run=run,
        actor=actor,
        accept_schema=accept_schema,
    )


def _read(
    lake: Lake, rollout: Asset, given: Sequence[Mapping[str, Any]], *, caller: str, now: datetime
) -> list[Outcome]:
    """What was sent as outcomes, each id once."""
    asked = [one["prediction_id"] for one in given if isinstance(one.get("prediction_id"), str)]
    predictions = kept(lake, rollout, asked)
    versions: dict[str, Version] = {}

    def version_of(name: str) -> Version:
        if name not in versions:
            versions[name] = version(lake, *parse_version(name))
        return versions[name]

    outcomes: dict[str, Outcome] = {}
    for number, one in enumerate(given):
        where = f"outcome {number + 1} of {len(given)}: " if len(given) > 1 else ""
        happened = _happened(rollout, one.get("happened_at"), where, now=now)
        if one.get("prediction_id") is not None:
            found = predictions.get(one["prediction_id"]) if isinstance(one["prediction_id"], str) else None
            if found is None:
                raise UnknownName(
                    f"{where}there is no prediction '{str(one['prediction_id'])[:TEXT_MAX]}' of '{rollout.name}'",
                    asset=rollout.name,
                    mend="Give the id that came with the prediction.",
                )
            if more := [name for name in one if name not in OWN]:
                raise RequestRefused(
                    f"{where}'{str(more[0])[:TEXT_MAX]}' beside a prediction_id",
                    asset=rollout.name,
                    mend=did_you_mean(str(more[0]), OWN) or "Give the prediction's id or the entity, not both.",
                )
            if happened is not None and happened < found.as_of - timedelta(seconds=AHEAD_S_MAX):
                raise RequestRefused(
                    f"{where}it happened at {happened.isoformat()}, before its prediction of {found.as_of.isoformat()}",
                    asset=rollout.name,
                    mend="A prediction is about what comes after it.",
                )
            entity, by = found.entity, version_of(found.version)
        else:
            by = version_of(live(lake, rollout.spec.model).name)
            entity = _entity(rollout, one, by, where)
        outcome = Outcome(
            outcome_id=_id(rollout, one.get("outcome_id"), where),
            prediction_id=one.get("prediction_id"),
            entity=entity,
            outcome=_value(rollout, one, by, where),
            happened_at=happened,
            known_at=now.astimezone(UTC),
            version=by.name,
            caller=caller,
        )
        _refuse_changed(rollout, [outcome], {key: msgspec.json.encode(each) for key, each in outcomes.items()})
        outcomes[outcome.outcome_id] = outcome
    return list(outcomes.values())


def _id(rollout: Asset, given: object, where: str) -> str:
    if given is None:
        return uuid.uuid4().hex
    if not isinstance(given, str) or not 0 < len(given) <= TEXT_MAX:
        raise RequestRefused(
            f"{where}outcome_id is no text of up to {TEXT_MAX} characters",
            asset=rollout.name,
            mend="Give each outcome an id of your own, or none.",
        )
    return given


def _value(rollout: Asset, one: Mapping[str, Any], by: Version, where: str) -> float:
    value = one.get("outcome")
    number = _finite(value)
    if by.task == "chance" and (isinstance(value, bool) or number in (0, 1)):
        return float(value is True or number == 1)
    if by.task == "number" and number is not None:
        return number
    wanted = "true or false" if by.task == "chance" else "a number"
    told = f"is {value!r:.80}" if "outcome" in one else "is missing"
    raise RequestRefused(
        f"{where}outcome {told}",
        asset=rollout.name,
        mend=f"'{by.label}' is {wanted}. Leave out what is not known yet: a missing outcome is no 'no'.",
    )


def _finite(value: object) -> float | None:
    """The number that JSON gave, or None where it is none: true is no number to us."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond any float
        return None


def _happened(rollout: Asset, given: object, where: str, *, now: datetime) -> datetime | None:
    if given is None:
        return None
    try:
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RequestRefused(
            f"{where}happened_at is {str(given)[:80]!r}",
            asset=rollout.name,
            mend="Give a time with its zone: 2026-01-31T12:00:00Z.",
        )
    if moment > now + timedelta(seconds=AHEAD_S_MAX):
        raise RequestRefused(
            f"{where}happened_at lies ahead: {moment.isoformat()}", asset=rollout.name, mend="Tell it once it happened."
        )
    return moment.astimezone(UTC)


def _entity(rollout: Asset, one: Mapping[str, Any], by: Version, where: str) -> dict[str, Any]:
    import pyarrow as pa

    types = entity_types(by)
    for name in one:
        if name not in OWN and name not in types:
            raise RequestRefused(
                f"{where}'{rollout.name}' is about {', '.join(types)}, not '{str(name)[:80]}'",
                asset=rollout.name,
                mend=did_you_mean(str(name), types) or f"Give prediction_id, or {', '.join(types)}.",
            )
    for name, kind in types.items():
        wanted: type = int if pa.types.is_integer(kind) else str
        if type(one.get(name)) is not wanted:
            raise RequestRefused(
                f"{where}it says neither which prediction it is about, nor '{name}' as "
                f"{'a whole number' if wanted is int else 'text'}",
                asset=rollout.name,
                mend=f"Give prediction_id, or {', '.join(types)}.",
            )
        try:
            pa.scalar(one[name], kind)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
            raise RequestRefused(
                f"{where}'{name}' has no such value", asset=rollout.name, mend=f"It is of type {kind}."
            ) from error
    return {name: one[name] for name in types}


def _refuse_changed(rollout: Asset, outcomes: Sequence[Outcome], stored: Mapping[str, str | bytes]) -> None:
    """Raise RequestRefused where an id stands for something else already."""
    for outcome in outcomes:
        if outcome.outcome_id in stored:
            first = _decode(stored[outcome.outcome_id])
            if replace(outcome, known_at=first.known_at, caller=first.caller, version=first.version) != first:
                raise RequestRefused(
                    f"outcome_id '{outcome.outcome_id}' was used for another outcome",
                    asset=rollout.name,
                    mend="A correction is an outcome of its own: give it another id, or none.",
                )


def _decode(body: str | bytes) -> Outcome:
    return msgspec.json.decode(body, type=Outcome)


def _schema(of: Version) -> pa.Schema:
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            ("outcome_id", pa.string()),
            ("prediction_id", pa.string()),
            *entity_types(of).items(),
            ("outcome", pa.float64()),
            ("happened_at", moment),
            ("known_at", moment),
            ("caller", pa.string()),
        ]
    )


def _batch(outcomes: Sequence[Outcome], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    rows = []
    for each in outcomes:
        entity = {
            name: str(value) if schema.field(name).type == pa.string() else value for name, value in each.entity.items()
        }
        rows.append(
            {
                "outcome_id": each.outcome_id,
                "prediction_id": each.prediction_id,
                **entity,
                "outcome": each.outcome,
                "happened_at": each.happened_at,
                "known_at": each.known_at,
                "caller": each.caller,
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=schema)

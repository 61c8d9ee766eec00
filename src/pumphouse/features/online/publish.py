"""Publishing: features of everybody as of now become a generation, and the lake records which snapshot it covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.rollouts import Online, age_of
from pumphouse.errors import BuildError
from pumphouse.features.online import generations, redis
from pumphouse.features.online.generations import Published
from pumphouse.features.online.layout import EXPIRY, Column, Kind, Layout, stored_kind
from pumphouse.features.online.opening import connection_of, home_of
from pumphouse.features.online.pinned import pinned_definitions
from pumphouse.features.point_in_time import FeatureDefinition, feature_shape
from pumphouse.features.ranges import by_ranges
from pumphouse.features.values import (
    FeatureQuery,
    World,
    definitions,
    entities_query,
    feature_query,
    feature_values,
)
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context

if TYPE_CHECKING:
    import pyarrow as pa

MOMENTS_AT_ONCE = 500_000
"""Entities whose features are computed by one query; fewer where there is not enough memory."""
GENERATION = "generation"
"""The artefact that names the snapshot which a generation covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Features that one query computes, and under which names the store's batches have their columns."""

    query: FeatureQuery
    labels: Mapping[str, str]


def build(asset: Asset, context: Context) -> Built:
    """Publish the features of everybody whom their inputs know, as they are at `context.now`.

    What is published replaces the generation before in one step; a run that dies leaves that one, and one that dies
    after the step is only recorded by the next. Where nothing changed, nothing is committed, and the store's moment
    moves on. Beside the declared features those are published by which live versions of models were trained, where
    they differ. Raises BuildError where a feature needs what comes with a request, or is neither number nor text.
    """
    spec: Online = asset.spec
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    declared = definitions(spec.features, context.assets)
    if asking := next((one.name for one in declared if one.request), None):
        raise BuildError(
            f"feature '{asking}' needs what comes with a request, which nobody knows beforehand",
            asset=asset.name,
            place=asset.place,
            mend=f"Leave '{asking}' out of '{asset.name}': it is computed when the request comes.",
        )
    parts, warnings = [_Part(query=feature_query(world, declared, expiries=True), labels={})], []
    nobody = _nobody(parts[0].query, context)
    for pinned in pinned_definitions(context.lake, context.assets, declared):
        try:
            part = _pinned_part(world, pinned)
            feature_values(part.query, nobody)  # what it reads may have changed since
            parts.append(part)
        except BuildError as error:
            warnings.append(f"feature '{pinned.name}' as a model learned it can't be published: {error.what}")
    if spec.to is None:
        publish = partial(generations.publish, home_of(context.lake, asset.name))
    else:
        publish = partial(redis.publish, asset.name, redis.client_of(connection_of(asset, context.connections)))
    published = publish(
        partial(_batches, parts, context),
        layout=_layout(asset, parts, nobody),
        snapshot=context.snapshot,
        as_of=context.now,
        max_age=None if spec.max_age is None else age_of(spec.max_age),
        hidden=_hidden(parts[0].query),
        anew=context.mode == "full",
    )
    return _recorded(asset, context, published, warnings=tuple(warnings))


def _recorded(asset: Asset, context: Context, published: Published, *, warnings: tuple[str, ...]) -> Built:
    generation = published.manifest.generation
    counts = Counts(rows_in=generation.entities, rows_out=generation.entities)
    note = (
        f"generation {generation.number}: {published.changed:,} of {generation.entities:,} entities written, "
        f"{published.gone:,} gone"
    )
    last = context.lake.builds().get(asset.name)
    if (
        last is not None
        and last.detail.get("generation") == generation.number
        and last.inputs == dict(context.inputs)
        and last.fingerprint == context.fingerprint
    ):
        if context.mode != "full":
            note = f"generation {generation.number} holds as of {generation.as_of:%Y-%m-%d %H:%M %Z} too"
        return Built(asset=asset.name, snapshot=None, counts=counts, note=note, warnings=warnings)
    commit = context.begin(asset)
    commit.detail(generation=generation.number, as_of=generation.as_of.isoformat(), covers=context.snapshot)
    facts = {"generation": generation.number, "entities": generation.entities}
    manifest = msgspec.json.format(msgspec.json.encode(published.manifest), indent=2)
    commit.artefact(GENERATION, context.lake.blobs.put(manifest), facts, read_at=context.snapshot)
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note, warnings=warnings)


def _pinned_part(world: World, pinned: FeatureDefinition) -> _Part:
    labels = {name: f"{name}@{pinned.fingerprint}" for name in feature_shape(pinned).values}
    return _Part(query=feature_query(world, [pinned], expiries=True), labels=labels)


def _batches(parts: list[_Part], context: Context) -> Iterator[pa.RecordBatch]:
    """The entity's columns and all values, in order of the entity."""
    done = 0
    everybody = by_ranges(
        parts[0].query, as_of=context.now, rows_max=MOMENTS_AT_ONCE, compute=lambda moments: _values(parts, moments)
    )
    for values in everybody:
        yield from values.combine_chunks().to_batches(generations.ROWS_AT_ONCE)
        done += values.num_rows
        context.progress(done)


def _values(parts: list[_Part], moments: pa.Table) -> pa.Table:
    values = feature_values(parts[0].query, moments)
    for part in parts[1:]:
        more = feature_values(part.query, moments)  # both are in the moments' order
        for name, label in part.labels.items():
            values = values.append_column(label, more[name])
            if name in part.query.expiring:
                values = values.append_column(label + EXPIRY, more[name + EXPIRY])
    return values


def _layout(asset: Asset, parts: list[_Part], nobody: pa.Table) -> Layout:
    """The columns and their types, as the values of no moment have them."""
    entity: list[tuple[str, Kind]] = []
    columns = []
    for name in parts[0].query.entity:
        kind = stored_kind(nobody.schema.field(name).type, name)
        if kind not in ("int64", "string"):
            raise BuildError(
                f"'{name}' is {nobody.schema.field(name).type}, which is no key of an online store",
                asset=asset.name,
                place=asset.place,
                mend="An entity is told by whole numbers and texts.",
            )
        entity.append((name, kind))
    for part in parts:
        owner = {name: one for one in part.query.features for name in feature_shape(one).values}
        schema = feature_values(part.query, nobody).schema
        columns += [
            Column(
                name=name,
                type=stored_kind(schema.field(name).type, name),
                feature=owner[name].name,
                fingerprint=owner[name].fingerprint,
                label=part.labels.get(name, ""),
                expires=name in part.query.expiring,
            )
            for name in part.query.columns
        ]
    return Layout(entity=tuple(entity), columns=tuple(columns))


def _nobody(query: FeatureQuery, context: Context) -> pa.Table:
    """Moments without one."""
    asked = entities_query(query, as_of=context.now)
    return context.engine.read(replace(asked, text=f"SELECT * FROM ({asked.text}) LIMIT 0")).read_all()


def _hidden(query: FeatureQuery) -> dict[str, frozenset[str]]:
    """People who are hidden, by each column of the entity."""
    found: dict[str, frozenset[str]] = {}
    for scan in query.inputs.values():
        for column, values in scan.hidden:
            found[column] = found.get(column, frozenset()) | frozenset(values)
    return {name: found[name] for name in found if name in query.entity}

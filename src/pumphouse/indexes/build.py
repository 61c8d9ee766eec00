"""Keeping a search index: it follows its table, beside the lake, and is named only when it is whole."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from uuid import uuid4

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Search
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.indexes import synonyms, words
from pumphouse.indexes.fields import Field, field_of
from pumphouse.indexes.manifest import (
    STATES_MAX,
    Manifest,
    State,
    World,
    current,
    folder_of,
    home,
    is_past,
    scratch,
    swap,
    world_of,
)
from pumphouse.indexes.segments import check, verify
from pumphouse.indexes.states import DIFFERING_SHARE_MAX, Difference, Rows, advance, difference, make
from pumphouse.indexes.vectors import covers, follow
from pumphouse.lake import rowids
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import ROW_IDS
from pumphouse.lake.moments import moment

MANIFEST = "index"
"""The artefact that names the snapshot which the index covers."""
_TARGET = "state"


def build(asset: Asset, context: Context) -> Built:
    """The index of the table at the run's snapshot, beside the ones before, and the lake's record of it.

    Rows that differ from those of the state before are taken out and put in; where most do, the index is made anew. A
    run that dies leaves the states before; one that dies after the swap is only recorded by the next. Raises BuildError
    where a column can't be searched.
    """
    words.require()
    spec: Search = asset.spec
    key, fields = _key(asset, context), fields_of(asset, context)
    before, digest = current(context.lake, asset.name)
    world = world_of(context.lake, spec.table, fields, snapshot=context.snapshot)
    stored = tuple(dict.fromkeys([*key, *spec.text])) if spec.store else ()
    manifest = Manifest(
        name=asset.name,
        table=spec.table,
        key=key,
        fields=fields,
        sort=spec.sort,
        words=words.VERSION,
        shape=shape(fields, spec.sort, key, stored),
        stored=stored,
        fingerprint=context.fingerprint,
        synonyms=_synonyms(asset, context, fields),
        states=(),
    )
    usable = _usable(before, manifest, context) if before is not None else None
    if usable is not None and usable.newest.world == world:
        last = context.lake.builds().get(asset.name)
        is_said = usable.synonyms == manifest.synonyms
        if (
            last is not None
            and last.detail.get("folder") == usable.newest.folder
            and is_said
            and _has_vectors(asset, context)
        ):
            return Built(asset=asset.name, snapshot=None, note=f"covers snapshot {usable.newest.snapshot} already")
        manifest = msgspec.structs.replace(manifest, states=usable.states)
        data = swap(context.lake, manifest, before=digest)
    else:
        try:
            with scratch(home(context.lake, asset.name), "work") as work:
                state = _state(context, manifest, usable, world=world, work=work)
                # Those with somebody who is hidden since go at once, with the files that only they have.
                before_it = usable.states if usable else ()
                states = (*(one for one in before_it if one.world.hidden == world.hidden), state)
                manifest = msgspec.structs.replace(manifest, states=states[-STATES_MAX:])
                data = swap(context.lake, manifest, before=digest, arriving=work / _TARGET)
        except (OSError, ValueError) as error:
            raise BuildError(
                f"the index of '{manifest.table}' could not be written: {error}",
                asset=asset.name,
                place=asset.place,
                mend=f"Is there space in {context.lake.folder}? The index before still answers.",
            ) from error
    newest = manifest.newest
    commit = context.begin(asset)
    commit.detail(folder=newest.folder)
    embedded = _embedded(asset, context)  # after the swap: where it fails, words are found all the same
    facts = {"rows": newest.rows, "snapshot": newest.snapshot}
    commit.artefact(MANIFEST, context.lake.blobs.put(data), facts, read_at=newest.snapshot)
    counts = Counts(rows_in=newest.rows, rows_out=newest.rows)
    committed = commit.publish(counts)
    note = f"{newest.rows:,} rows of '{spec.table}' at snapshot {newest.snapshot}{embedded}"
    return Built(asset=asset.name, snapshot=committed.snapshot if committed else None, counts=counts, note=note)


def _has_vectors(asset: Asset, context: Context) -> bool:
    if context.declaration is None or context.declaration.function is None:
        return True
    spec: Search = asset.spec
    snapshot = context.snapshot
    return covers(context.lake, asset.name, table=spec.table, text=spec.text, code=asset.code, snapshot=snapshot)


def _embedded(asset: Asset, context: Context) -> str:
    """Bring the vectors to the run's snapshot, where the index has a function that makes them; what is noted of it."""
    function = context.declaration.function if context.declaration is not None else None
    if function is None:
        return ""
    asked = follow(
        context.lake,
        asset.name,
        table=asset.spec.table,
        text=asset.spec.text,
        embed=function,
        code=asset.code,
        snapshot=context.snapshot,
        is_full=context.mode != "normal",
        progress=context.progress,
    )
    return f", {asked:,} texts embedded"


def fields_of(asset: Asset, context: Context) -> tuple[Field, ...]:
    """How the index has each declared column. Raises BuildError for one that is not there, or can't be searched."""
    spec: Search = asset.spec
    known = context.scan(spec.table).schema
    taken = [name for name in known.names if name.lower() in ROW_IDS.values()]
    if taken:
        raise BuildError(
            f"'{spec.table}' has a column '{taken[0]}', which hides the lake's own, by which an index goes",
            asset=asset.name,
            place=asset.place,
            mend="Give the column another name.",
        )
    languages = dict(spec.languages)
    fields = []
    for name in dict.fromkeys([*spec.text, *spec.whole]):
        if name not in known.names:
            raise BuildError(
                f"'{spec.table}' has no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, known.names) or f"It has {', '.join(known.names)}.",
            )
        kind = known.field(name).type
        field = field_of(
            name, kind, is_text=name in spec.text, is_value=name in spec.whole, language=languages.get(name)
        )
        if field is None:
            raise BuildError(f"column '{name}' is {kind}, which can't be searched", asset=asset.name, place=asset.place)
        fields.append(field)
    return tuple(fields)


def shape(fields: tuple[Field, ...], sort: str | None, key: tuple[str, ...], stored: tuple[str, ...] = ()) -> str:
    """A digest of all that decides what the files of an index hold."""
    return hashlib.sha256(msgspec.json.encode([words.VERSION, fields, sort, key, stored])).hexdigest()[:16]


def _synonyms(asset: Asset, context: Context, fields: tuple[Field, ...]) -> dict[str, dict[str, tuple[str, ...]]]:
    name: str | None = asset.spec.synonyms
    if name is None:
        return {}
    languages = {field.language for field in fields if field.is_text}
    return synonyms.read(context.folder / name, name=name, languages=languages)


def _usable(before: Manifest, manifest: Manifest, context: Context) -> Manifest | None:
    """The manifest before with its states that are whole; None where its index has to be made anew."""
    if before.shape != manifest.shape or before.table != manifest.table or context.mode != "normal":
        return None
    if not is_past(context.lake, before):
        return None
    chance = random.Random(before.newest.folder)
    sound = []
    for state in before.states:
        folder = folder_of(context.lake, before.name, state)
        try:
            verify(folder, chance=chance) if state is before.newest else check(folder)
        except (OSError, ValueError):
            if state is before.newest:  # of its segments others consist too
                return None
        else:
            sound.append(state)
    return msgspec.structs.replace(before, states=tuple(sound))


def _state(context: Context, manifest: Manifest, before: Manifest | None, *, world: World, work: Path) -> State:
    """A state of the run's snapshot in the folder `_TARGET` of `work`, whole and on disk; nothing names it yet."""
    lake, progress = context.lake, context.progress
    rows = Rows.of(manifest, lake=lake, engine=context.engine, snapshot=context.snapshot)
    newest = before.newest if before else None
    by = _worth(difference(rows, newest, world=world), newest) if newest else None
    if newest is not None and by is not None:
        source = folder_of(lake, manifest.name, newest)
        chosen = advance(rows, work / _TARGET, work=work, state=newest, source=source, by=by, progress=progress)
    else:
        chosen = make(rows, work / _TARGET, work=work, progress=progress)
    at, read_at = rowids.home(lake, manifest.table, context.snapshot)
    return State(
        snapshot=context.snapshot,
        read_at=read_at,
        moment=moment(at, read_at),
        world=world,
        folder=f"{context.snapshot}-{uuid4().hex[:12]}",
        segments=chosen,
        bytes=sum(one.stat().st_size for one in (work / _TARGET).iterdir()),
    )


def _worth(by: Difference | None, state: State) -> Difference | None:
    return by if by is not None and len(by.ids) <= max(1_000, DIFFERING_SHARE_MAX * state.rows) else None


def _key(asset: Asset, context: Context) -> tuple[str, ...]:
    table = asset.spec.table
    known = context.assets.get(table)
    if known is None or not known.common.key:
        raise BuildError(
            f"'{table}' has no key, so a hit could not name its row",
            asset=asset.name,
            place=asset.place,
            mend=f"Declare the key of '{table}': key=\"...\".",
        )
    return known.common.key

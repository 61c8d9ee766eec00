"""Keeping a search index: it follows its table, beside the lake, and is named only when it is whole."""

from __future__ import annotations

import hashlib

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Search
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.indexes import synonyms, words
from pumphouse.indexes.fields import Field, field_of, schema
from pumphouse.indexes.manifest import STATES_MAX, Manifest, State, current, folder_of, scratch, swap, world_of
from pumphouse.indexes.segments import remove
from pumphouse.indexes.states import DIFFERING_SHARE_MAX, Difference, Rows, advance, difference, make
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context

MANIFEST = "index"
"""The artefact that names the snapshot which the index covers."""


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
    world = world_of(context.lake, spec.table, snapshot=context.snapshot)
    manifest = Manifest(
        name=asset.name,
        table=spec.table,
        key=key,
        fields=fields,
        sort=spec.sort,
        words=words.VERSION,
        shape=shape(fields, spec.sort, key),
        fingerprint=context.fingerprint,
        synonyms=_synonyms(asset, context, fields),
        states=(),
    )
    usable = before if before is not None and _goes_on(before, manifest, context) else None
    if usable is not None and usable.newest.world == world:
        last = context.lake.builds().get(asset.name)
        is_said = usable.synonyms == manifest.synonyms
        if last is not None and last.detail.get("folder") == usable.newest.folder and is_said:
            return Built(asset=asset.name, snapshot=None, note=f"covers snapshot {usable.newest.snapshot} already")
        manifest = msgspec.structs.replace(manifest, states=usable.states)
    else:
        state = _state(asset, context, manifest, usable, world=world)
        states = (*(one for one in (usable.states if usable else ()) if one.folder != state.folder), state)
        manifest = msgspec.structs.replace(manifest, states=states[-STATES_MAX:])
    newest = manifest.newest
    commit = context.begin(asset)
    commit.detail(folder=newest.folder)
    data = swap(context.lake, manifest, before=digest)
    facts = {"rows": newest.rows, "snapshot": newest.snapshot}
    commit.artefact(MANIFEST, context.lake.blobs.put(data), facts, read_at=newest.snapshot)
    counts = Counts(rows_in=newest.rows, rows_out=newest.rows)
    committed = commit.publish(counts)
    note = f"{newest.rows:,} rows of '{spec.table}' at snapshot {newest.snapshot}"
    return Built(asset=asset.name, snapshot=committed.snapshot if committed else None, counts=counts, note=note)


def fields_of(asset: Asset, context: Context) -> tuple[Field, ...]:
    """How the index has each declared column. Raises BuildError for one that is not there, or can't be searched."""
    spec: Search = asset.spec
    known = context.scan(spec.table).schema
    languages = dict(spec.languages)
    whole = {*spec.filter, *([spec.sort] if spec.sort else [])}
    fields = []
    for name in dict.fromkeys([*spec.text, *spec.filter, *([spec.sort] if spec.sort else [])]):
        if name not in known.names:
            raise BuildError(
                f"'{spec.table}' has no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, known.names) or f"It has {', '.join(known.names)}.",
            )
        kind = known.field(name).type
        field = field_of(name, kind, is_text=name in spec.text, is_value=name in whole, language=languages.get(name))
        if field is None:
            raise BuildError(f"column '{name}' is {kind}, which can't be searched", asset=asset.name, place=asset.place)
        fields.append(field)
    return tuple(fields)


def shape(fields: tuple[Field, ...], sort: str | None, key: tuple[str, ...]) -> str:
    """A digest of all that decides what the files of an index hold."""
    return hashlib.sha256(msgspec.json.encode([words.VERSION, fields, sort, key])).hexdigest()[:16]


def _synonyms(asset: Asset, context: Context, fields: tuple[Field, ...]) -> dict[str, dict[str, tuple[str, ...]]]:
    name: str | None = asset.spec.synonyms
    if name is None:
        return {}
    languages = {field.language for field in fields if field.is_text}
    return synonyms.read(context.folder / name, name=name, languages=languages)


def _goes_on(before: Manifest, manifest: Manifest, context: Context) -> bool:
    return (
        before.shape == manifest.shape
        and context.mode == "normal"
        and folder_of(context.lake, before.name, before.newest).is_dir()
    )


def _state(
    asset: Asset,
    context: Context,
    manifest: Manifest,
    before: Manifest | None,
    *,
    world: tuple[str, int, int],
) -> State:
    """A state of the run's snapshot in a folder of its own, whole and on disk; nothing names it yet."""
    rows = Rows(
        lake=context.lake,
        engine=context.engine,
        table=manifest.table,
        snapshot=context.snapshot,
        fields=manifest.fields,
        sort=manifest.sort,
        schema=schema(manifest.fields),
    )
    name = f"{context.snapshot}-{context.run}"
    try:
        with scratch(context.lake, asset.name, f"work-{name}") as work:
            target = work / "state"
            by = _worth(difference(rows, before.newest), before.newest) if before else None
            if before is not None and by is not None:
                source = folder_of(context.lake, asset.name, before.newest)
                chosen = advance(
                    rows, target, work=work, state=before.newest, source=source, by=by, progress=context.progress
                )
            else:
                chosen = make(rows, target, work=work, progress=context.progress)
            table_id, changed, hidden = world
            state = State(
                snapshot=context.snapshot,
                table_id=table_id,
                changed=changed,
                hidden=hidden,
                folder=name,
                segments=chosen,
            )
            final = folder_of(context.lake, asset.name, state)
            final.parent.mkdir(parents=True, exist_ok=True)
            remove(final)  # of the same run's try before
            target.rename(final)
    except (OSError, ValueError) as error:
        raise BuildError(
            f"the index of '{manifest.table}' could not be written: {error}",
            asset=asset.name,
            place=asset.place,
            mend=f"Is there space in {context.lake.folder}? The index before still answers.",
        ) from error
    return state


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

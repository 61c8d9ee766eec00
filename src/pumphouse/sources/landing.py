"""What was gathered meets what is there: the one path by which every source becomes a table.

    visit -> read -> spool -> types -> rows and cells held back -> staged files -> one commit

`read` is all that differs between files, databases, functions and websites.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.sources import Mode, mode
from pumphouse.engines.engine import HIDDEN_COLUMNS, Written
from pumphouse.engines.parquet import write_batches
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.schemas import refuse_narrowing
from pumphouse.sources import columns, contracts, fetch, merging, patching, replaying
from pumphouse.sources.ahead import Ahead, Staged
from pumphouse.sources.fetch import Visit
from pumphouse.sources.rows import ORDER, require_names
from pumphouse.sources.shaping import Shape, Shaping
from pumphouse.sources.spool import Spool

Read = Callable[[Visit, Spool], None]
"""Reads all that a visit has to give into the spool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Landing:
    """A build on its way: how its rows meet the table's, and what there is of the table."""

    asset: Asset
    context: Context
    how: Mode
    cursor: str | None
    history: bool
    visits: tuple[Visit, ...]
    known: dict[str, pa.DataType]
    """The table's columns; empty before the first build."""
    replays: bool = False
    """Whether only recorded visits are read of which something was set aside."""

    @property
    def starts_over(self) -> bool:
        """Whether the table becomes what these visits brought, and nothing that was there before."""
        return self.visits[0].whole and not self.compares and not self.patches and not self.replays

    @property
    def stages_ahead(self) -> bool:
        """Whether its rows are staged while they come: they are all new, and will be committed if they come."""
        is_first = not self.known or self.context.mode == "refetch"
        is_live = len(self.visits) == 1 and self.visits[0].recorded is None
        return is_first and is_live and self.starts_over and not self.history and self.context.sample is None

    @property
    def compares(self) -> bool:
        """Whether all there is came from the world just now, to be compared with the table key by key."""
        is_normal = self.context.mode == "normal" and not self.context.accept_schema
        return self.how == "compare" and not self.history and is_normal and bool(self.known) and not self.patches

    @property
    def patches(self) -> bool:
        """Whether only what is new was read, beside rows of the table that stay."""
        return self.visits[0].replaced is not None


def gather(
    asset: Asset,
    context: Context,
    read: Read,
    *,
    cursor: str | None = None,
    history: bool = False,
) -> Built:
    """Build a gathered asset. Raises SourceError; what was read before it stays stored, and nothing is committed."""
    if history and not asset.common.key:
        raise ConfigError(
            f"'{asset.name}' keeps a history of no key", asset=asset.name, mend="Declare key=... beside history=True."
        )
    if context.settings.get("replay") and not replaying.is_needed(asset, context):
        return Built(asset=asset.name, snapshot=None, note="nothing of it is set aside")
    how = mode(key=asset.common.key, cursor=cursor)
    visits = fetch.visits(asset, context, whole=how in ("replace", "compare") and not history)
    picked = replaying.picked(asset, context, visits, how=how, history=history)
    landing = _Landing(
        asset=asset,
        context=context,
        how=how,
        cursor=cursor,
        history=history,
        visits=picked,
        known=_known(asset, context),
        replays=len(picked) < len(visits),
    )
    if history and not landing.visits[0].whole:
        fetch.date_after(landing.visits[0], fetch.newest_visit(context.lake.history(asset.name), context.lake.blobs))
    built = _gathered(landing, read)
    if built is None and landing.replays:  # what was clean comes out otherwise too
        again = dataclasses.replace(landing, replays=False, visits=fetch.visits(asset, context, whole=False))
        built = _gathered(again, read)
    if built is None and landing.patches:  # beside what is new, all is read again
        landing.visits[0].replaced = None
        built = _gathered(landing, read)
    if built is None:  # a column outgrew the type it has: all of it is read once more
        everything = fetch.as_recorded((*fetch.recorded(asset, context), *landing.visits), context.lake.blobs)
        full = dataclasses.replace(context, mode="full")
        again = dataclasses.replace(landing, context=full, visits=everything)
        built = _gathered(again, read)
    assert built is not None  # what starts over takes any type
    return built


def _gathered(landing: _Landing, read: Read) -> Built | None:
    """What these visits make of the table; None where it has to be made of all that ever came."""
    asset, context = landing.asset, landing.context
    times = (asset.common.time.event, asset.common.time.known, landing.cursor)
    ahead = Ahead(partial(_shape, landing), partial(_stage, landing))
    with (
        Spool(
            context.lake.folder / "scratch" / f"gather_{asset.name}",
            asset=asset.name,
            run=context.run,
            times=frozenset(name for name in times if name),
            rows_max=context.sample,
            progress=context.progress,
            is_typed=ahead.begin if landing.stages_ahead and not _terms(landing) else lambda spool: None,
        ) as spool,
        ahead,
    ):
        for visit in landing.visits:
            spool.begin(visit)
            visit.exchanges_max = None if context.sample is None else fetch.SAMPLE_EXCHANGES_MAX
            try:
                read(visit, spool)
            except SourceError:
                if not (visit.is_exhausted and spool.rows):
                    raise
        spool.complete()
        if _has_same_answers(landing):
            return Built(asset=asset.name, snapshot=None, note="nothing new")
        replaced = landing.visits[0].replaced
        if replaced is not None and not (
            contracts.tells_each_alone(asset, context, spool)
            and patching.fits(context.lake, asset.name, spool, known=landing.known, replaced=replaced)
        ):
            return None
        return _land(landing, spool, ahead)


def _known(asset: Asset, context: Context) -> dict[str, pa.DataType]:
    if asset.name not in context.lake.tables():
        return {}
    return {
        field.name: columns.MOMENT if pa.types.is_timestamp(field.type) and field.type.tz else field.type
        for field in context.lake.stored_schema(asset.name)
        if field.name not in HIDDEN_COLUMNS
    }


def _has_same_answers(landing: _Landing) -> bool:
    """Whether everything was asked for and got the very bytes that the table was made from."""
    if not landing.known or landing.context.mode != "normal" or not landing.visits[0].whole:
        return False
    lake = landing.context.lake
    last = landing.visits[0].since or fetch.last_visit(lake.history(landing.asset.name), lake.blobs)
    return last is not None and last.manifest.answers == fetch.manifest_of(landing.visits[0]).answers


def _land(landing: _Landing, spool: Spool, ahead: Ahead) -> Built | None:
    asset, lake = landing.asset, landing.context.lake
    if not spool.rows and spool.ledger.rows and asset.common.key and not landing.known and not spool.kinds:
        _refuse_emptiness(landing, spool)  # what was withheld is in no column, and a key is one
    if not spool.rows and not spool.ledger.rows:
        _refuse_emptiness(landing, spool)
        stays = landing.known and not landing.starts_over and not landing.visits[0].replaced
        if stays and not spool.listings and not _has_moved(landing):
            return Built(asset=asset.name, snapshot=None, note="nothing new", warnings=tuple(spool.warnings))
    before = replaying.SetAside.now(lake, asset.name) if landing.context.settings.get("replay") else None
    shape = _shape(landing, spool)
    if shape.terms and not landing.starts_over and contracts.outgrows(shape.terms, shape.kinds):
        return None
    if landing.replays and shape.kinds != landing.known:
        return None
    undecided = _undecided(landing, spool)
    if undecided and not landing.starts_over:
        return None
    staged = ahead.staged()
    if staged is None:
        shaping = Shaping(spool, shape)
        staged = Staged(shaping, *_stage(landing, shaping))
    shaping, rows, merged = staged
    assert shaping.shape == shape  # the columns were declared before they came
    replaced = landing.visits[0].replaced
    if shape.terms and spool.rows and not rows.rows:
        _refuse_emptiness(landing, spool)
    if landing.replays and not replaying.fits(lake, asset, rows, visits=landing.visits, how=landing.how):
        return None
    entries = merging.new_entries(
        lake,
        spool.ledger.close(),
        table=None if landing.starts_over or landing.replays or replaced else asset.name,
        stem=f"{shaping.stem}_quarantine",
    )

    gone = 0
    # Under a contract the columns are what its answers make of them.
    takes_any = bool(shape.terms or undecided)
    commit = (dataclasses.replace(landing.context, accept_schema=True) if takes_any else landing.context).begin(asset)
    if landing.starts_over:
        commit.replace(asset.name, rows, key=() if landing.history else asset.common.key)
        commit.replace_quarantine(asset.name, entries)
    elif landing.replays:
        replaying.land(commit, lake, asset, rows, entries, visits=landing.visits, how=landing.how)
    elif landing.how == "replace":
        patching.patch(commit, lake, asset.name, rows, entries, folder=spool.folder, replaced=replaced or ())
    else:
        gone = _add(landing, commit, rows, shaping)
        commit.quarantine(asset.name, entries)
    if not landing.replays:
        commit.cursor(landing.visits[-1].cursor if shaping.newest is None else shaping.newest)
        commit.raw(fetch.store(landing.visits, lake.blobs, at=landing.context.now))
    held_back = spool.ledger.rows + shaping.dropped + merged
    counts = Counts(
        rows_in=spool.rows + shaping.lines_withheld,
        rows_out=spool.rows + shaping.lines_withheld - held_back,
        quarantined=spool.ledger.cells,
        dropped=shaping.dropped,
        merged=merged,
        withheld=spool.ledger.rows,
    )
    build = commit.publish(counts)
    note = before.told(spool.ledger) if before else "" if build else "nothing new"
    if build and gone:
        removed = f"removed {gone:,} {'row' if gone == 1 else 'rows'} that the source has no more"
        note = f"{note}; {removed}" if note else removed
    return Built.of(asset.name, build, counts=counts, note=note, warnings=tuple(spool.warnings))


def _has_moved(landing: _Landing) -> bool:
    """Whether the visit itself got further than the one before, though no row came of it."""
    last = landing.context.lake.builds().get(landing.asset.name)
    return last is not None and landing.visits[-1].cursor != last.cursor


def _refuse_emptiness(landing: _Landing, spool: Spool) -> None:
    """Raise SourceError where no row came, and that would empty a table or make one without columns."""
    name, context = landing.asset.name, landing.context
    if not landing.known and not spool.kinds:
        raise SourceError(
            f"'{name}' has given no row yet, so its columns are not known",
            asset=name,
            mend="Run again when there is one.",
        )
    lists_none = bool(spool.listings) and not any(spool.listings.values())
    is_all = context.mode == "normal" and (landing.starts_over or landing.compares or lists_none)
    if is_all and landing.known and merging.has_rows(context.lake, name):
        raise SourceError(
            f"'{name}' gave no row{' that may go in' if spool.rows else ''}, and its table would be emptied",
            asset=name,
            mend=f"If there really is none any more: pumphouse run {name} --refetch",
        )


def _shape(landing: _Landing, spool: Spool) -> Shape:
    asset, context = landing.asset, landing.context
    if spool.kinds:
        require_names(_declared(landing), spool.kinds, asset=asset.name)
    terms = _terms(landing)
    kinds = contracts.kinds_of(terms, spool) if terms and spool.kinds else _kinds(landing, spool)
    return Shape(
        asset=asset.name,
        kinds=kinds,
        key=asset.common.key,
        required=asset.common.required,
        cursor=landing.cursor,
        appends=landing.how == "append",
        known=asset.common.time.known,
        terms=terms,
        zone=context.zone,
    )


def _terms(landing: _Landing) -> contracts.Terms | None:
    return contracts.terms_of(landing.asset, landing.context, known=landing.known)


def _kinds(landing: _Landing, spool: Spool) -> dict[str, pa.DataType]:
    """The table's columns where nothing was promised of them."""
    asset, known, context = landing.asset, landing.known, landing.context
    undecided = _undecided(landing, spool)
    fresh = {name for name, seen in spool.kinds.items() if seen} if context.accept_schema else undecided
    kinds = {name: spool.kind_of(name, known=None if name in fresh else known.get(name)) for name in spool.kinds}
    if undecided and not context.accept_schema:  # of the others none is accepted along
        old, new = ({name: one for name, one in both.items() if name not in undecided} for both in (known, kinds))
        refuse_narrowing(asset.name, old=pa.schema([*old.items()]), new=pa.schema([*(old | new).items()]))
    kinds = {name: kinds[name] for name in (*known, *kinds) if name in kinds} or known
    if landing.patches:
        kinds = known
    # Rows that are dicts leave out what is null. But one column gone and another come may be a rename.
    if not spool.has_every_column and not kinds.keys() - known.keys():
        kinds |= {name: kind for name, kind in known.items() if name not in kinds}
    if known.keys() - kinds.keys() and not context.accept_schema and not landing.replays:
        refuse_narrowing(asset.name, old=pa.schema([*known.items()]), new=pa.schema([*kinds.items()]))
    return kinds


def _undecided(landing: _Landing, spool: Spool) -> frozenset[str]:
    """Columns that the declaration names, with no value in the table so far: those that come decide their type.

    It is a time, or text, where none came.
    """
    asset, known = landing.asset, landing.known
    others = (
        name
        for name in _declared(landing)
        if known.get(name) in (columns.MOMENT, pa.string())
        and spool.kinds.get(name)
        and spool.kind_of(name, known=None) != known[name]
    )
    return frozenset(name for name in others if not merging.has_rows(landing.context.lake, asset.name, with_value=name))


def _declared(landing: _Landing) -> dict[str, str]:
    """The columns that the declaration names, and what for."""
    common = landing.asset.common
    return {
        **dict.fromkeys(common.required, "the required column"),
        **({common.time.event: "the time of the event"} if common.time.event else {}),
        **({common.time.known: "the time it was known"} if common.time.known else {}),
        **({landing.cursor: "the cursor"} if landing.cursor else {}),
        **dict.fromkeys(common.key, "the key"),
    }


def _stage(landing: _Landing, shaping: Shaping) -> tuple[Written, int]:
    """Files of the table's new rows in the lake's data path, and how many were merged into others of their key."""
    lake, key, schema = landing.context.lake, landing.asset.common.key, shaping.shape.schema
    if key and len(landing.visits) > 1 and not landing.history:
        return _replayed(landing, shaping)
    if not landing.history:
        plain = pa.schema([field for field in schema if field.name != ORDER])
        staged = lake.stage(
            (batch.drop_columns([ORDER]) for batch in shaping.batches()), plain, stem=shaping.stem, key=key
        )
        if landing.how == "append":
            return _with_those_not_there(landing, shaping, staged), 0
        if not key or shaping.has_unique_keys:
            return replace(staged, key=key), 0
        rows = merging.last_of_key(lake, staged, key=key, stem=shaping.stem)
        return rows, staged.rows - rows.rows
    arrived = write_batches(shaping.batches(), schema, folder=shaping.folder, stem="arrived")
    found = merging.last_of_key_and_visit(lake, arrived, key=key, folder=shaping.folder)
    existing = None if landing.starts_over else lake.scan(landing.asset.name)
    return merging.new_versions(lake, found, existing=existing, key=key, stem=shaping.stem), arrived.rows - found.rows


def _with_those_not_there(landing: _Landing, shaping: Shaping, staged: Written) -> Written:
    """Rows that are added, and those among them that are so because nobody brought them before."""
    again = shaping.again.close()
    if not again.rows:
        return staged
    lake, cursor = landing.context.lake, shaping.shape.cursor
    assert cursor is not None  # else it would not append
    existing = None if landing.starts_over else lake.scan(landing.asset.name)
    new = merging.not_there(lake, again, existing=existing, cursor=cursor, stem=f"{shaping.stem}_again")
    shaping.dropped += again.rows - new.rows
    return replace(staged, files=staged.files + new.files, rows=staged.rows + new.rows) if new.rows else staged


def _replayed(landing: _Landing, shaping: Shaping) -> tuple[Written, int]:
    """Files of what one visit after the other left there: a row that came again unchanged stays the one it was."""
    lake, key = landing.context.lake, landing.asset.common.key
    arrived = here = write_batches(shaping.batches(), shaping.shape.schema, folder=shaping.folder, stem="arrived")
    if shaping.lists:
        listed = _listed(shaping)
        here = merging.not_removed(lake, arrived, listed=listed, at=shaping.lists, key=key, folder=shaping.folder)
    found = merging.last_of_key_and_visit(lake, here, key=key, folder=shaping.folder)
    versions = merging.new_versions(lake, found, existing=None, key=key, stem="new", folder=shaping.folder)
    rows = merging.latest_version(lake, versions, key=key, stem=shaping.stem)
    return replace(rows, key=key), arrived.rows - rows.rows


def _listed(shaping: Shaping) -> Written:
    """Files of the keys that were listed."""
    return write_batches(shaping.keys(), shaping.schema_of_keys, folder=shaping.folder, stem="listed")


def _add(landing: _Landing, commit: Commit, rows: Written, shaping: Shaping) -> int:
    """Add rows to the table that is there; how many left it, since the source has them no more."""
    name, key = landing.asset.name, landing.asset.common.key
    if landing.history or landing.how == "append":
        commit.append(name, rows)
        return 0
    commit.upsert(name, rows, key=key)
    if landing.compares or shaping.lists:
        lake = landing.context.lake
        here = (rows,) if landing.compares else (rows, _listed(shaping))
        gone = merging.keys_gone(lake, *here, existing=lake.scan(name), key=key, stem=f"{shaping.stem}_gone")
        commit.delete_keys(name, gone, key=key)
        return gone.rows
    return 0

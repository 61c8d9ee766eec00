"""Cleaning again only the rows that were set aside, after a rule was mended.

That is right only where the mended rule leaves alone what was clean before. So a sample of the other rows is cleaned
too, and compared with what the table holds; one that comes out otherwise, and all is refused.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pumphouse.cleaning.fits import stored_fits
from pumphouse.cleaning.work import Outcome, Work, kept
from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Written
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError
from pumphouse.lake.builds import Counts, quarantine_of, row_id
from pumphouse.lake.context import Built, Context

COMPARED_ROWS = 10_000
"""About so many rows that were clean before are looked at again."""
SET_ASIDE = "_set_aside"
"""The column that tells rows that were set aside from those that are only compared."""


def replay(asset: Asset, context: Context) -> Built:
    """The table with the rows that stand in its quarantine cleaned anew; the others stay as they are.

    Raises ConfigError, and changes nothing, where only a whole build can be right: without a key, with an input that
    changed, a step that needs all rows or that has not learnt yet, or a rule that changes rows that were clean.
    """
    with tempfile.TemporaryDirectory(dir=context.lake.staging(), prefix=f"{asset.name}_replay_") as name:
        folder = Path(name)
        work = Work(asset=asset, context=context, folder=folder)
        fits = stored_fits(asset, context)
        unlearnt = [step.step.name for step in work.steps if step.fit_name and not fits.has(step.fit_name)]
        whole = [step.step.name for step in work.steps if step.is_whole]
        changed = [step.step.name for step in work.steps if step.target in asset.common.key]
        _refuse(asset, context, unlearnt=unlearnt, whole=whole, changed=changed)
        picked = _pick(asset, context, work, folder)
        staged = work.scan_of(picked)
        columns = [column for column in staged.schema.names if column != SET_ASIDE]
        compared = work.clean(fits, source=staged.where(f"NOT {SET_ASIDE}").only(columns))
        _refuse_otherwise(asset, context, work, compared)
        _refuse_lacking(asset, context, work, picked)
        cleaned = work.clean(fits, source=staged.where(SET_ASIDE).only(columns))
        gone = context.lake.engine.write(_gone(asset, work, cleaned.rows, picked), folder=folder, stem="gone")
        rows, quarantine, gone = (kept(one, folder=folder) for one in (cleaned.rows, cleaned.quarantine, gone))
    commit = context.begin(asset)
    commit.upsert(asset.name, rows, key=asset.common.key)
    if gone.rows:
        commit.delete_keys(asset.name, gone, key=asset.common.key)
    commit.replace_quarantine(asset.name, quarantine)
    commit.detail(replayed=cleaned.rows_in)
    counts = Counts(
        rows_in=cleaned.rows_in,
        rows_out=rows.rows,
        quarantined=quarantine.rows - cleaned.withheld,
        withheld=cleaned.withheld,
    )
    said = "row that was" if cleaned.rows_in == 1 else "rows that were"
    looked_at = f"{compared.rows_in:,} of the others were looked at and come out the same"
    note = f"cleaned the {cleaned.rows_in:,} {said} set aside again; {looked_at}, and all of them stand"
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note)


def _refuse(asset: Asset, context: Context, *, unlearnt: list[str], whole: list[str], changed: list[str]) -> None:
    """Raise ConfigError where the rows that were set aside can't be cleaned without the others."""
    last = context.lake.builds().get(asset.name)
    if last is None or not context.lake.has(quarantine_of(asset.name), snapshot=context.snapshot):
        why = "it was not built yet"
    elif not asset.common.key:
        why = "it has no key by which a row that was set aside could be found again"
    elif dict(last.inputs) != dict(context.inputs):
        why = f"'{asset.spec.input}' changed since it was built"
    elif whole:
        why = f"{whole[0]} looks at all rows at once"
    elif unlearnt:
        why = f"{unlearnt[0]} has not learnt yet what to do"
    elif changed:
        why = f"{changed[0]} changes its key"
    else:
        return
    raise _refusal(asset, why)


def _refusal(asset: Asset, why: str) -> ConfigError:
    return ConfigError(
        f"'{asset.name}' can't be cleaned for its quarantine alone: {why}",
        asset=asset.name,
        place=asset.place,
        mend=f"Build all of it: pumphouse run {asset.name}",
    )


def _pick(asset: Asset, context: Context, work: Work, folder: Path) -> Written:
    """The rows of the input that were set aside, and every so many of the others, in one pass over it.

    Raises ConfigError where the quarantine names rows that are not found.
    """
    lake, key = context.lake, asset.common.key
    source = work.source
    aside = lake.scan(quarantine_of(asset.name), snapshot=context.snapshot)
    every = max(1, lake.count(asset.spec.input, snapshot=context.snapshot) // COMPARED_ROWS)
    no_key = " OR ".join(f"{quoted(name)} IS NULL" for name in key)
    hashed = f"hash({', '.join(map(quoted, key))}) % {every} = 0"
    columns = ", ".join(map(quoted, source.schema.names))
    text = (
        f"SELECT {columns}, {row_id(key)} IN (SELECT row_id FROM aside WHERE row_id IS NOT NULL) OR {no_key} "
        f"AS {SET_ASIDE} FROM staged"
    )
    query = Query(
        text=f"SELECT * FROM ({text}) AS told WHERE {SET_ASIDE} OR {hashed}", inputs={"staged": source, "aside": aside}
    )
    picked = lake.engine.write(query, folder=folder, stem="picked")
    named = Query(text="SELECT count(DISTINCT row_id) AS named FROM aside", inputs={"aside": aside})
    found = Query(
        text=f"SELECT count(*) AS named FROM picked WHERE {SET_ASIDE} AND NOT ({no_key})",
        inputs={"picked": work.scan_of(picked)},
    )
    wanted, there = (lake.engine.read(one).read_all()["named"][0].as_py() for one in (named, found))
    if wanted != there:
        raise _refusal(asset, f"of {wanted:,} rows that its quarantine names {there:,} are found in the input")
    return picked


def _refuse_otherwise(asset: Asset, context: Context, work: Work, compared: Outcome) -> None:
    """Raise ConfigError where a row that was clean before comes out otherwise than it stands in the table."""
    lake, key = context.lake, asset.common.key
    stored = lake.scan(asset.name, snapshot=context.snapshot)
    columns = [name for name in compared.rows.schema.names if name not in HIDDEN_COLUMNS]
    if columns != list(stored.columns):
        raise _refusal(asset, f"its columns become {', '.join(columns)}")
    same_key = " AND ".join(f"stored.{quoted(name)} = again.{quoted(name)}" for name in key)
    others = " OR ".join(f"stored.{quoted(name)} IS DISTINCT FROM again.{quoted(name)}" for name in columns)
    text = f"""
        SELECT count(*) AS others FROM again LEFT JOIN stored ON {same_key}
        WHERE stored.{quoted(key[0])} IS NULL OR {others}
    """
    query = Query(text=text, inputs={"stored": stored.only(columns), "again": work.scan_of(compared.rows)})
    others_found = lake.engine.read(query).read_all()["others"][0].as_py() + compared.withheld
    if others_found or compared.quarantine.rows:
        number = max(others_found, compared.quarantine.rows)
        raise _refusal(
            asset, f"{number:,} of {compared.rows_in:,} rows that were clean come out otherwise by the rules of now"
        )


def _refuse_lacking(asset: Asset, context: Context, work: Work, picked: Written) -> None:
    """Raise ConfigError where a row that stays lacks a column that is required now."""
    if not asset.common.required:
        return
    same_key = " AND ".join(f"picked.{quoted(name)} = stored.{quoted(name)}" for name in asset.common.key)
    lacks = " OR ".join(f"stored.{quoted(name)} IS NULL" for name in asset.common.required)
    text = f"""
        SELECT count(*) AS rows FROM stored ANTI JOIN (FROM picked WHERE {SET_ASIDE}) AS picked ON {same_key}
        WHERE {lacks}
    """
    stored = context.lake.scan(asset.name, snapshot=context.snapshot)
    query = Query(text=text, inputs={"stored": stored, "picked": work.scan_of(picked)})
    if found := context.lake.engine.read(query).read_all()["rows"][0].as_py():
        needed = " or ".join(asset.common.required)
        said = "row that was clean lacks" if found == 1 else "rows that were clean lack"
        raise _refusal(asset, f"{found:,} {said} the required {needed}")


def _gone(asset: Asset, work: Work, rows: Written, picked: Written) -> Query:
    """The keys of rows that were set aside and now do not come out at all."""
    listed = ", ".join(f"picked.{quoted(name)}" for name in asset.common.key)
    same_key = " AND ".join(f"again.{quoted(name)} = picked.{quoted(name)}" for name in asset.common.key)
    return Query(
        text=f"SELECT {listed} FROM picked ANTI JOIN again ON {same_key} WHERE picked.{SET_ASIDE}",
        inputs={"picked": work.scan_of(picked), "again": work.scan_of(rows)},
    )

"""Building a cleaned table: rows, quarantine and fits in one commit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pumphouse.cleaning.fits import Fits, fit_batch, stored_fits
from pumphouse.cleaning.replay import replay
from pumphouse.cleaning.table_step import CROSSWALK, PAIRS
from pumphouse.cleaning.work import Work, kept
from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Written
from pumphouse.errors import PumphouseError
from pumphouse.lake.builds import Counts, fit_of
from pumphouse.lake.context import Built, Context


def build(asset: Asset, context: Context) -> Built:
    """The cleaned table, made anew from its input. What `fill` and `drop` learn is kept, until `--refit`.

    Raises UnknownName for a column that is not there, KeyConflict where two rows have one key after the last step.
    """
    try:
        return replay(asset, context) if context.settings.get("replay") else _build(asset, context)
    except PumphouseError as error:
        error.asset, error.place = error.asset or asset.name, error.place or asset.place
        raise


def _build(asset: Asset, context: Context) -> Built:
    refit = bool(context.settings.get("refit"))
    stored = stored_fits(asset, context)
    with tempfile.TemporaryDirectory(dir=context.lake.staging(), prefix=f"{asset.name}_") as folder:
        work = Work(asset=asset, context=context, folder=Path(folder))
        fits = work.learn(Fits() if refit else stored)
        cleaned = work.clean(fits)
        rows, quarantine = (kept(written, folder=Path(folder)) for written in (cleaned.rows, cleaned.quarantine))
        tables = {suffix: kept(written, folder=Path(folder)) for suffix, written in cleaned.tables.items()}
    # Whoever asks for new fits asks for other columns to be dropped.
    commit = replace(context, accept_schema=context.accept_schema or refit).begin(asset)
    commit.replace(asset.name, rows, key=asset.common.key)
    commit.replace_quarantine(asset.name, quarantine)
    for suffix, written in tables.items():
        commit.replace(f"{asset.name}__{suffix}", written)
    for table in _left_over(asset, context, tables):
        commit.replace(
            table, context.lake.stage([], context.lake.stored_schema(table), stem=f"{Path(folder).name}_none")
        )
    if fits != stored:
        batch = fit_batch(fits)
        commit.replace(fit_of(asset.name), context.lake.stage([batch], batch.schema, stem=f"{Path(folder).name}_fit"))
    counts = Counts(
        rows_in=cleaned.rows_in,
        rows_out=rows.rows,
        quarantined=quarantine.rows - cleaned.withheld,
        withheld=cleaned.withheld,
        merged=cleaned.merged,
    )
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=", ".join(work.told(fits)))


def _left_over(asset: Asset, context: Context, tables: Mapping[str, Written]) -> list[str]:
    """Tables of a step that is no longer declared: they say nothing any more."""
    names = [f"{asset.name}__{suffix}" for suffix in (CROSSWALK, PAIRS) if suffix not in tables]
    own = context.lake.tables()
    return [name for name in names if name in own and name not in context.assets]

"""What came of an asset whose result is no table: a feature's columns, a model's versions, a rollout's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.errors import UnknownName
from pumphouse.experiments.build import last_verdict
from pumphouse.features.description import feature_text
from pumphouse.features.values import World
from pumphouse.indexes.standing import standing
from pumphouse.lake.lake import Lake
from pumphouse.models.card import about, card, judgement_text
from pumphouse.models.decisions import arms_text
from pumphouse.models.judgement import judge
from pumphouse.models.rollouts import arms


def result_text(lake: Lake, assets: Mapping[str, Asset], asset: Asset, *, folder: Path) -> str:
    """Lines that a person reads; empty for a kind whose result is a table or a file. `folder` is the project's."""
    match asset.kind:
        case "model":
            return card(lake, assets, asset)
        case "rollout":
            return _rollout_text(lake, assets, asset)
    return standing_text(lake, assets, asset, folder=folder)


def standing_text(lake: Lake, assets: Mapping[str, Asset], asset: Asset, *, folder: Path) -> str:
    """The same without what came true of predictions, for a page that draws their performance."""
    match asset.kind:
        case "feature":
            functions = sql_functions(folder)
            return feature_text(
                World(engine=lake.engine.fork(), scan=lake.scan, assets=assets, functions=functions), asset.name
            )
        case "model":
            return about(lake, assets, asset)
        case "rollout":
            try:
                return arms_text(arms(lake, asset))
            except UnknownName as error:
                return str(error)
        case "online":
            return _online_text(lake, asset)
        case "search":
            return standing(lake, asset)
        case "experiment":
            try:
                return last_verdict(lake, asset.name).text
            except UnknownName:
                return f"No verdict yet. Make one: pumphouse run {asset.name}"
    return ""


def _online_text(lake: Lake, asset: Asset) -> str:
    builds = lake.history(asset.name)
    if not builds:
        return f"Never published. Publish it: pumphouse run {asset.name}"
    detail, age = builds[-1].detail, asset.spec.max_age
    held = f"; values older than {age} are expired" if age else ""
    return (
        f"Generation {detail['generation']} covers {builds[-1].counts.rows_out:,} entities at snapshot "
        f"{detail['covers']}, as of {datetime.fromisoformat(detail['as_of']):%Y-%m-%d %H:%M %Z}{held}"
    )


def _rollout_text(lake: Lake, assets: Mapping[str, Asset], rollout: Asset) -> str:
    try:
        answers = arms_text(arms(lake, rollout))
    except UnknownName as error:
        return str(error)
    if rollout.spec.outcome is None:
        return f"{answers}\nNo outcome is declared, so nobody can tell how good the answers were."
    return f"{answers}\n{judgement_text(judge(lake, assets, rollout))}"

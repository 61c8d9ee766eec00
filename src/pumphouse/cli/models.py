"""`model show`, `promote`, `rollback`, `diff`, `export`, `import`: versions of models, and which of them answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.declare.asset import Asset
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.models.account import account
from pumphouse.models.card import about, rollouts_of, version_text
from pumphouse.models.diff import difference, difference_text
from pumphouse.models.mlflow import export_mlflow
from pumphouse.models.onnx import export_onnx
from pumphouse.models.registry import live, parse_version, versions
from pumphouse.models.registry import version as version_of_model


def show(model: str, /, *, json: bool = False, call: Call) -> None:
    """Show a model: its versions, what they learned from, and how its rollouts do: quality, drift, callers, worth.

    For example:

        pumphouse model show returns

    Args:
        model: Name of the model, or of a rollout.
        json: Print its versions and how its rollouts do as JSON.
    """
    with open_project(call) as project:
        asset = project.graph.asset(model)
        if asset.kind == "rollout":
            told = project.performance(model)
            print_json(told) if json else print_text(account(told))
            return
        if asset.kind != "model":
            models = [name for name, one in project.graph.assets.items() if one.kind == "model"]
            there = f"There is {', '.join(models)}." if models else None
            raise UnknownName(f"'{model}' is no model", asset=model, mend=did_you_mean(model, models) or there)
        known = versions(project.lake, model)
        project.reader().record((model,), project.lake.snapshot(), len(known))
        rollouts = [project.performance(each.name) for each in rollouts_of(project.graph.assets, model)]
        if json:
            number = live(project.lake, model).number if known else None
            print_json({"model": model, "live": number, "versions": known, "rollouts": rollouts})
        else:
            print_text("\n\n".join([about(project.lake, project.graph.assets, asset), *map(account, rollouts)]))


def promote(
    version: str, /, *, share: float | None = None, accept_schema: bool = False, json: bool = False, call: Call
) -> None:
    """Make a version of a model the one that answers, for all or for a share of the entities.

    For example:

        pumphouse model promote returns@8 --share 0.1

    Args:
        version: The model and the version's number.
        share: Let it answer for this share (0..1) beside the live version, for the same entities each time.
        accept_schema: Promote it even if requests have to name other columns from now on.
        json: Print what was done as JSON.
    """
    model, _ = parse_version(version)
    with open_project(call) as project:
        project.graph.asset(model)
        before = live(project.lake, model)
        build = project.promote(version, share=share, accept_schema=accept_schema)
    if json:
        print_json(
            {
                "live": version if share is None else before.name,
                "before": before.name,
                "canary": None if share is None else version,
                "share": share,
                "snapshot": build.snapshot,
            }
        )
    elif share is None:
        print_text(f"{version} answers from snapshot {build.snapshot} on; before it was {before.name}.")
    else:
        print_text(
            f"{version} answers for {100 * share:.3g}% of the entities from snapshot {build.snapshot} on, "
            f"{before.name} for the others.\n"
            f"For all: pumphouse model promote {version}. Not at all: pumphouse model rollback {model}."
        )


def rollback(model: str, /, *, json: bool = False, call: Call) -> None:
    """Take back the last promotion of a model: end its canary, or else make the version live that was before.

    For example:

        pumphouse model rollback returns

    Args:
        model: Name of the model.
        json: Print what was done as JSON.
    """
    with open_project(call) as project:
        project.graph.asset(model)
        done = project.roll_back(model)
    if json:
        print_json({"taken_back": done.taken_back, "was": done.was, "live": done.live, "snapshot": done.build.snapshot})
    else:
        was = "no longer a canary" if done.was == "canary" else "no longer live"
        print_text(f"{done.taken_back} is {was}: {done.live} answers for all from snapshot {done.build.snapshot} on.")


def diff(first: str, second: str, /, *, json: bool = False, call: Call) -> None:
    """Show what differs between two versions: code, features, rows, parameters, libraries, and what they say.

    Which is better is said only where it is sure, by what was held out from both.

    For example:

        pumphouse model diff returns@1 returns@2

    Args:
        first: A model and a version's number.
        second: The version that it is compared with.
        json: Print the difference as JSON.
    """
    with open_project(call) as project:
        lake = project.lake
        pair = [parse_version(one) for one in (first, second)]
        for model, _ in pair:
            project.asset(model, kind="model")
        before, after = (version_of_model(lake, model, number) for model, number in pair)
        found = difference(lake, before, after, act_above=_act_above(project.graph.assets, after.model))
        project.reader().record(tuple(dict.fromkeys(model for model, _ in pair)), lake.snapshot(), 2, detail="diff")
    if json:
        print_json(found)
    else:
        print_text(difference_text(found))


def export(
    version: str, /, *, to: Path, format: Literal["mlflow", "onnx"] = "mlflow", json: bool = False, call: Call
) -> None:
    """Write a version for other programs, only where it then says the same, to the bit, of all it learned from.

    For example:

        pumphouse model export returns@3 --to out/returns

    Args:
        version: The model and the version's number.
        to: The folder to write: an MLflow model, or one that gets the ONNX file.
        format: mlflow keeps the model's own format, for mlflow.pyfunc; onnx is for runtimes without Python.
        json: Print what was written as JSON.
    """
    with open_project(call) as project:
        model, number = parse_version(version)
        project.asset(model, kind="model")
        chosen = version_of_model(project.lake, model, number)
        write = export_mlflow if format == "mlflow" else export_onnx
        made = write(project.lake, chosen, to)
        project.reader().record((model,), chosen.snapshot, made.rows, detail=f"exported {version} as {format}")
    if json:
        print_json(made)
    else:
        print_text(f"{version} is in {made.path}: {made.note}.")


def import_(model: str, folder: Path, /, *, json: bool = False, call: Call) -> None:
    """Make the model in an MLflow folder the next version of a declared model, and compare it with the live one.

    Nothing of a stranger's is run: scikit-learn's is read as skops, LightGBM's and XGBoost's as their own; a pickle is
    refused. Its inputs have to be the model's features.

    For example:

        pumphouse model import returns from_mlflow/

    Args:
        model: Name of the model.
        folder: What MLflow's save_model wrote.
        json: Print the version and what differs as JSON.
    """
    with open_project(call) as project:
        build = project.import_model(model, folder)
        made = version_of_model(project.lake, model, build.detail["version"])
        current = live(project.lake, model)
        act_above = _act_above(project.graph.assets, model)
        found = difference(project.lake, current, made, act_above=act_above) if current.number != made.number else None
    if json:
        print_json({"version": made.name, "snapshot": build.snapshot, "difference": found})
        return
    print_text(version_text(made))
    if found:
        print_text(difference_text(found))
        print_text(f"To make it live: pumphouse model promote {made.name}")


def _act_above(assets: Mapping[str, Asset], model: str) -> float | None:
    """The prediction above which a rollout of the model says that somebody is acted on."""
    rollouts = (each.spec for each in assets.values() if each.kind == "rollout" and each.spec.model == model)
    return next((spec.worth.act_above for spec in rollouts if spec.worth), None)

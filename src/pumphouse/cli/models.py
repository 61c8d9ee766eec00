"""`model show`, `model promote`: versions of models, and which of them answers."""

from __future__ import annotations

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.models.card import card
from pumphouse.models.registry import live, parse_version, versions


def show(model: str, /, *, json: bool = False, call: Call) -> None:
    """Show a model: its versions, what they learned from, how good they were, and what came true.

    For example:

        pumphouse model show returns

    Args:
        model: Name of the model.
        json: Print its versions as JSON.
    """
    with open_project(call) as project:
        asset = project.graph.asset(model)
        if asset.kind != "model":
            models = [name for name, one in project.graph.assets.items() if one.kind == "model"]
            there = f"There is {', '.join(models)}." if models else None
            raise UnknownName(f"'{model}' is no model", asset=model, mend=did_you_mean(model, models) or there)
        known = versions(project.lake, model)
        project.reader().record((model,), project.lake.snapshot(), len(known))
        if json:
            print_json({"model": model, "live": live(project.lake, model).number if known else None, "versions": known})
        else:
            print_text(card(project.lake, project.graph.assets, asset))


def promote(version: str, /, *, json: bool = False, call: Call) -> None:
    """Make a version of a model the one that answers.

    For example:

        pumphouse model promote returns@7

    Args:
        version: The model and the version's number.
        json: Print what was done as JSON.
    """
    model, _ = parse_version(version)
    with open_project(call) as project:
        project.graph.asset(model)
        before = live(project.lake, model)
        build = project.promote(version)
    if json:
        print_json({"live": version, "before": before.name, "snapshot": build.snapshot})
    else:
        print_text(f"{version} answers from snapshot {build.snapshot} on; before it was {before.name}.")

"""A model as people read it: its versions, what they were made from, how good they were, and what came true."""

from __future__ import annotations

from collections.abc import Mapping

from pumphouse.declare.asset import Asset
from pumphouse.lake.lake import Lake
from pumphouse.models.decisions import decisions_text
from pumphouse.models.intervals import sided
from pumphouse.models.judgement import Judgement, judge
from pumphouse.models.learned_from import people_hidden_since_training
from pumphouse.models.quality import Quality
from pumphouse.models.registry import Version, live, versions


def card(lake: Lake, assets: Mapping[str, Asset], model: Asset) -> str:
    """What a model is and what came true of it: each number with its meaning, and the snapshot it was made at."""
    judged = [each for each in rollouts_of(assets, model.name) if each.spec.outcome]
    return "\n\n".join([about(lake, assets, model), *(judgement_text(judge(lake, assets, each)) for each in judged)])


def rollouts_of(assets: Mapping[str, Asset], model: str) -> list[Asset]:
    """The rollouts in which a model answers, takes a share, or listens."""
    return [each for each in assets.values() if each.kind == "rollout" and model in _asked(each)]


def about(lake: Lake, assets: Mapping[str, Asset], model: Asset) -> str:
    """What a model is: its versions, what they learned from, and how good they were then."""
    known = versions(lake, model.name)
    if not known:
        return f"{model.name}: no version yet. Train it: pumphouse run {model.name}"
    current = live(lake, model.name)
    parts = [f"{model.name}: {model.common.doc}" if model.common.doc else model.name, version_text(current)]
    if hidden := people_hidden_since_training(lake, current):
        were = "1 person was" if hidden == 1 else f"{hidden:,} people were"
        parts.append(
            f"{were} hidden since {current.name} was trained on them. Train it anew: pumphouse run {model.name}"
        )
    listed = [f"  {each.name}  {each.at:%Y-%m-%d %H:%M}  snapshot {each.snapshot}" for each in known]
    listed[current.number - 1] += "  live"
    parts.append("Versions\n" + "\n".join(listed))
    parts.append(decisions_text(lake, assets, model.name))
    return "\n\n".join(parts)


def _asked(rollout: Asset) -> tuple[str | None, ...]:
    """The models whose versions a rollout asks."""
    spec = rollout.spec
    return (spec.model, spec.shadow, spec.challenger.model if spec.challenger else None)


def version_text(version: Version) -> str:
    """One version in a few lines."""
    learned = (
        f"  {'measured on' if version.origin else 'learned from'} {version.rows:,} moments, {_of_the_label(version)}"
    )
    if version.unlabelled:
        learned += f"; {version.unlabelled:,} without a label left out"
    made = "imported" if version.origin else "trained"
    what = f"the chance of '{version.label}'" if version.task == "chance" else f"'{version.label}'"
    lines = [
        f"{version.name}, {made} {version.at:%Y-%m-%d %H:%M %Z} at snapshot {version.snapshot}",
        f"  {version.estimator}",
        f"  says {what} for a {', '.join(version.entity)}, from {', '.join(version.columns)}",
        learned,
        *(["  when rows were known is assumed to be when they happened"] if version.assumed else []),
        *(f"  too good to be true: {each}" for each in version.leaks),
        *([f"  {version.origin}; what it learned from there is not known here"] if version.origin else []),
        *quality_lines(
            "on the training set as of now" if version.origin else "on what it learned from", version.on_training_rows
        ),
        *(
            quality_lines("on a fifth of the entities, held out", version.held_out)
            if version.held_out
            else ["  on a fifth of the entities, held out: can't be told, " + _why_not(version)]
        ),
        f"  with {', '.join(f'{name} {number}' for name, number in version.packages.items())}",
    ]
    return "\n".join(lines)


def judgement_text(judgement: Judgement) -> str:
    """How good a rollout's predictions were, in a few lines."""
    lines = [f"{judgement.rollout}, judged by '{judgement.outcome}' at snapshot {judgement.snapshot}"]
    for each in judgement.versions:
        days = dict.fromkeys((str(each.first.date()), str(each.last.date())))
        lines += quality_lines(f"{each.version} ({each.role}), said {' to '.join(days)}", each.quality)
    if judgement.waiting:
        early = f"; {judgement.early:,} of them have one that was told before it is due" if judgement.early else ""
        lines.append(f"  {judgement.waiting:,} predictions wait for their outcome{early}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "  no prediction yet"])


def quality_lines(of: str, quality: Quality) -> list[str]:
    """A quality in words: whether it beats a guess, by how much, and how sure that is."""
    say = "{:.1%}".format if quality.task == "chance" else "{:,.4g}".format
    verdict = {True: "better than", False: "worse than", None: "not surely better than"}[quality.beats_guess]
    lines = [f"  {of} ({quality.rows:,} moments): {verdict} guessing {say(quality.guess)} for everyone"]
    number = "{:.4f}".format if quality.task == "chance" else "{:,.4g}".format
    side, *of_gain = sided(quality.gain, quality.gain_low, quality.gain_high)
    error, of_guess, gain, low, high = map(number, (quality.squared_error, quality.squared_error_of_guess, *of_gain))
    lines.append(f"    squared error {error} against {of_guess}, {side} by {gain} (95% interval {low} to {high})")
    ranks = f"; ranks a true one above a false one {quality.auc:.1%} of the time" if quality.auc is not None else ""
    came = "came true" if quality.task == "chance" else "came"
    lines.append(f"    expected {say(quality.mean_prediction)}, {came} {say(quality.mean_outcome)}{ranks}")
    if quality.task == "number":
        lines.append(f"    off by {quality.absolute_error:,.4g} on average")
    if quality.lift is not None:
        lines.append(f"    the tenth it is surest of: {quality.lift:.1f} times as many came true as among all")
    return lines


def _why_not(version: Version) -> str:
    return "it was not trained here" if version.origin else "they are too few, or their outcomes are alike"


def _of_the_label(version: Version) -> str:
    if version.positives is None:
        return f"'{version.label}' {version.guess:,.4g} on average"
    return f"{version.positives:,} of them true ({version.guess:.1%})"

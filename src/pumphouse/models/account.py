"""A performance in words: how good, how sure, and of what; each number with its meaning."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from pumphouse.models.drift import Drift
from pumphouse.models.intervals import Mean, sided
from pumphouse.models.performance import Gain, Performance
from pumphouse.models.worth import WorthOf

EVERYBODY = {
    True: " Acting on everybody would have brought less.",
    False: " Acting on everybody would have brought more.",
    None: " Acting on everybody would not surely have brought less.",
}
"""What a worth is beside that of a rule that needs no model, by whether it is above that."""


def account(told: Performance) -> str:
    """The text of a rollout's performance: a sentence first, then what it stands on."""
    lines = [f"{told.rollout}, judged by '{told.outcome}' at snapshot {told.snapshot}", f"  {summary(told)}"]
    lines += _quality(told)
    lines += _segments(told)
    lines += _calibration(told)
    lines += [f"  {line}" for one in told.worth for line in worth_lines(one)]
    lines += _operation(told)
    lines += [f"  {drift_line(one)}" for one in told.drift]
    lines += [f"  {skew_line(told)}"] if told.skew else []
    lines += [f"  not known: {why}" for why in told.unknown]
    return "\n".join(lines)


def summary(told: Performance) -> str:
    """One sentence: since when which version beats guessing by how much, and what that is worth."""
    if told.version is None:
        return "Nothing was predicted yet."
    waiting = f" {told.waiting:,} predictions wait for their outcome" if told.waiting else ""
    waiting += f", {told.early:,} of them with one that was told before it is due" if told.early else ""
    waiting += "." if waiting else ""
    mine = next((one for one in told.overall if one.version == told.version and one.role == "live"), None)
    mine = mine or next(iter(told.overall), None)
    if mine is None:
        return f"{told.version} has made {told.predictions:,} predictions; none can be judged yet.{waiting}"
    if mine.gain.value is None:
        said = (
            f"Since {_day(mine.first)} {mine.version} has {mine.gain.rows:,} predictions that can be judged, about "
            f"{mine.gain.entities:,} different ones: too few to say how good it is."
        )
        return said + waiting
    verdict = {True: "beats guessing", False: "is worse than guessing", None: "is not surely better than guessing"}
    share = f" ({abs(mine.gain.value) / mine.squared_error_of_guess:.0%} of it)" if mine.squared_error_of_guess else ""
    side, value, low, high = sided(mine.gain.value, mine.gain.low or 0.0, mine.gain.high or 0.0)
    said = (
        f"Since {_day(mine.first)} {mine.version} {verdict[mine.gain.is_above]}: its squared error is {side} by "
        f"{number(value)}{share}, 95% interval {number(low)} to {number(high)}."
    )
    found = next((one for one in told.worth if (one.version, one.role) == (mine.version, mine.role)), None)
    if found and found.against_nobody.value is not None:
        said += f" By its declared worth it brought {money(found, found.total)} in {found.rows:,} predictions."
        said += EVERYBODY[found.against_everybody.is_above]
    return said + waiting


def worth_lines(one: WorthOf) -> list[str]:
    """What acting by the predictions brought, and what that assumes."""
    head = (
        f"worth of {one.version} ({one.role}): {money(one, one.total)} in all, {one.acted:,} of {one.rows:,} acted on"
    )
    if one.against_nobody.value is None:
        few = f"  {one.against_nobody.entities} different ones are too few for an interval"
        return [head, few, f"  {one.assumption}"]
    nobody, everybody = _more(one.against_nobody, one.unit), _more(one.against_everybody, one.unit)
    compared = f"  for each prediction {nobody} acting on nobody, {everybody} on everybody"
    return [head, compared, f"  {one.assumption}"]


def _more(mean: Mean, unit: str) -> str:
    value, low, high = mean.value or 0.0, mean.low or 0.0, mean.high or 0.0
    if not (value or low or high):
        return "as much as"
    if mean.is_above is None:
        return f"not surely more or less ({number(low)} to {number(high)} {unit}) than"
    low, high = sorted((abs(low), abs(high)))
    return f"{number(abs(value))} ({number(low)} to {number(high)}) {unit} {'more' if mean.is_above else 'less'} than"


def drift_line(one: Drift) -> str:
    """How one column moved."""
    words = {"no": "steady", "moderately": "has moved", "much": "HAS MOVED MUCH"}
    distance = f", distance {one.distance:.2f}" if one.distance is not None else ""
    return (
        f"{one.of} {one.column}: {words[one.moved]} (PSI {one.psi:.3f}, by chance {one.psi_by_chance:.3f}{distance},"
        f" p {one.p:.2g}; {one.rows_before:,} rows then, {one.rows_now:,} now; missing {one.missing_before:.1%} then,"
        f" {one.missing_now:.1%} now)"
    )


def skew_line(told: Performance) -> str:
    """How batch and online compare."""
    assert told.skew is not None
    found = told.skew
    pairs = f"{found.pairs:,} answers within a day after a score of the same one" + (
        f", {found.pairs_equal:,} equal, the others off by up to {number(found.difference_max)}" if found.pairs else ""
    )
    unequal = ", ".join(f"{name} {count:,} times" for name, count in found.unequal.items()) or "none came out otherwise"
    return f"batch and online: {pairs}; features of {found.recomputed:,} answers computed again: {unequal}"


def interval(mean: Mean) -> str:
    """A mean with its interval, or that there is too little."""
    if mean.value is None:
        return f"too few ({mean.rows:,})"
    return f"{number(mean.value)} ({number(mean.low)} to {number(mean.high)})"


def number(value: float | None) -> str:
    """A number with three significant digits and more before the point."""
    if value is None:
        return "?"
    return (
        f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 1e-4 or not value else f"{value:.1e}"
    )


def of_label(told: Performance, value: float) -> str:
    """What is said of the label: a chance in percent, or a number."""
    return f"{value:.1%}" if told.task == "chance" else number(value)


def money(one: WorthOf, value: float) -> str:
    """An amount in the unit of a worth."""
    return f"{value:,.0f} {one.unit}" if abs(value) >= 100 else f"{value:,.2f} {one.unit}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _quality(told: Performance) -> list[str]:
    lines = [_gain_line(told, f"{one.version} ({one.role})", one) for one in told.overall]
    if told.share < 1:
        lines.append(f"of {told.share:.1%} of the entities, always the same ones")
    if len(told.over_time) > len(told.overall):
        lines.append(f"by {told.period} of the prediction (UTC):")
        lines += [_gain_line(told, f"  {_span(one)} {one.version} ({one.role})", one) for one in told.over_time]
    return [f"  {line}" for line in lines]


def _span(one: Gain) -> str:
    return (
        f"{one.first:%Y-%m-%d}" if one.first.date() == one.last.date() else f"{one.first:%Y-%m-%d} to {one.last:%m-%d}"
    )


def _gain_line(told: Performance, of: str, one: Gain) -> str:
    if one.gain.value is None:
        return f"{of}: too few to tell, {one.gain.rows:,} predictions of {one.gain.entities:,} different ones"
    side, value, low, high = sided(one.gain.value, one.gain.low or 0.0, one.gain.high or 0.0)
    by = f"{number(value)} ({number(low)} to {number(high)})"
    return (
        f"{of}: squared error {side} than the guess's by {by}, {one.gain.rows:,} predictions;"
        f" said {of_label(told, one.said)}, came {of_label(told, one.came)}"
    )


def _segments(told: Performance) -> list[str]:
    if not told.segments:
        return []
    head = f"for whom ({len(told.segments)} looks; the intervals of all together hold in 95 of 100 cases):"
    lines = [
        f"  {one.by} {one.value}: {interval(one.gain)}, {one.gain.rows:,} predictions;"
        f" said {of_label(told, one.said)}, came {of_label(told, one.came)}"
        for one in told.segments
    ]
    return [f"  {line}" for line in (head, *lines)]


def _calibration(told: Performance) -> list[str]:
    found = told.calibration
    if found is None:
        return []
    say = partial(of_label, told)
    head = (
        f"calibration: what was said is off by {say(found.error)} on average"
        f" (if all were just right, chance would make {say(found.error_by_chance)}):"
    )
    lines = [
        f"  said {say(one.said)}, came {say(one.came)} ({say(one.low)} to {say(one.high)}), {one.rows:,} predictions"
        for one in found.parts
    ]
    return [f"  {line}" for line in (head, *lines)]


def _operation(told: Performance) -> list[str]:
    found = told.operation
    if found is None:
        return []
    lines = []
    if found.known:
        lines.append(
            f"coverage: {found.reached or 0:,} of {found.known:,} known entities"
            f" ({(found.reached or 0) / found.known:.1%}) have a prediction of the last {found.window}"
        )
    for one in found.answers:
        said = (
            f"{one.version} ({one.role}), last {found.window}: {one.answers:,} predictions, {one.served:,} one by one"
        )
        if one.latency_ms_p50 is not None and one.latency_ms_p99 is not None:
            said += f" in {one.latency_ms_p50:.1f} ms (half) and {one.latency_ms_p99:.1f} ms (99 of 100)"
        said += f"; {one.fallback:,} by the fallback, {one.unknown_entity:,} of somebody unknown"
        if one.features_age_s_max:
            said += f"; features up to {one.features_age_s_max / 3600:,.1f} hours old"
        lines.append(said)
    if found.missing:
        worst = sorted(found.missing.items(), key=lambda one: -one[1])[:5]
        lines.append("missing values: " + ", ".join(f"{name} {share:.1%}" for name, share in worst))
    if found.batch_ms_per_1000 is not None:
        lines.append(
            f"cost: {number(found.batch_ms_per_1000)} ms of wall time for 1,000 scores; CPU time is not measured"
        )
    lines += [
        f"asked by {who.caller or 'nobody named'}: {who.predictions:,} in all, {who.recent:,} in the last"
        f" {found.window}, last {who.last:%Y-%m-%d %H:%M}"
        for who in found.callers
    ]
    if found.reads:
        reads = ", ".join(f"{who} {count:,} times" for who, count in found.reads.items())
        lines.append(f"access log of 30 days: {reads}")
    return [f"  {line}" for line in lines]

"""`try`: a cleaning step on one value."""

from __future__ import annotations

from pumphouse.cleaning.named import APART
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.trying import try_step
from pumphouse.cli.call import Call
from pumphouse.cli.output import print_json, print_text

DECLINED = 1


def try_value(step: str, value: str, /, *, json: bool = False, call: Call, **options: list[str]) -> int:
    """Try a cleaning step on one value. Ends with 1 where the step declines it.

    For example:

        pumphouse try e164 "030 901820" --default DE
        pumphouse try parse_date 24/12/1997 --format "%d/%m/%Y" --format "%Y-%m-%d"

    Args:
        step: Name of the step.
        value: The value, as a source would give it.
        json: Print the outcome as JSON.
        options: Options of the step, as it takes them in Python; one that takes several is given several times.
    """
    given = {name: APART.join(values) for name, values in options.items()}
    cell = try_step(step, value, given, Resources(folder=call.folder))
    if json:
        print_json({"value": cell.value, "extra": cell.extra, "reason": cell.reason})
    elif cell.reason is not None:
        print_text(f"declined: {cell.reason}")
    else:
        print_text("\n".join([str(cell.value), *(f"{name}: {extra}" for name, extra in cell.extra.items())]))
    return 0 if cell.reason is None else DECLINED

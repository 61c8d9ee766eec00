"""`trace`: what one prediction stands on."""

from __future__ import annotations

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.models.trace import trace_text


def trace(prediction_id: str, /, *, json: bool = False, call: Call) -> None:
    """Follow a prediction to its model, training set, features, tables and source rows.

    For example:

        pumphouse trace 6f1d2c3b4a5968778695a4b3c2d1e0f9

    Args:
        prediction_id: The id that came with the prediction.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        told = project.trace(prediction_id)
    if json:
        print_json(told)
    else:
        print_text(trace_text(told))

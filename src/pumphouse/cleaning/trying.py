"""A step for one value, from words on a command line: `pumphouse try e164 "030 901820" --default DE`."""

from __future__ import annotations

from collections.abc import Mapping

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.named import make, options_of
from pumphouse.cleaning.step import Cell, Resources, one


def try_step(name: str, value: str, options: Mapping[str, str], resources: Resources) -> Cell:
    """What the step makes of one value. A column that it reads is given as an option, by the row's value.

    `try_step("e164", "030 901820", {"default": "DE"}, Resources()).value == "+4930901820"`. Raises UnknownName for a
    step or an option that is not there, ConfigError for an option that is missing or can't be understood.
    """
    known = {option.name: option for option in options_of(name)}
    parsed = {
        option: written if option not in known or known[option].kind is Column else known[option].parsed(written)
        for option, written in options.items()
    }
    step = make(name, parsed)
    return one(step, value, {column: options[column] for column in step.reads}, resources=resources)

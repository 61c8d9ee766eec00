"""A step for one value, from words on a command line: `pumphouse try e164 "030 901820" --default DE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pumphouse.cleaning.addresses import IpCountry
from pumphouse.cleaning.columns import col
from pumphouse.cleaning.dates import ParseDate, parse_date
from pumphouse.cleaning.phones import E164, e164
from pumphouse.cleaning.shorthand import Expand, expand
from pumphouse.cleaning.step import Cell, Step, one
from pumphouse.errors import ConfigError, UnknownName, did_you_mean

STEPS: Mapping[str, type[Step]] = {step.name: step for step in (E164, Expand, IpCountry, ParseDate)}
"""Steps that can be asked about one value. The others look at a table."""

FORMATS_APART = "|"
"""Stands between formats, since a format may hold anything else: "%d/%m/%Y|%Y-%m-%d"."""

_MAKERS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, str]], Step]]] = {
    "e164": (
        ("region", "default"),
        lambda options: e164(region=col.region if "region" in options else None, default=options.get("default")),
    ),
    "expand": (("dictionary",), lambda options: expand(options["dictionary"])),
    "ip_country": ((), lambda options: IpCountry()),
    "parse_date": (("format",), lambda options: parse_date(*options["format"].split(FORMATS_APART))),
}
"""For each step the options it takes, and how it is made from them."""


def step_by_name(name: str) -> type[Step]:
    """The step of that name. Raises UnknownName with the nearest there is."""
    if name not in STEPS:
        raise UnknownName(
            f"there is no step '{name}' to try on one value",
            mend=did_you_mean(name, STEPS) or f"There are {', '.join(STEPS)}.",
        )
    return STEPS[name]


def step_options(name: str) -> tuple[str, ...]:
    """Names of the options that the step takes. Raises UnknownName as `step_by_name` does."""
    return _MAKERS[step_by_name(name).name][0]


def try_step(name: str, value: str, options: Mapping[str, str], folder: Path) -> Cell:
    """What the step makes of one value; files are looked for in `folder`.

    `try_step("e164", "030 901820", {"default": "DE"}, Path()).value == "+4930901820"`. Raises UnknownName for a step or
    an option that is not there, ConfigError for an option that is missing or can't be understood.
    """
    known = step_options(name)
    for option in options:
        if option not in known:
            raise UnknownName(
                f"{name} has no option '{option}'",
                mend=did_you_mean(option, known) or (f"It has {', '.join(known)}." if known else "It has none."),
            )
    try:
        step = _MAKERS[name][1](options)
    except KeyError as missing:
        raise ConfigError(f"{name} needs the option {missing}", mend=f"Give it: --{missing.args[0]} ...") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return one(step, value, {column: options.get(column) for column in step.reads}, folder=folder)

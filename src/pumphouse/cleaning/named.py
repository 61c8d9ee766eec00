"""Every column step by its name, and which options it takes: one list for Python, SQL and the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.step import Step
from pumphouse.cleaning.steps.booleans import parse_boolean
from pumphouse.cleaning.steps.categories import categories
from pumphouse.cleaning.steps.countries import country_code
from pumphouse.cleaning.steps.dates import parse_date
from pumphouse.cleaning.steps.domains import domain
from pumphouse.cleaning.steps.emails import email
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.steps.identifiers import identifier
from pumphouse.cleaning.steps.ip_addresses import ip_address, ip_country, ip_owner
from pumphouse.cleaning.steps.json_values import json_path
from pumphouse.cleaning.steps.language_codes import language_code
from pumphouse.cleaning.steps.languages import language
from pumphouse.cleaning.steps.masking import mask
from pumphouse.cleaning.steps.masking_text import mask_cards, mask_personal, mask_secrets
from pumphouse.cleaning.steps.money import money
from pumphouse.cleaning.steps.numbers import number
from pumphouse.cleaning.steps.person_names import person_name
from pumphouse.cleaning.steps.phones import e164
from pumphouse.cleaning.steps.places import coordinates
from pumphouse.cleaning.steps.plain_text import plain_text
from pumphouse.cleaning.steps.postal_addresses import postal_address
from pumphouse.cleaning.steps.postcodes import postcode
from pumphouse.cleaning.steps.pseudonyms import pseudonym
from pumphouse.cleaning.steps.quantities import quantity
from pumphouse.cleaning.steps.regions import region_code
from pumphouse.cleaning.steps.shorthand import expand, expansions
from pumphouse.cleaning.steps.timestamps import parse_timestamp
from pumphouse.cleaning.steps.urls import url
from pumphouse.cleaning.steps.user_agents import user_agent
from pumphouse.errors import ConfigError, UnknownName, did_you_mean

MAKERS: tuple[Callable[..., Step], ...] = (
    categories,
    coordinates,
    country_code,
    domain,
    e164,
    email,
    expand,
    expansions,
    identifier,
    ip_address,
    ip_country,
    ip_owner,
    json_path,
    language,
    language_code,
    mask,
    mask_cards,
    mask_personal,
    mask_secrets,
    money,
    null_if,
    number,
    parse_boolean,
    parse_date,
    parse_timestamp,
    person_name,
    plain_text,
    postal_address,
    postcode,
    pseudonym,
    quantity,
    region_code,
    url,
    user_agent,
)
STEPS: Mapping[str, Callable[..., Step]] = {maker.__name__: maker for maker in MAKERS}
"""The functions that make steps. The other steps look at a table."""

APART = "|"
"""Stands between the values of an option that takes several, since a value may hold anything else."""
INTO = "into"
"""The option that names the column which a step makes; one value, and a call in SQL, have no column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a step, as its maker's signature says."""

    name: str
    kind: type
    """Column, str, bool, int or float."""
    is_needed: bool
    takes_several: bool

    def parsed(self, written: str) -> Any:  # Any: of `kind`
        """The value in a text. Raises ConfigError where there is none."""
        if self.kind is bool:
            if written.lower() not in ("true", "false"):
                raise ConfigError(f"the option '{self.name}' is true or false, not '{written}'")
            return written.lower() == "true"
        try:
            return self.kind(written)
        except ValueError:
            raise ConfigError(f"the option '{self.name}' is a number, not '{written}'") from None


def maker_of(name: str) -> Callable[..., Step]:
    """The function that makes the step of that name. Raises UnknownName with the nearest there is."""
    if name not in STEPS:
        raise UnknownName(
            f"there is no step '{name}' to try on one value",
            mend=did_you_mean(name, STEPS) or f"There are {', '.join(STEPS)}.",
        )
    return STEPS[name]


@cache
def class_of(name: str) -> type[Step]:
    """The class of the step of that name, which says what it gives. Raises UnknownName as `maker_of` does."""
    made: type[Step] = get_type_hints(maker_of(name))["return"]
    return made


@cache
def options_of(name: str) -> tuple[Option, ...]:
    """The options of a step in the order in which SQL takes them. Raises UnknownName as `maker_of` does."""
    maker = maker_of(name)
    hints = get_type_hints(maker)
    return tuple(
        Option(
            name=one.name,
            kind=_kind(hints[one.name]),
            is_needed=one.default is one.empty and one.kind is not one.VAR_POSITIONAL,
            takes_several=one.kind is one.VAR_POSITIONAL,
        )
        for one in inspect.signature(maker).parameters.values()
        if one.name != INTO
    )


def make(name: str, options: Mapping[str, Any]) -> Step:  # Any: of the options' kinds; None leaves one out
    """The step with these options; a column is given as any value, and read from the column of the option's name.

    Raises UnknownName for a step or an option that is not there, ConfigError for an option that is missing or wrong.
    """
    known = {option.name: option for option in options_of(name)}
    for given in options:
        if given not in known:
            raise UnknownName(
                f"{name} has no option '{given}'",
                mend=did_you_mean(given, known) or (f"It has {', '.join(known)}." if known else "It has none."),
            )
    several: list[Any] = []
    named: dict[str, Any] = {}
    for option in known.values():
        value = options.get(option.name)
        if value is None:
            if option.is_needed:
                raise ConfigError(f"{name} needs the option '{option.name}'", mend=f"Give it: --{option.name} ...")
        elif option.takes_several:
            several = value.split(APART)
        else:
            named[option.name] = Column(option.name) if option.kind is Column else value
    try:
        return maker_of(name)(*several, **named)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from None


def _kind(hint: Any) -> type:  # Any: what an annotation may be
    for inner in (hint, *get_args(hint)):
        if inner in (Column, str, bool, int, float):
            return inner  # type: ignore[no-any-return]  # a type, as compared
        if get_origin(inner) is Literal:
            return type(get_args(inner)[0])
    raise AssertionError(f"a step's option can't be {hint}")

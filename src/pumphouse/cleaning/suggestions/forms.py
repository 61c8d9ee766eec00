"""Kinds that are told by an unmistakable form: moments, countries, places on earth, quantities, browsers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from pumphouse.cleaning.numbers.units import UNITS, spellings
from pumphouse.cleaning.steps.countries import country_code
from pumphouse.cleaning.steps.places import coordinates
from pumphouse.cleaning.steps.quantities import parts_of, quantity
from pumphouse.cleaning.steps.timestamps import parse_timestamp
from pumphouse.cleaning.steps.user_agents import user_agent
from pumphouse.cleaning.suggestions.evidence import DECLINED_MAX
from pumphouse.cleaning.suggestions.looking import DIFFERENT_MIN, LOOKS_MIN, Looking
from pumphouse.cleaning.suggestions.proposal import Proposal, looking, proposed
from pumphouse.cleaning.suggestions.samples import Sampled, evenly

TIME = re.compile(r"(?i).*\d.*\d{1,2}:\d{2}.*|\d{8}t\d{4,6}.*", re.DOTALL)
PAIR = re.compile(r"(?i)geo:.*|[\[(]?\s*[-+]?\d{1,3}\.\d{4,}\s*[,;/\s]\s*[-+]?\d{1,3}\.\d{4,}\s*[\])]?|.*\d\s*[°º].*")
"""Four decimals and more: amounts and sizes have fewer."""
MEASURE = re.compile(r"[-+]?\d[\d.,\s]*\s*[^\W\d_].{0,20}|[-+]?\d[\d.,\s]*\s*[°'\"′″µ].{0,20}", re.DOTALL)
MEASURE_LETTERS_MAX = 40
BROWSER = re.compile(r"(?:Mozilla|Opera)/\d.*", re.DOTALL)
BROWSER_SHARE_MIN = 0.5
BROWSERS_TRIED_MAX = 100
"""A thousand patterns look at each."""
COUNTRIES_MAX = 1_000
"""There are no more ways to write 250 countries that one column would use."""
COUNTRIES_MIN = 3
NAMES_TOO = frozenset(["chad", "georgia", "holland", "india", "ireland", "israel", "jordan", "kenya"])
"""Countries that are names of people or states as well: they don't count among the few that it takes to be sure."""
SPELLED_OUT_MIN = 0.3
"""Share of the cells that have more than two letters, which alone may be languages, states or anything."""


def timestamp(at: Looking, column: Sampled) -> Proposal | None:
    """Moments with their offset. Without one the zone has to be known, and nothing is said here."""
    if looking(column, TIME) < LOOKS_MIN or not at.reads_some(parse_timestamp(), column):
        return None
    return at.if_sure(column, parse_timestamp(), "parse_timestamp()", "moments with an offset from UTC")


def country(at: Looking, column: Sampled) -> Proposal | None:
    """Names of countries, with codes among them. Codes of two letters alone may be something else."""
    if len(column.values) > COUNTRIES_MAX or not at.reads_some(country_code(), column):
        return None
    found = at.tried(country_code(), column)
    if not found.is_sure or not found.changed:
        return None
    spelled = sum(times for value, times in column.values if len(re.sub(r"[\W\d_]", "", value)) > 2)
    if spelled < SPELLED_OUT_MIN * column.sampled or _countries(at, column) < COUNTRIES_MIN:
        return None
    return proposed(column, "country_code()", "countries", found)


def _countries(at: Looking, column: Sampled) -> int:
    import pyarrow as pa

    cells = pa.array([value for value, _ in column.values if value.strip().lower() not in NAMES_TOO], pa.string())
    return len(country_code().load(at.resources)(cells, {}).values.drop_null().unique())


def place(at: Looking, column: Sampled) -> Proposal | None:
    """Pairs of latitude and longitude, of four decimals and more or with degrees."""
    return at.if_sure(column, coordinates(), "coordinates()", "latitude and longitude", looks=PAIR)


def size(at: Looking, column: Sampled) -> Proposal | None:
    """Quantities of one kind, in the unit that most of them have. A letter alone may be no unit: 10K, 5 m."""
    if looking(column, MEASURE) < LOOKS_MIN or max(len(value) for value, _ in column.values) > MEASURE_LETTERS_MAX:
        return None
    units: Counter[str] = Counter()
    for value, times in column.values:
        parts = parts_of(value.strip().lstrip("+-").strip()) or []
        if len(parts) == 1:
            units[parts[0][1]] += times
    of_kind = {kind: {unit: units[unit] for unit in spellings(kind) if units[unit]} for kind in UNITS}
    enough = (1 - DECLINED_MAX) * column.sampled
    kinds = [kind for kind, found in of_kind.items() if sum(found.values()) >= enough]
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    names = spellings(kind)
    counted: Counter[str] = Counter()
    for unit, times in of_kind[kind].items():
        counted[names[unit]] += times
    (most, times), *others = counted.most_common()
    if others and others[0][1] == times:
        return None
    to = max((unit for unit in of_kind[kind] if names[unit] == most), key=lambda unit: (units[unit], unit))
    if max(len(unit) for unit in of_kind[kind]) < 2 or '"' in to:
        return None
    return at.if_sure(column, quantity(to), f'quantity("{to}")', f"quantities of {kind}, most of them in {to}")


def program(at: Looking, column: Sampled) -> Proposal | None:
    """What browsers say of themselves. A column of bots alone may be names of programs."""
    if looking(column, BROWSER) < BROWSER_SHARE_MIN:
        return None
    few = replace(column, values=tuple(evenly(column.values, BROWSERS_TRIED_MAX)))
    found = at.tried(user_agent(), few)
    if not found.is_sure or found.different < DIFFERENT_MIN:
        return None
    return proposed(column, "user_agent()", "browsers and bots", found)

"""Steps that read another column of the row, where that one makes them read clearly more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.dates.clock import zone_named
from pumphouse.cleaning.steps.countries import country_code
from pumphouse.cleaning.steps.phones import e164
from pumphouse.cleaning.steps.postcodes import postcode
from pumphouse.cleaning.steps.timestamps import parse_timestamp
from pumphouse.cleaning.suggestions.evidence import tried_beside
from pumphouse.cleaning.suggestions.forms import COUNTRIES_MAX, TIME, country
from pumphouse.cleaning.suggestions.looking import AHEAD_MIN, DIFFERENT_MIN, LOOKS_MIN, Looking, without_gaps
from pumphouse.cleaning.suggestions.phones import NUMBERS_TRIED_MAX, REGIONS, looks_like_phones, proposed_phone
from pumphouse.cleaning.suggestions.proposal import Proposal, col, looking, proposed
from pumphouse.cleaning.suggestions.samples import Sampled, evenly

CODE = re.compile(r"[A-Z]{2}")
POSTCODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 -]{1,8}[A-Za-z0-9])")
NAMED_SHARE_MIN = 0.9
"""Share of a column's cells that are countries, or zones, for others to be read by it."""
COUNTRIES_MIN = 2


def read_beside(at: Looking) -> Iterator[Proposal]:
    """For each column at most one step, by the first other column that makes it better."""
    texts = [column for column in at.sample.columns if column.is_text and column.values]
    countries = [column for column in texts if _are_countries(at, column)]
    zones = [column for column in texts if _are_zones(column)]
    for column in texts:
        found = [_phone(at, column, other) for other in countries if looks_like_phones(column)]
        found += [_postcode(at, column, other) for other in countries if _looks_like_postcodes(column)]
        found += [_timestamp(at, column, other) for other in zones if looking(column, TIME) >= LOOKS_MIN]
        yield from [one for one in found if one is not None][:1]


def _are_countries(at: Looking, column: Sampled) -> bool:
    """Codes of several countries, or names, for which the code is proposed above."""
    if not COUNTRIES_MIN <= len(column.values) <= COUNTRIES_MAX:
        return False
    if looking(column, CODE) < NAMED_SHARE_MIN:
        return country(at, without_gaps(column)) is not None
    found = at.tried(country_code(), column)
    return found.different >= COUNTRIES_MIN and found.share(found.read) >= NAMED_SHARE_MIN


def _are_zones(column: Sampled) -> bool:
    known = sum(times for value, times in column.values if "/" in value and zone_named(value.strip()))
    return len(column.values) <= COUNTRIES_MAX and known >= NAMED_SHARE_MIN * column.sampled


def _looks_like_postcodes(column: Sampled) -> bool:
    return (
        len(column.values) >= DIFFERENT_MIN
        and looking(column, POSTCODE) >= LOOKS_MIN
        and looking(column, re.compile(r"\d"), whole=False) >= LOOKS_MIN
    )


def _rows(at: Looking, column: Sampled, other: Sampled, *, most: int) -> tuple[list[str | None], list[str | None]]:
    """The cells of both in the same rows, the other one's as codes of countries."""
    import pyarrow as pa

    cells, beside = (list(evenly(side, most)) for side in at.sample.beside(column.name, other.name))
    codes = country_code().load(at.resources)(pa.array(beside, pa.string()), {})
    return cells, codes.values.to_pylist()


def _phone(at: Looking, column: Sampled, other: Sampled) -> Proposal | None:
    cells, codes = _rows(at, column, other, most=NUMBERS_TRIED_MAX)
    step = e164(region=Column(other.name))
    found = tried_beside(step, cells, codes, resources=at.resources)
    known = [(cell, code) for cell, code in zip(cells, codes, strict=True) if code is not None]
    if found.different < DIFFERENT_MIN or len(known) < NAMED_SHARE_MIN * len(cells):
        return None
    # What a row without a country costs is weighed against one country for all, below.
    where_known = tried_beside(step, [cell for cell, _ in known], [code for _, code in known], resources=at.resources)
    if not where_known.is_sure:
        return None
    regions = dict.fromkeys([*filter(None, codes), *REGIONS])
    best = max(_read(at, cells, region) for region in regions)
    if found.read - best < AHEAD_MIN * len(cells):
        return None
    one = proposed_phone(column.name, f"e164(region={col(other.name)})", found)
    return _with_gain(one, other, best / len(cells))


def _read(at: Looking, cells: Sequence[str | None], region: str) -> int:
    step = e164(region=Column("region"))
    return tried_beside(step, cells, [region] * len(cells), resources=at.resources).read


def _postcode(at: Looking, column: Sampled, other: Sampled) -> Proposal | None:
    cells, codes = _rows(at, column, other, most=NUMBERS_TRIED_MAX)
    step = postcode(country=Column(other.name))
    found = tried_beside(step, cells, codes, resources=at.resources)
    if not found.is_sure or found.different < DIFFERENT_MIN:
        return None
    alone = [
        tried_beside(step, cells, [code] * len(cells), resources=at.resources).read
        for code in dict.fromkeys(filter(None, codes))
    ]
    best = max(alone, default=0)
    if found.read - best < AHEAD_MIN * len(cells):
        return None
    one = proposed(column, f"postcode(country={col(other.name)})", "postcodes", found)
    return _with_gain(one, other, best / len(cells))


def _with_gain(one: Proposal, other: Sampled, alone: float) -> Proposal:
    return replace(one, why=f"{one.why}; read by the row's {other.name}: one country for all reads {alone:.0%} at most")


def _timestamp(at: Looking, column: Sampled, other: Sampled) -> Proposal | None:
    cells, zones = at.sample.beside(column.name, other.name)
    without = tried_beside(parse_timestamp(zone=Column("zone")), cells, [None] * len(cells), resources=at.resources)
    if without.read >= AHEAD_MIN * len(cells):  # they have offsets, or some of them
        return None
    step = parse_timestamp(zone=Column(other.name))
    fitted = step.fitted(step.learn(at.staged(column), column.name))
    found = tried_beside(fitted, cells, zones, resources=at.resources)
    if not found.is_sure or found.different < DIFFERENT_MIN:
        return None
    code = f"parse_timestamp(zone={col(other.name)})"
    return proposed(column, code, f"moments in the zone of the row's {other.name}", found)

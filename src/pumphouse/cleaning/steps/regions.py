"""Regions of countries as ISO 3166-2 codes: "Bavaria" and "BY" in Germany are DE-BY."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from pumphouse.cleaning.code_names import folded, library_version, shortened, spellings, unsure
from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.cleaning.steps.countries import countries, country
from pumphouse.errors import MissingExtra

ALPHA_2 = re.compile("[A-Z]{2}")
CODE = re.compile("([A-Za-z]{2})-([A-Za-z0-9]{1,3})")
ALIASES = {
    "AT-1": "Burgenland", "AT-2": "Carinthia", "AT-3": "Lower Austria", "AT-4": "Upper Austria", "AT-6": "Styria",
    "AT-7": "Tyrol", "AT-9": "Vienna", "BE-BRU": "Brussels|Bruxelles|Brussel", "BE-VLG": "Flanders|Vlaanderen",
    "BE-WAL": "Wallonia|Wallonie", "CA-QC": "Québec", "CA-NL": "Newfoundland", "CA-PE": "PEI", "CH-BE": "Bern",
    "CH-GE": "Geneva|Genf", "CH-GR": "Grisons", "CH-LU": "Lucerne", "CH-SG": "St. Gallen|St. Gall", "CH-TI": "Tessin",
    "CH-VS": "Wallis", "CH-VD": "Waadt", "CH-ZH": "Zurich", "DE-BW": "Baden-Wuerttemberg|BaWü", "DE-BY": "Bavaria",
    "DE-HE": "Hesse", "DE-MV": "Mecklenburg-Western Pomerania|Mecklenburg-West Pomerania", "DE-NI": "Lower Saxony",
    "DE-NW": "North Rhine-Westphalia|NRW", "DE-RP": "Rhineland-Palatinate", "DE-SN": "Saxony", "DE-ST": "Saxony-Anhalt",
    "DE-TH": "Thuringia", "ES-AN": "Andalusia", "ES-CL": "Castile and León", "ES-CM": "Castilla-La Mancha",
    "ES-CN": "Canary Islands", "ES-CT": "Catalonia", "ES-IB": "Balearic Islands", "ES-PV": "Basque Country",
    "FR-BRE": "Brittany", "FR-NOR": "Normandy", "FR-20R": "Corsica", "FR-IDF": "Ile de France",
    "IT-21": "Piedmont", "IT-25": "Lombardy", "IT-52": "Tuscany", "IT-62": "Latium", "IT-75": "Apulia",
    "IT-82": "Sicily", "IT-88": "Sardinia",
    "NL-NH": "North Holland", "NL-ZH": "South Holland", "NL-NB": "North Brabant",
    "NL-FR": "Friesland", "US-DC": "Washington DC|Washington D.C.|D.C.",
}  # fmt: skip
"""Names that the list of ISO, which has each in its own language, does not have; `|` between several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCode(Step):
    """The step that `region_code` makes."""

    name: ClassVar[str] = "region_code"
    gives: ClassVar[str] = "VARCHAR"
    country: Column | None = None
    default: str | None = None
    version: str = field(default_factory=library_version, init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's country."""
        return (self.country.name,) if self.country else ()

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        countries(self.name)
        regions()
        return EachValue(self, RegionFinder(self.default).region)


def region_code(*, country: Column | None = None, default: str | None = None) -> RegionCode:
    """A step that writes states, provinces, Länder, cantons as ISO 3166-2 codes.

    A name or a short code is looked for in the row's `country`, a column of what `country_code` reads, and where that
    is null in the `default` country, an alpha-2 code. Without either a name must be one region's in the whole world,
    and no country's: Georgia is declined. So is a region of another country, and a name that two regions of one country
    have. A region's name is known in its own language, and in English where English has another one for it.

    `region_code(default="DE").one("Bavaria").value == "DE-BY"`
    """
    if country is not None and not isinstance(country, Column):
        raise TypeError(f"region_code's country is a column, as in country=col.land; for one write default={country!r}")
    if default is not None and not ALPHA_2.fullmatch(default):
        raise ValueError(f"region_code's default country is an ISO 3166-1 code like US or DE, not {default!r}")
    return RegionCode(country=country, default=default)


class RegionFinder:
    """Finds one region after the other."""

    def __init__(self, default: str | None) -> None:
        self.default = default

    def region(self, written: str, within: str | None = None) -> tuple[str | None, str | None]:
        """(ISO 3166-2 code, reason)."""
        where = self.default
        if within is not None and within.strip():
            where, reason = country(within)
            if where is None and reason is not None:
                return None, f"its country: {reason}"
        text = written.strip()
        if code := CODE.fullmatch(text):
            known = text.upper() in codes()
            if known and where is not None and code[1].upper() != where:
                return None, f"not a region of {where}"
            if known:
                return text.upper(), None
        name = folded(text)
        if where is not None:
            found = regions().get(where, {}).get(name, frozenset())
            if not found and f"{where}-{text.upper()}" in codes():
                found = frozenset([f"{where}-{text.upper()}"])
            return _only(found, f"not a region of {where}")
        if name in countries("region_code"):
            return None, "a country has this name, and no country is given to look in"
        return _only({code for names in regions().values() for code in names.get(name, ())}, "not a region")


def _only(found: Iterable[str], otherwise: str) -> tuple[str | None, str | None]:
    """The only one there is, or the highest where one holds the others; or why there is none."""
    parents = codes()
    left = {code for code in found if not _holders(code, parents) & set(found)}
    if len(left) == 1:
        return left.pop(), None
    return None, unsure(left) if left else otherwise


def _holders(code: str, parents: Mapping[str, str | None]) -> set[str]:
    """The regions that a region is a part of."""
    held: set[str] = set()
    above = parents.get(code)
    while above is not None and above not in held:
        held.add(above)
        above = parents.get(above)
    return held


@cache
def codes() -> Mapping[str, str | None]:
    """Every ISO 3166-2 code, and the one that it is a part of."""
    try:
        import pycountry
    except ImportError:
        raise MissingExtra("pycountry", extra="cleaning", purpose="region_code") from None
    return {entry.code: entry.parent_code for entry in pycountry.subdivisions}


@cache
def regions() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """By country and folded name: the regions that it may be. A full name counts before a shortened one."""
    import pycountry

    whole: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    parts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in pycountry.subdivisions:
        for name in spellings(entry.name):
            whole[entry.country_code][name].add(entry.code)
        for name in shortened(entry.name):
            parts[entry.country_code][name].add(entry.code)
    for code, names in ALIASES.items():
        for alias in names.split("|"):
            for name in spellings(alias):
                whole[code[:2]][name].add(code)
    return {
        country: {
            name: frozenset(whole[country].get(name) or parts[country][name])
            for name in {*whole[country], *parts[country]}
        }
        for country in {*whole, *parts}
    }

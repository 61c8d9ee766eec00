"""Countries as ISO 3166-1 codes: "Deutschland", "U.K.", "JPN" and "276" are DE, GB, JP and DE."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from pumphouse.cleaning.code_names import folded, library_version, locales, shortened, spellings, unsure
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

ALIASES = {
    "AE": ("UAE", "U.A.E.", "Emirates"),
    "BA": ("Bosnia", "BiH"),
    "BN": ("Brunei",),
    "CD": ("DRC", "D.R.C.", "DR Congo", "Congo-Kinshasa", "Democratic Republic of Congo", "Zaire"),
    "CG": ("Congo-Brazzaville", "Republic of Congo"),
    "CI": ("Ivory Coast", "Cote dIvoire"),
    "CN": ("PRC", "P.R.C.", "PR China", "P.R. China", "Mainland China", "People's Republic of China"),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic", "Czechia"),
    "DE": ("BRD", "Federal Republic of Germany"),
    "FM": ("Micronesia",),
    "GB": (
        "UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland", "G.B.",
        "Großbritannien", "Grande-Bretagne", "Gran Bretaña", "Gran Bretagna", "Angleterre", "Inglaterra", "Inghilterra",
        "Schottland", "Écosse", "Великобритания", "Англия", "英国", "英國", "イギリス", "영국",
    ),
    "GR": ("Hellas", "EL"),
    "IE": ("Eire", "Republic of Ireland", "Irish Republic"),
    "IR": ("Persia",),
    "KP": ("North Korea", "DPRK", "D.P.R.K.", "Korea (North)", "Korea North"),
    "KR": ("South Korea", "ROK", "R.O.K.", "Korea (South)", "Korea South", "한국", "남한"),
    "LA": ("Laos",),
    "LK": ("Ceylon",),
    "MK": ("Macedonia", "FYROM"),
    "MM": ("Burma",),
    "NL": ("Holland", "The Netherlands", "Nederland", "Hollande", "Holanda", "Olanda"),
    "PS": ("Palestine",),
    "RU": ("Russia",),
    "SY": ("Syria",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey", "Turkiye"),
    "TW": ("Taiwan", "Taiwan R.O.C."),
    "TZ": ("Tanzania",),
    "US": (
        "USA", "U.S.", "U.S.A.", "US of A", "United States of America", "The States", "EUA", "EE.UU.", "EEUU",
        "États-Unis d'Amérique", "Estados Unidos de América", "Vereinigte Staaten von Amerika", "США", "美國", "미국",
    ),
    "VA": ("Vatican", "Holy See", "Vatican City"),
    "VC": ("St Vincent",),
    "VN": ("Vietnam", "Viet Nam"),
}  # fmt: skip
"""Names that neither list has in this form."""
NO_MORE = (
    "USSR",
    "Soviet Union",
    "Yugoslavia",
    "Czechoslovakia",
    "GDR",
    "DDR",
    "East Germany",
    "Serbia and Montenegro",
)
KOSOVO = ("Kosovo", "Kosova", "XK", "XKX", "Косово")
CONTINENTS = (
    "America",
    "Amerika",
    "Amérique",
    "América",
    "Africa",
    "Asia",
    "Europe",
    "EU",
    "European Union",
    "EMEA",
    "APAC",
)
WORDS = frozenset(("na", "no"))
"""Codes that in small letters are words: no, and n/a."""
FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
FLAG_A = 0x1F1E6


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryCode(Step):
    """The step that `country_code` makes."""

    name: ClassVar[str] = "country_code"
    gives: ClassVar[str] = "VARCHAR"
    version: str = field(default_factory=library_version, init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        countries(self.name)
        return EachValue(self, country)


def country_code() -> CountryCode:
    """A step that writes countries as ISO 3166-1 alpha-2 codes: names in 43 languages, the codes of two and three
    letters and of three digits, common short forms (USA, U.K., Holland), and flags.

    NA is Namibia; `na` and `no` in small letters are words, and declined. So are names of two countries (Congo, Korea),
    of a continent, and of countries that are no more.

    `country_code().one("Allemagne").value == "DE"`
    """
    return CountryCode()


def country(written: str) -> tuple[str | None, str | None]:
    """(ISO 3166-1 alpha-2, reason)."""
    text = written.strip().strip("\ufeff\u200b").strip()
    if FLAG.fullmatch(text):
        text = "".join(chr(ord("A") + ord(letter) - FLAG_A) for letter in text)
    if text.lower() in WORDS and not text.isupper():
        return None, f"'{text}' may be a word: as a code it is written {text.upper()}"
    name = folded(text)
    found = countries("country_code").get(name)
    if found:
        return (next(iter(found)), None) if len(found) == 1 else (None, unsure(found))
    if not name:
        return (None, "not a country") if text else (None, None)
    return None, _other().get(name, "not a country")


@cache
def _other() -> Mapping[str, str]:
    """Why names of what is no country of ISO 3166-1 are declined."""
    reasons = {
        "a country that is no more": NO_MORE,
        "ISO 3166-1 has no code for Kosovo": KOSOVO,
        "more than one country": CONTINENTS,
    }
    return {folded(name): reason for reason, names in reasons.items() for name in names}


@cache
def countries(purpose: str) -> Mapping[str, frozenset[str]]:
    """By folded name or code: the countries that it may be. Raises MissingExtra naming the step, `purpose`."""
    try:
        import pycountry
    except ImportError:
        raise MissingExtra("pycountry", extra="cleaning", purpose=purpose) from None
    claims: dict[str, set[str]] = defaultdict(set)

    def claim(code: str, names: set[str]) -> None:
        for name in names:
            claims[name].add(code)

    codes: dict[str, str] = {}
    for entry in pycountry.countries:
        codes |= dict.fromkeys(map(folded, (entry.alpha_2, entry.alpha_3, entry.numeric)), entry.alpha_2)
        for name in (entry.name, getattr(entry, "official_name", ""), getattr(entry, "common_name", "")):
            claim(entry.alpha_2, spellings(name) | shortened(name))
    known = set(codes.values())
    for locale in locales(purpose):
        for code, name in locale.territories.items():
            if code in known:
                claim(code, spellings(name) | shortened(name))
    for code, names in ALIASES.items():
        for name in names:
            claim(code, spellings(name))
    for name in list(claims):  # St Lucia, Saint Lucia
        if name.startswith("saint "):
            claims[f"st {name.removeprefix('saint ')}"] |= claims[name]
    # What is a code is that code, whatever a word of the same letters says in some language.
    return {name: frozenset(found) for name, found in claims.items()} | {
        written: frozenset([code]) for written, code in codes.items()
    }

"""Languages as ISO 639 codes: "German", "Deutsch", "deu", "ger" and "de-AT" are de."""

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

TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_](?:[A-Za-z]{2}|[0-9]{3}))?")
"""A language, perhaps its script, perhaps a region: zh-Hant-TW."""
ALIASES = {
    "bn": ("Bangla",), "ca": ("Valencian",), "el": ("Greek",), "es": ("Castilian", "Castellano"), "fa": ("Farsi",),
    "he": ("Ivrit",), "ms": ("Bahasa Melayu",), "id": ("Bahasa Indonesia",), "nl": ("Flemish", "Vlaams"),
    "no": ("Norwegian", "Norsk"), "ro": ("Moldovan",), "zh": ("Mandarin", "Putonghua", "Simplified Chinese"),
}  # fmt: skip
NOT_A_CODE = "na"
"""The code of Nauruan, and n/a."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageCode(Step):
    """The step that `language_code` makes."""

    name: ClassVar[str] = "language_code"
    gives: ClassVar[str] = "VARCHAR"
    version: str = field(default_factory=library_version, init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        named(self.name)
        return EachValue(self, coded)


def language_code() -> LanguageCode:
    """A step that writes languages as ISO 639-1 codes, or as 639-3 where a language has no shorter one.

    It reads names in 43 languages, codes of two and three letters, and tags as en-GB and zh-Hant, of which the language
    stays. A name that several languages share is declined, and so is `na`, which is Nauruan or nothing.

    `language_code().one("Allemand").value == "de"`
    """
    return LanguageCode()


def coded(written: str) -> tuple[str | None, str | None]:
    """(ISO 639 code, reason)."""
    text = written.strip().strip("\ufeff\u200b").strip()
    if text.lower() == NOT_A_CODE:
        return None, "na is Nauruan, or nothing at all"
    codes = _codes("language_code")
    if (tag := TAG.fullmatch(text)) and (code := codes.get(tag[1].lower())):
        return code, None
    name = folded(text)
    for names in named("language_code"):
        if found := names.get(name):
            return (next(iter(found)), None) if len(found) == 1 else (None, unsure(found))
    return None, "not a language" if text else None


@cache
def _codes(purpose: str) -> Mapping[str, str]:
    """By code of two or three letters: the shortest one."""
    try:
        import pycountry
    except ImportError:
        raise MissingExtra("pycountry", extra="cleaning", purpose=purpose) from None
    shortest: dict[str, str] = {}
    for entry in pycountry.languages:
        code = getattr(entry, "alpha_2", entry.alpha_3)
        written = {code, entry.alpha_3, getattr(entry, "bibliographic", code)}
        shortest |= dict.fromkeys(written, code)
    return shortest


@cache
def named(purpose: str) -> tuple[Mapping[str, frozenset[str]], ...]:
    """By folded name: the languages that it may be; first those with a code of two letters."""
    import pycountry

    codes = _codes(purpose)
    claims: tuple[dict[str, set[str]], ...] = (defaultdict(set), defaultdict(set), defaultdict(set), defaultdict(set))

    def claim(code: str, names: set[str], rank: int) -> None:
        for name in names:
            claims[rank][name].add(code)

    for locale in locales(purpose):
        for written, name in locale.languages.items():
            if code := codes.get(written):
                claim(code, spellings(name), 0 if len(code) == 2 else 1)
    for code, aliases in ALIASES.items():
        claim(code, {spelling for name in aliases for spelling in spellings(name)}, 0)
    for entry in pycountry.languages:
        code = codes[entry.alpha_3]
        for name in (entry.name, getattr(entry, "common_name", ""), getattr(entry, "inverted_name", "")):
            claim(code, spellings(name), 0 if len(code) == 2 else 2)
            claim(code, shortened(name), 3)
    return tuple({name: frozenset(found) for name, found in ranked.items()} for ranked in claims)

"""Names of people, tidy, and their parts where it is sure which is which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

COMPANY = re.compile(
    r"(?:^|[\s,.&])(?:AG|KG|UG|OHG|BV|NV|OY|OYJ|SRL|SARL|PLC|(?i:inc|incorporated|ltd|limited|llc|llp|corp|corporation|gmbh|"
    r"mbh|e\.v|s\.a\.r\.l|s\.r\.l|s\.p\.a|s\.a|s\.a\.s|b\.v|n\.v|sp\. z o\.o|k\.k|company|holdings|university|"
    r"universit\u00e4t|foundation|stiftung|hospital|ministry))\.?$|株式会社|有限会社|有限公司|(?i:& co\b)"
)  # fmt: skip
"""What a person's name never ends with. Bank is a name."""
SEVERAL = re.compile(r"(?i)[&/;+]|\s(?:and|und|et|y|or)\s")
SUFFIX_OF_CAPITALS = re.compile(r"(?:I{1,3}|IV|VI{0,3})")
PARTICLES = frozenset(
    "van von der den de del della di da do dos das du la le les el al bin ibn ter ten zu zum zur af av st san santa "
    "mac mc ben e y i".split()
)  # fmt: skip
PREFIXED = re.compile(r"(?:MC|MAC[A-Z]{3}|FITZ|(?:DE|DI|DU|LA|LE|LO|VAN|VON)[BCDFGHJKLMNPQRSTVWXYZ][AEIOUY][A-Z]{2})")
"""MCDONALD, DESANTIS, LASALLE: the second part may have a capital or not."""
VOWEL = re.compile(r"[AEIOUY\u00c0-\u00d6\u00d8-\u00de]")
TURKISH = frozenset("\u0130\u0131\u015e\u015f\u011e\u011f")
"""Where I is not the capital of i."""
WORDS_MAX, COMMAS_MAX = 12, 2

Read = tuple[str | None, str | None, str | None, str | None, str | None, str | None, str | None]
"""(name, title, given, middle, family, suffix, reason)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName(Step):
    """The step that `person_name` makes."""

    name: ClassVar[str] = "person_name"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = dict.fromkeys(("title", "given", "middle", "family", "suffix"), "VARCHAR")
    version: str = field(default_factory=lambda: with_versions("1", "nameparser"), init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, read_name)


def person_name() -> PersonName:
    """A step that writes a person's name in one order, and takes it apart: title, given, middle, family, suffix.

    A comma says that the family name comes first: `SMITH, JOHN` is John Smith. Without one the given name does. Where
    it is not sure which part is which (one word, a particle in front, another script than Latin), the name is tidied
    and not taken apart. Capitals stay as they are; a name in capitals or small letters alone is recased where there is
    one way to. Companies, and several people in one cell, are declined.

    `person_name().one("SMITH, JOHN").value == "John Smith"`
    """
    return PersonName()


def read_name(written: str) -> Read:
    """One name, its parts, and the reason."""
    text = _tidied(written)
    if why := _why_no_person(text):
        return None, None, None, None, None, None, why
    if not _is_latin(text):
        return text, None, None, None, None, None, None
    try:
        from nameparser import parse
    except ImportError:
        raise MissingExtra("nameparser", extra="cleaning", purpose="person_name") from None
    name = parse(recased(text))
    tidy = _tidied(str(name))
    is_whole = _letters(tidy) == _letters(text) and "," not in tidy and not _why_no_person(tidy)
    if not is_whole or _tidied(str(parse(tidy))) != tidy or recased(tidy) != tidy:
        return None, None, None, None, None, None, "it can be read in two ways"
    if "," in text and not name.given:  # Bosch, J.P. is a person with initials, or a Justice of the Peace
        return None, None, None, None, None, None, "it can be read in two ways"
    if not (name.given or name.middle or name.family) and (name.title or name.suffix):
        return None, None, None, None, None, None, "a title without a name"
    if name.ambiguities:
        return tidy, None, None, None, None, None, None
    parts = (name.title, name.given, name.middle, name.family, name.suffix)
    title, given, middle, family, suffix = (part or None for part in parts)
    return tidy, title, given, middle, family, suffix, None


def recased(text: str) -> str:
    """A name in capitals or small letters alone with a capital for each word, where that is sure; else as it is."""
    is_one_case = text in (text.upper(), text.lower())
    if not is_one_case or TURKISH & set(text):
        return text
    words = re.split(r"([\s,.-]+)", text)
    if not all(_is_sure(word) for word in words[::2] if word):
        return text
    return "".join(_capital(word) for word in words)


def _is_sure(word: str) -> bool:
    capitals = word.upper()
    if len(word) == 1:
        return True
    if capitals.lower() in PARTICLES or PREFIXED.match(capitals) or SUFFIX_OF_CAPITALS.fullmatch(capitals):
        return False
    letters = capitals.removeprefix("O'").removeprefix("O\u2019")
    is_titled = capitals in ("DR", "MR", "MRS", "MS")
    return is_titled or (len(letters) > 2 and letters.isalpha() and VOWEL.search(letters) is not None)


def _capital(word: str) -> str:
    if word[:2].upper() in ("O'", "O\u2019"):
        return f"{word[0].upper()}{word[1]}{_capital(word[2:])}"
    return word[:1].upper() + word[1:].lower()


def _why_no_person(text: str) -> str | None:
    if not any(one.isalpha() for one in text):
        return "no letters"
    if any(one.isnumeric() for one in text):
        return "digits in it"
    if "@" in text:
        return "an e-mail address"
    if COMPANY.search(text):
        return "a company or an institution"
    if SEVERAL.search(text):
        return "more than one person"
    if text.count(",") > COMMAS_MAX or len(text.split()) > WORDS_MAX:
        return "longer than a name"
    return None


def _tidied(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).strip(" ,;")


def _is_latin(text: str) -> bool:
    return all(unicodedata.name(one, "").startswith("LATIN") for one in text if one.isalpha())


def _letters(text: str) -> list[str]:
    return sorted(one for one in text.casefold() if one.isalpha())

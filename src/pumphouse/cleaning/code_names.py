"""Names of countries, regions and languages as people write them, and which codes they may stand for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pumphouse.cleaning.libraries import with_versions
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    from babel import Locale

WRITTEN_IN = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "nb", "da", "fi", "pl", "cs", "sk", "hu", "ro", "bg",
    "hr", "sl", "sr", "ru", "uk", "tr", "el", "he", "ar", "fa", "hi", "bn", "ta", "th", "vi", "id", "ms",
    "ja", "ko", "zh", "zh_Hant", "et", "lv", "lt", "ca", "sw",
)  # fmt: skip
"""Languages in which names are known, by the Unicode CLDR."""
GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe"})
SHOWN_MAX = 4


def library_version() -> str:
    """The versions of the lists that names and codes come from."""
    return with_versions("1", "pycountry", "babel")


def locales(purpose: str) -> Iterator[Locale]:
    """The languages in which names are known. Raises MissingExtra naming the step, `purpose`."""
    try:
        from babel import Locale
    except ImportError:
        raise MissingExtra("babel", extra="cleaning", purpose=purpose) from None
    yield from (Locale.parse(language) for language in WRITTEN_IN)


def folded(name: str) -> str:
    """A name as it is compared: without case, accents of Latin, Greek and Cyrillic letters, marks and "the"."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    letters = []
    for letter in apart.replace("&", " and "):
        if "\u0300" <= letter <= "\u036f" or letter in "'’ʼ":
            continue
        letters.append(letter if unicodedata.category(letter)[0] in "LMN" else " ")
    return unicodedata.normalize("NFC", " ".join("".join(letters).split())).removeprefix("the ")


def spellings(name: str) -> set[str]:
    """The folded forms of a name as it stands, also with ü as ue."""
    return {folded(form) for form in (name, name.lower().translate(GERMAN))} - {""}


def shortened(name: str) -> set[str]:
    """Folded forms of a name of a list, as "Moldova, Republic of" or "Catalunya [Cataluña]": in order, and in parts."""
    forms = set()
    for opening, closing in ("()", "[]"):
        if opening in name:
            first, _, rest = name.partition(opening)
            forms |= {first, rest.partition(closing)[0]} if opening == "[" else {first}
    plain = name.partition("(")[0].partition("[")[0]
    if "," in plain:
        first, _, rest = plain.partition(",")
        forms |= {first, f"{rest} {first}"}
    return {spelling for form in forms for spelling in spellings(form)}


def unsure(candidates: Iterable[str]) -> str:
    """The reason where a name stands for several codes."""
    codes = sorted(candidates)
    more = f" or {len(codes) - SHOWN_MAX} others" if len(codes) > SHOWN_MAX else ""
    return f"could be {' or '.join(codes[:SHOWN_MAX])}{more}"

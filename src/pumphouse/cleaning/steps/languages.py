"""In which language a text is written, where its letters tell for sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

CONFIDENCE = 0.8
LETTERS_MIN = 20
"""Fewer letters that tell nothing are said to be too short."""
CHARACTERS_MAX = 20_000
"""A language is told by the beginning of a text."""
NO_LANGUAGE = "zxx"
SHORTER = {"kik": "ki", "gug": "gn", "fuv": "ff"}
"""Codes of the model for which ISO 639-1 has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language(Step):
    """The step that `language` makes."""

    name: ClassVar[str] = "language"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"confidence": "DOUBLE"}
    into: str | None = None
    confidence: float = CONFIDENCE
    version: str = field(default_factory=lambda: with_versions("1", "py3langid"), init=False)

    def target(self, column: str) -> str:
        """The text stays as it is."""
        return self.into or f"{column}__language"

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the model read."""
        return EachValue(self, LanguageTeller(self.confidence).language)


def language(*, into: str | None = None, confidence: float = CONFIDENCE) -> Language:
    """A step that says in which language a text is: ISO 639-1, as "de", or 639-3 for the few that have none, as "yue".

    It goes to `into`, or without it to `<column>__language`, and how sure it is to `__confidence` of that. Below
    `confidence` it is declined: most texts of two or three words are, and names, and what is no language. The model is
    that of py3langid, for 140 languages.

    `language().one("Wo ist bitte der nächste Bahnhof?").value == "de"`
    """
    if not 0 < confidence <= 1:
        raise ValueError(f"language's confidence is above 0 and up to 1, not {confidence}")
    return Language(into=into, confidence=float(confidence))


class LanguageTeller:
    """The model, read; pickled it is read anew."""

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence
        self.model = _model()

    def language(self, written: str) -> tuple[str | None, float | None, str | None]:
        """(language, confidence, reason)."""
        text = written[:CHARACTERS_MAX]
        if not any(letter.isalpha() for letter in text):
            return None, None, "no letters in it"
        code, confidence = self.model.classify(text)
        if confidence >= self.confidence and code != NO_LANGUAGE:
            return SHORTER.get(code, code), round(float(confidence), 3), None
        if code == NO_LANGUAGE:
            return None, None, "no words of a language"
        if sum(letter.isalpha() for letter in text) < LETTERS_MIN:
            return None, None, "too short to tell its language"
        return None, None, f"not sure which language: {code} at {confidence:.2f}"

    def __reduce__(self) -> tuple[object, ...]:
        return (LanguageTeller, (self.confidence,))


@cache
def _model() -> LanguageIdentifier:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise MissingExtra("py3langid", extra="cleaning", purpose="language") from None
    # Read once: it takes half a second, and is the same for every column.
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

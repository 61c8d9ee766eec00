"""Yes and no in the languages that people write them in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import did_you_mean

ANYWHERE = ("true t 1 on ✓ ✔ ☑ ✅", "false f 0 off ✗ ✘ ☐ ❌")
"""Words for yes and for no in every language."""
WORDS = {
    # ISO 639-1: words for yes, and words for no; single letters count where the language is declared
    "ar": ("نعم أجل صح صحيح", "لا كلا خطأ"),
    "bg": ("да вярно д", "не невярно н"),
    "cs": ("ano pravda a", "ne nepravda n"),
    "da": ("ja sandt j", "nej falsk n"),
    "de": ("ja wahr richtig j w", "nein falsch n f"),
    "el": ("ναι αληθές ν", "όχι ψευδές ο"),
    "en": ("yes y yep yeah", "no n nope nay"),
    "es": ("sí si verdadero s v", "no falso n"),
    "et": ("jah tõene", "ei väär"),
    "fi": ("kyllä joo tosi k", "ei epätosi e"),
    "fr": ("oui vrai o v", "non faux n"),
    "he": ("כן נכון אמת", "לא שקר"),
    "hr": ("da točno d", "ne netočno n"),
    "hu": ("igen igaz i", "nem hamis n"),
    "id": ("ya benar", "tidak salah"),
    "it": ("sì si vero s v", "no falso n"),
    "ja": ("はい 真", "いいえ 偽"),
    "ko": ("예 네 참", "아니요 아니오 거짓"),
    "lt": ("taip tiesa t", "ne melas n"),
    "lv": ("jā patiess j", "nē aplams n"),
    "nb": ("ja sant j", "nei usant n"),
    "nl": ("ja waar j", "nee neen onwaar n"),
    "pl": ("tak prawda t", "nie fałsz n"),
    "pt": ("sim verdadeiro s v", "não nao falso n"),
    "ro": ("da adevărat d", "nu fals n"),
    "ru": ("да истина д", "нет ложь н"),
    "sk": ("áno ano pravda a", "nie nepravda n"),
    "sl": ("da res d", "ne n"),
    "sv": ("ja sant j", "nej falskt n"),
    "tr": ("evet doğru e", "hayır hayir yanlış h"),
    "uk": ("так правда т", "ні неправда н"),
    "vi": ("có đúng", "không sai"),
    "zh": ("是 对 對 真", "否 不是 不 错 錯 假"),
}
APART = "|"
CJK = 0x2E80
NUMBER = re.compile(r"([01])[.,]0+")
"""1.0 is a 1 that was a float on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(Step):
    """The step that `parse_boolean` makes."""

    name: ClassVar[str] = "parse_boolean"
    gives: ClassVar[str] = "BOOLEAN"
    languages: tuple[str, ...] = ()
    yes: str | None = None
    no: str | None = None
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays. A column of booleans stays as it is."""
        return EachValue(self, Answers(self).meant)


def parse_boolean(*languages: str, yes: str | None = None, no: str | None = None) -> Boolean:
    """A step that reads yes and no: true, false, 1, 0, on, off, and the words of `languages`, ISO 639-1 codes.

    Without languages the words of all 33 that it knows count where none says the opposite, and of single letters only
    y, n, t and f. Words of one's own, in any case, have `|` between them: `parse_boolean(yes="paid|done", no="open")`;
    with these alone, no language counts. Every other text is declined.

    `parse_boolean("de").one("Nein").value is False`
    """
    for language in languages:
        if language not in WORDS:
            raise ValueError(
                f"parse_boolean has no words of '{language}'. "
                + (did_you_mean(language, WORDS) or f"It has {', '.join(WORDS)}.")
            )
    if (yes is None) != (no is None):
        raise ValueError("parse_boolean takes words for yes and for no: parse_boolean(yes='paid', no='open')")
    if yes is not None and no is not None and (both := _own(yes) & _own(no)):
        raise ValueError(f"parse_boolean was given {min(both)!r} for yes and for no")
    return Boolean(languages=languages, yes=yes, no=no)


def folded(word: str) -> str:
    """The word as it is compared: in any case, full-width or not, with accents in one form."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold()).strip()


class Answers:
    """Words for yes and no, ready to read by."""

    def __init__(self, step: Boolean) -> None:
        meanings: dict[str, set[bool]] = {}
        for means, words in _words(step):
            for word in words:
                meanings.setdefault(folded(word), set()).add(means)
        self.meanings = {word: means.pop() for word, means in meanings.items() if len(means) == 1}
        if step.yes is not None and step.no is not None:
            self.meanings |= dict.fromkeys(_own(step.yes), True) | dict.fromkeys(_own(step.no), False)

    def meant(self, written: str) -> tuple[bool | None, str | None]:
        """(whether it is yes, reason)."""
        word = folded(written.strip("\ufeff\u200b"))
        if number := NUMBER.fullmatch(word):
            word = number[1]
        found = self.meanings.get(word)
        return found, None if found is not None or not word else "neither a word for yes nor one for no"


def _own(words: str) -> set[str]:
    return {folded(word) for word in words.split(APART)} - {""}


def _words(step: Boolean) -> Iterator[tuple[bool, list[str]]]:
    """(whether they mean yes, words) of languages; none where only words of one's own count."""
    if step.yes is not None and not step.languages:
        return
    for language in (ANYWHERE, *(WORDS[language] for language in step.languages or WORDS)):
        is_declared = language in (ANYWHERE, WORDS["en"]) or bool(step.languages)
        for means, words in zip((True, False), language, strict=True):
            # A letter is short for a word of its language alone; 是 and 否 are whole words.
            yield means, [word for word in words.split() if is_declared or len(word) > 1 or ord(word) >= CJK]

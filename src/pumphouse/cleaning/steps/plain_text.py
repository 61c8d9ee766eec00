"""Text as a person would have typed it: mojibake mended, one Unicode form, plain white space, and HTML as its text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.markup import reads_as_markup, text_of_html, unescaped
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

PASSES_MAX = 12
"""Times that a text is worked on until nothing changes any more: `&amp;amp;lt;` takes three."""

PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
"""ASCII with single spaces: most cells, which have nothing to mend."""
TIDY = re.compile("[!-~\u00a1-\u00ac\u00ae-\u02ff]+(?: [!-~\u00a1-\u00ac\u00ae-\u02ff]+)*")
"""The same with Latin letters, which are in NFC where no mark follows them: nothing to tidy."""
TERMINAL = re.compile("\x1b\\[[0-9;]*[A-Za-z]")
LINE_ENDS = re.compile("\r\n?|[\v\f\u2028\u2029]")
CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
INVISIBLE = re.compile("[\u00ad\u2060\ufeff]")
"""Soft hyphens, word joiners and byte order marks. Joiners (U+200C, U+200D) are part of words and of emoji."""
WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer, where a zero-width space says where a word ends."""
ZERO_WIDTH = re.compile(f"\u200b+(?=\u200b)|(?<![{WITHOUT_SPACES}])\u200b|\u200b(?![{WITHOUT_SPACES}])")
DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdfd\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
SPACES = re.compile(r"[^\S\n]+")
AROUND_LINES = re.compile(r" ?\n ?")
EMPTY_LINES = re.compile(r"\n{3,}")

QUOTES = str.maketrans(dict.fromkeys("\u2018\u2019\u201a\u201b", "'") | dict.fromkeys("\u201c\u201d\u201e\u201f", '"'))
FULL_WIDTH = re.compile(
    "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff03-\uff06\uff0a\uff0b\uff0d\uff0f\uff1d\uff20\uff3f]"
)
"""Letters, digits and signs that no Chinese or Japanese sentence is punctuated with."""
FULL_WIDTH_MARKS = re.compile("(?<=[0-9A-Za-z])[\uff01-\uff5e](?=[0-9A-Za-z])")
"""Punctuation stays full-width in a sentence, but not within 10:30 or 1,000."""
HALF_WIDTH_KATAKANA = re.compile("[\uff65-\uff9f]+")


def _library_version() -> str:
    return f"{with_versions('1', 'ftfy')}, Unicode {unicodedata.unidata_version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainText(Step):
    """The step that `plain_text` makes."""

    name: ClassVar[str] = "plain_text"
    gives: ClassVar[str] = "VARCHAR"
    html: bool = False
    straight_quotes: bool = False
    half_width: bool = False
    version: str = field(default_factory=_library_version, init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, TextCleaner(self).cleaned)


def plain_text(*, html: bool = False, straight_quotes: bool = False, half_width: bool = False) -> PlainText:
    """A step that mends text without changing what it says; safe for any prose, in any script.

    Mojibake is mended where ftfy is sure ("cafÃ©"), letters with accents get their one form (NFC), every kind of space
    becomes a plain one and runs of them one, line ends become a line feed, and what nobody can see (byte order marks,
    zero-width spaces, control characters) goes. Lines stay lines. A text of nothing else becomes a gap.

    `html`: tags are taken out, blocks become lines, scripts and styles go, `&amp;` becomes `&`, also where it was
    escaped twice. Only names of HTML are tags: `<3`, `a < b` and `<ann@example.com>` stay. What would read as HTML once
    more (`&lt;b&gt;`: text about markup, or markup escaped) is declined.
    `straight_quotes`: “ ” „ ‘ ’ become " and '. `half_width`: Ｐｕｍｐ１ becomes Pump1, and ﾎﾟﾝﾌﾟ becomes ポンプ; the
    punctuation of a Chinese or Japanese sentence stays.

    `plain_text(html=True).one("<p>Fish &amp; chips</p>").value == "Fish & chips"`
    """
    return PlainText(html=html, straight_quotes=straight_quotes, half_width=half_width)


class TextCleaner:
    """Works on a text until nothing changes any more, so that cleaning it again changes nothing."""

    def __init__(self, step: PlainText) -> None:
        self.step = step
        self.config = _config()

    def cleaned(self, written: str) -> tuple[str | None, str | None]:
        """(text, reason)."""
        step = self.step
        if PLAIN.fullmatch(written) and not (step.html and ("<" in written or "&" in written)):
            return written, None
        result = written
        if step.html:
            found = text_of_html(tidied(result))  # a control character within a tag would hide it
            if found is None:
                return None, "a script, a style or a comment in it has no end"
            result = found
        for _ in range(PASSES_MAX):
            before = result
            result = self._passed(result)
            if result == before:
                if step.html and reads_as_markup(result):
                    return None, "what is left reads as HTML once more: markup that was escaped, or text about markup"
                return result or None, None
        return None, f"still changing after it was mended {PASSES_MAX} times"

    def _passed(self, text: str) -> str:
        import ftfy

        if not text.isascii():
            text = ftfy.fix_encoding(text, self.config)
        text = unescaped(text) if self.step.html else text
        text = text.translate(QUOTES) if self.step.straight_quotes else text
        text = half_width(text) if self.step.half_width else text
        return tidied(text)


def tidied(text: str) -> str:
    """The text in NFC with plain spaces and line feeds, and without what can't be seen."""
    if TIDY.fullmatch(text):
        return text
    text = CONTROLS.sub("", LINE_ENDS.sub("\n", TERMINAL.sub("", text)))
    if not text.isascii():
        text = ZERO_WIDTH.sub("", INVISIBLE.sub("", text))
        if not RIGHT_TO_LEFT.search(text):
            text = DIRECTION.sub("", text)
        text = unicodedata.normalize("NFC", text)
    return EMPTY_LINES.sub("\n\n", AROUND_LINES.sub("\n", SPACES.sub(" ", text))).strip()


def half_width(text: str) -> str:
    """Full-width letters and digits as those of ASCII, and half-width katakana as whole ones."""
    text = FULL_WIDTH.sub(lambda found: chr(ord(found[0]) - 0xFEE0), text)
    text = FULL_WIDTH_MARKS.sub(lambda found: chr(ord(found[0]) - 0xFEE0), text)
    return HALF_WIDTH_KATAKANA.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _config() -> TextFixerConfig:
    try:
        from ftfy import TextFixerConfig
    except ImportError:
        raise MissingExtra("ftfy", extra="cleaning", purpose="plain_text") from None
    # A sequence that lost a byte would become a replacement character: what it was is not sure.
    return TextFixerConfig(replace_lossy_sequences=False, explain=False)

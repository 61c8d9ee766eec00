"""Text as words, spaces and marks: the places at which shorthand may begin and end.

A word is what people see as one: `don't`, `u.s`, `u-turn`, 東京都. Addresses of mail and of pages are one word
whatever they are made of, so that nothing is expanded inside.
"""

from __future__ import annotations

import re
import unicodedata

MARKS = r".,;:!?…()\[\]{}\"'‘’“”„‚«»‹›\-–—/\\*~<>|¿¡。、・「」『』（）！？：；，\u2600-\u27bf\U0001f300-\U0001faff"
"""What ends a word: punctuation and pictures, for the inside of a character class."""
JOINERS = r".:'’\-–/\\*~<>|"
"""Marks that, one alone between two words, make them one."""

_PART = re.compile(rf"[^\s{MARKS}]+(?:[{JOINERS}][^\s{MARKS}]+)*|.", re.DOTALL)
_SPACES = re.compile(r"(\s+)")
_MARK = re.compile(rf"[{MARKS}]")
SPACE = " "
"""What any run of white space counts as."""


def normalised(written: str) -> str:
    """The text in Unicode's composed form (NFC): é is one character however it was typed."""
    return unicodedata.normalize("NFC", written)


def tokens(written: str) -> list[str]:
    """The text cut into words, runs of white space and single marks. Joined, they are the text again.

    >>> tokens("pls call the u.s. office, asap")
    ['pls', ' ', 'call', ' ', 'the', ' ', 'u.s', '.', ' ', 'office', ',', ' ', 'asap']
    """
    found: list[str] = []
    for chunk in _SPACES.split(written):
        if not chunk:
            continue
        if chunk.isspace() or "@" in chunk or "://" in chunk or chunk.lower().startswith("www."):
            found.append(chunk)
        else:
            found += _PART.findall(chunk)
    return found


def spaced(token: str) -> str:
    """The token, and any white space as one space."""
    return SPACE if token.isspace() else token


def folded(token: str) -> str:
    """The token without its case, and any white space as one space: what entries are looked up by."""
    return normalised(spaced(token).casefold())


def is_mark(token: str) -> bool:
    """Whether the token is punctuation, not a word or white space."""
    return len(token) == 1 and _MARK.fullmatch(token) is not None

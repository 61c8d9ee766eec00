"""Text as words, spaces and marks: the places at which shorthand may begin and end.

A word is what people see as one: `don't`, `u.s`, `u-turn`, `C++11`, `#tag`. Addresses of mail and of pages, `@user`,
tags like `<br>` and what HTML writes as `&amp;` are one piece whatever they are made of, so that nothing is expanded
inside. In scripts that put no spaces between words, each character is a piece, glued to the one before.
"""

from __future__ import annotations

import re
import unicodedata

MARKS = r".,;:!?…()\[\]{}\"'‘’“”„‚«»‹›\-–—/\\*~<>|¿¡。、・「」『』（）！？：；，\u2600-\u27bf\U0001f300-\U0001faff"
"""What ends a word: punctuation and pictures, for the inside of a character class."""
JOINERS = r".:'’\-–/\\*~<>|"
"""Marks that, one alone between two words, make them one."""
SPACELESS_RANGES = (
    (0x0E01, 0x0E3E), (0x0E40, 0x0E5B), (0x0E81, 0x0EDF), (0x1000, 0x109F), (0x1780, 0x17DD), (0x3005, 0x3007),
    (0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FE), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFD),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese: scripts that put no spaces between words. Korean does."""
EXTENDING = "\u0e33\u0eb3\u200d\uff9e\uff9f"
"""Besides what combines: vowels of Thai and Lao, the joiner, and half-width marks of Japanese."""
SPACE = " "
"""What any run of white space counts as."""
GLUE = "\0"
"""Stands before the key of a piece that is glued to the one before it."""

_SPACELESS = "".join(f"{chr(first)}-{chr(last)}" for first, last in SPACELESS_RANGES)
_PART = re.compile(rf"[^\s{MARKS}]+(?:[{JOINERS}][^\s{MARKS}]+)*|.", re.DOTALL)
_HAS_SPACELESS = re.compile(rf"[{_SPACELESS}]")
_RUN = re.compile(rf"[{_SPACELESS}]|[^{_SPACELESS}]+")
_SPACES = re.compile(r"(\s+)")
_MARK = re.compile(rf"[{MARKS}]")
_TAG = re.compile(r"<[/!]?[A-Za-z][^<>]*>")
_OPAQUE = re.compile(r"@|://|^www\.|&#?\w+;", re.IGNORECASE)
TAG_OVER_SPACE = "<[/!]?[A-Za-z][^<> ]* [^<>]*>"
"""A tag that a space stands in, for RE2."""


def normalised(written: str) -> str:
    """The text in Unicode's composed form (NFC): é is one character however it was typed."""
    return unicodedata.normalize("NFC", written)


def tokens(written: str) -> list[str]:
    """The text cut into words, runs of white space and single marks. Joined, they are the text again.

    >>> tokens("pls call the u.s. office, asap")
    ['pls', ' ', 'call', ' ', 'the', ' ', 'u.s', '.', ' ', 'office', ',', ' ', 'asap']
    """
    return cut(written)[0]


def cut(written: str) -> tuple[list[str], list[bool]]:
    """The tokens of a text, and of each whether it is glued to the one before: no word need end between them."""
    parts: list[str] = []
    glued: list[bool] = []
    place = 0
    if "<" in written:
        for tag in _TAG.finditer(written):
            _cut(written[place : tag.start()], parts, glued)
            parts.append(tag[0])
            glued.append(False)
            place = tag.end()
    _cut(written[place:] if place else written, parts, glued)
    return parts, glued


def _cut(written: str, parts: list[str], glued: list[bool]) -> None:
    for chunk in _SPACES.split(written):
        if not chunk:
            continue
        if chunk.isspace() or is_opaque(chunk):
            parts.append(chunk)
            glued.append(False)
        elif chunk.isascii() or not _HAS_SPACELESS.search(chunk):
            found = _PART.findall(chunk)
            parts += found
            glued += [False] * len(found)
        else:
            for part in _PART.findall(chunk):
                pieces = _pieces(part)
                parts += pieces
                glued += [False] + [True] * (len(pieces) - 1)


def _pieces(part: str) -> list[str]:
    """A word, with each character of a spaceless script on its own; what combines stays with what it is on."""
    pieces: list[str] = []
    for found in _RUN.findall(part):
        run = found
        while run and pieces and (unicodedata.category(run[0])[0] == "M" or run[0] in EXTENDING):
            pieces[-1] += run[0]
            run = run[1:]
        if run:
            pieces.append(run)
    return pieces


def spaced(token: str) -> str:
    """The token, and any white space as one space."""
    return SPACE if token.isspace() else token


def folded(token: str) -> str:
    """The token without its case, and any white space as one space: what entries are looked up by."""
    if token.isascii():
        return SPACE if token.isspace() else token.lower()
    return normalised(spaced(token).casefold())


def is_mark(token: str) -> bool:
    """Whether the token is punctuation or a tag, not a word or white space."""
    return (len(token) == 1 and _MARK.fullmatch(token) is not None) or (token[0] == "<" and token[-1] == ">")


def is_opaque(chunk: str) -> bool:
    """Whether what stands between spaces is an address, or holds what HTML writes for a character."""
    return _OPAQUE.search(chunk) is not None


def is_spaceless(token: str) -> bool:
    """Whether the token is a character of a script without spaces."""
    return _HAS_SPACELESS.match(token) is not None

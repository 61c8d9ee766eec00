"""The letters of a text, made alike before it is cut into words: by SQL in the rows, and by the same steps in queries.

Widths and composed letters: full-width Latin and half-width Kana become what they mean, `e` and an accent become `é`.
Marks within a word: those that are no letters for the search library, and what nobody sees, are left out.
Languages without spaces: each letter of Han, Kana and Hangul becomes a word of itself and the next one, the last of a
run a word of its own, so that 東京都 is `東京 京都 都`, in which 東京, 京都 and 都 are found.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from pumphouse.engines.parameters import literal


def _ranges(text: str) -> str:
    """The inside of a regular expression's class, which reads the same in Python and in DuckDB."""
    ends = ([chr(int(end, 16)) for end in one.split("-")] for one in text.split())
    return "".join("-".join(one) for one in ends)


# Hangul's parts, the signs that repeat, Kana, Bopomofo, Hangul, Han.
_UNSPACED = _ranges("""
1100-11ff 3005-3007 3021-3029 3031-3035 3038-303c 3041-3096 309d-309f 30a1-30fa 30fc-30ff 3105-312f 3131-318e
31a0-31bf 31f0-31ff 3400-4dbf 4e00-9fff a960-a97c ac00-d7a3 d7b0-d7c6 d7cb-d7fb f900-fa6d fa70-fad9 1b000-1b122
20000-2a6df 2a700-2b739 2b740-2b81d 2b820-2cea1 2ceb0-2ebe0 2f800-2fa1d 30000-3134a 31350-323af
""")
# Combining accents, vowel points of Hebrew and Arabic, marks of other scripts that are not alphabetic in Unicode,
# and what nobody sees: soft hyphens, joiners, directions.
_LEFT_OUT = _ranges("""
ad 300-36f 483-489 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 610-61a 61c 640 64b-65f 670 6d6-6dc 6df-6e4 6e7-6e8 6ea-6ed
740-74a 7eb-7f3 7fd 818-819 82d 859-85b 898-89f 8ca-8d3 8e0-8e1 8ea-8ef 93c 94d 951-954 9bc 9cd 9fe a3c a4d abc
acd afd-aff b3c b4d b53-b55 bcd c3c c4d cbc ccd d3b-d3c d4d dca e47-e4c e4e eba ec8-ecc ece f18-f19 f35 f37 f39
f3e-f3f f84 f86-f87 fc6 1037 1039-103a 135d-135f 1714-1715 1734 17b4-17b5 17c9-17d3 17dd 180b-180d 180f
1939-193b 1a60 1a75-1a7c 1a7f 1ab0-1abe 1ac1-1acb 1acf-1af0 1b34 1b44 1b6b-1b73 1baa-1bab 1be6 1bf2-1bf3 1c37
1cd0-1cd2 1cd4-1ce8 1ced 1cf4 1cf7-1cf9 1dc0-1dd2 1df5-1dff 200c-200f 202a-202e 2060 2066-2069 20d0-20f0
2cef-2cf1 2d7f 302a-302f 3099-309a a66f-a672 a67c-a67d a6f0-a6f1 a806 a82c a8c4 a8e0-a8f1 a92b-a92d a953 a9b3
a9c0 aabf aac1 aaf6 abec-abed fe00-fe0f fe20-fe2f feff 101fd 102e0 10a38-10a3a 10a3f 10ae5-10ae6 10d6a-10d6d
10ece-10ecf 10ef0-10ef2 10ef4 10ef6 10ef9 10efd-10eff 10f46-10f50 10f82-10f85 11046 11070 1107f 110b9-110ba
11133-11134 11173 111c0 111c9-111cc 11235-11236 112e9-112ea 1133b-1133c 1134d 11366-1136c 11370-11374
113ce-113d0 113d2 113e1-113e2 11442 11446 1145e 114c2-114c3 115bf-115c0 1163f 116b6-116b7 1172b 11839-1183a
1193d-1193e 11943 119e0 11a33-11a34 11a47 11a98-11a99 11c3f 11d42 11d44-11d45 11d97 11f41-11f42 11f5a 13440
13447-13455 1612f 16af0-16af4 16b30-16b36 16fe4 1bc9d 1cf00-1cf2d 1cf30-1cf46 1d127-1d128 1d165-1d169
1d16d-1d172 1d17b-1d182 1d185-1d18b 1d1aa-1d1ad 1d242-1d244 1d250-1d252 1d25b-1d25c 1d25f 1d280-1d281
1da00-1da36 1da3b-1da6c 1da75 1da84 1da9b-1da9f 1daa1-1daaf 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef
1e5ee-1e5ef 1e8d0-1e8d6 1e944-1e946 1e948-1e94a e0100-e01ef
""")
# Whatever else a canonical composition changes: whole blocks of it.
_COMPOSED = _ranges("""
374 37e 900-109f 1b00-1b7f 1f00-1fff 2000-2001 2126 212a-212b 2329-232a 2adc fb1d-fb4e 105d2-105e4 11080-119ff
16d63-16d6a 1d15e-1d1c0
""")
# What may become one letter with the one before.
_JOINED = _LEFT_OUT + _ranges("""
9be 9d7 b3e b56-b57 bbe bd7 c56 cc2 cd5-cd6 d3e d57 dcf ddf 102e 1161-11ff 1b35 ff9e-ff9f ffc2-ffdc 11127 1133e
11357 113b8 113bb 113c2 113c5 113c7-113c9 114b0 114ba 114bd 115af 11930 16d63 16d67 16d68
""")
_WIDE = {chr(code): normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFEF)}
_WIDTHS = {wide: plain for wide, plain in _WIDE.items() if len(plain) == 1 and plain != wide}
_GREEK = {chr(code): normalize("NFD", chr(code))[:1] for code in (*range(0x386, 0x3CF), *range(0x1F00, 0x1FFD))}
# Greek capitals are written without accents, and a sigma at the end is a sigma; й and ї are letters of their own.
_FOLDS = {accented: plain for accented, plain in _GREEK.items() if plain != accented}
_FOLDS |= {"ς": "σ", "Ё": "Е", "ё": "е", "Ѐ": "Е", "ѐ": "е", "Ѝ": "И", "ѝ": "и"}

_START = "\x01"  # of a run; it is no letter, so one that is in the text stands between words anyway
_SPECIAL = f"[{_UNSPACED}{_LEFT_OUT}{_COMPOSED}{''.join(_WIDTHS)}{''.join(_FOLDS)}]"
_PAIRS = (
    (f"([{_UNSPACED}]+)", f" {_START}\\1 "),
    (f"([{_UNSPACED}])", r"\1 \1"),
    (f"{_START}[{_UNSPACED}] ", ""),
)


_WIDTHS_BY_CODE = {ord(wide): plain for wide, plain in _WIDTHS.items()}
_FOLDS_BY_CODE = {ord(accented): plain for accented, plain in _FOLDS.items()}
_CHANGED = f"\0{_JOINED}{_COMPOSED}{''.join(_WIDTHS)}{''.join(_FOLDS)}" + _ranges("1100-1160 f900-fad9 2f800-2fa1d")
PIECE_MAX = 20
"""Of longer ones, which are no words, letters are traced by their number."""
_PIECE = re.compile(f"(?P<same>[^{_CHANGED}]+)(?![{_JOINED}])|.[{_JOINED}]*", re.DOTALL)
"""Letters that stay as they are, or one that may change with what follows."""


def prepared(text: str) -> str:
    """The text as it is cut into words."""
    if not is_special(text):
        return text
    text = folded(text)
    for pattern, replacement in _PAIRS:
        text = re.sub(pattern, replacement, text)
    return text


def prepared_sql(text: str) -> str:
    """SQL of the same, of SQL of a text. A text of plain letters is looked at once and left as it is."""
    widths, folds = (f"{literal(''.join(table))}, {literal(''.join(table.values()))}" for table in (_WIDTHS, _FOLDS))
    # A zero byte ends the text for some of these functions.
    made = f"translate(nfc_normalize(translate(replace({text}, chr(0), ' '), {widths})), {folds})"
    for pattern, replacement in ((f"[{_LEFT_OUT}]", ""), *_PAIRS):
        made = f"regexp_replace({made}, {literal(pattern)}, {literal(replacement)}, 'g')"
    is_ascii, has_special = f"strlen({text}) = length({text})", f"regexp_matches({text}, {literal(_SPECIAL)})"
    return f"CASE WHEN {is_ascii} OR NOT {has_special} THEN {text} ELSE {made} END"


def is_special(text: str) -> bool:
    """Whether anything has to be made alike."""
    return not text.isascii() and re.search(_SPECIAL, text) is not None


def folded(text: str) -> str:
    """The text with its letters made alike; runs of letters without spaces are as they were."""
    text = text.replace("\0", " ")
    text = normalize("NFC", text.translate(_WIDTHS_BY_CODE)).translate(_FOLDS_BY_CODE)
    return re.sub(f"[{_LEFT_OUT}]", "", text)


def traced(text: str) -> tuple[str, list[int]]:
    """The folded text, and where each of its letters, and its end, comes from in the text."""
    made: list[str] = []
    source: list[int] = []
    for found in _PIECE.finditer(text):
        start, end = found.span()
        part = found["same"] or folded(found[0])
        source += range(start, end) if found["same"] else [start + place for place in _places(found[0], part)]
        made.append(part)
    return "".join(made), [*source, len(text)]


def _places(piece: str, part: str) -> list[int]:
    """Where in a piece each letter of it comes from that is folded: where what is before folds to what is before."""
    places: list[int] = []
    for number in range(len(part)):
        at = min(number, len(piece) - 1)
        if number > 0 and len(part) < len(piece) <= PIECE_MAX:
            ends = (place for place in range(number, len(piece)) if folded(piece[:place]) == part[:number])
            at = max(places[-1], next(ends, at))
        places.append(at)
    return places


def runs(text: str) -> list[tuple[int, int]]:
    """Where letters without spaces stand in a text that is folded already, from and to."""
    return [found.span() for found in re.finditer(f"[{_UNSPACED}]+", text)]

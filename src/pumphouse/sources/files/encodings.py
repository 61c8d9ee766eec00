"""Which encoding a text is in that is not UTF-8, told from its bytes, or declined where they leave room for doubt.

Every byte of an old encoding is some letter in each of the others, so that a text reads in most of them. What tells is
whether it reads as words: letters of one alphabet, none of another between them, no sign inside a word, capitals only
where words begin. Where one reading is left, that is it; where several are, a person is shown them and chooses.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pumphouse.sources.files.texts import CHUNK_BYTES

START_BYTES = 4096
SAMPLE_BYTES = 64 * 1024
LOOKED_THROUGH_BYTES_MAX = 64 * 1024 * 1024
WORDS_SHOWN_MAX = 3

_WEST = "äöüß àâæçéèêëîïôœùûüÿ áéíñóúü ãõáâàçéêíóôú àèéìíòóù åäö æøåéóò ëïéèöüóáí àéèíïóòúüç"
_ICELANDIC = "áéíóúýðþæö"
_CENTRE = "ąćęłńóśźż áčďéěíňóřšťúůýž áéíóöőúüű áäčďéíĺľňóôŕšťúýž čćđšžë ăâîşţșț äöüß"
_BALTIC = "ąčęėįšųūž āčēģīķļņšūž äõöüšž"
_TURKISH = "çğıöşüâîû"
_CYRILLIC = (
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя абвгґдеєжзиіїйклмнопрстуфхцчшщьюя абвгдежзийклмнопрстуфхцчшщъьюя "
    "абвгдђежзијклљмнњопрстћуфхцчџш абвгдеёжзійклмнопрстуўфхцчшыьэюя абвгдѓежзѕијклљмнњопрстќуфхцчџш"
)
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
_HEBREW = "אבגדהוזחטיךכלםמןנסעףפץצקרשתװױײ־׳״"
_ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىءآأؤإئةپچژگکیہھڑٹڈںےًٌٍَُِّْـ"

_ALPHABETS: dict[str, str] = {
    "cp1252": _WEST,
    "iso8859-15": _WEST,
    "cp850": _WEST,
    "mac-roman": _WEST,
    "cp1250": _CENTRE,
    "iso8859-2": _CENTRE,
    "cp852": _CENTRE,
    "cp1257": _BALTIC,
    "cp1254": _TURKISH,
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC.split(maxsplit=1)[0],
    "cp866": _CYRILLIC.split(maxsplit=1)[0],
    "iso8859-5": _CYRILLIC,
    "cp1253": _GREEK,
    "iso8859-7": _GREEK,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
}
"""The letters of each language that an encoding was made for, beside ASCII."""

_GUESTS = {_WEST: _ICELANDIC, _TURKISH: _WEST, _CENTRE: "çï", _BALTIC: "éóø"}
"""Letters of other languages that stand among these in names."""

_SIGNS = frozenset("“”„‘’‚–—…«»‹›€£§©®™°²³½¼¾·•¿¡×´±µ№\u00a0\u00adªº\u200c\u200d\u200e\u200f،؛؟")
_ORDINALS = frozenset("ªº")
"""That stand behind a number, or as in nº."""
_SIGNS_IN_WORDS = frozenset("’·–—\u00a0\u00ad…\u200c\u200d")
_COMMON_CYRILLIC = frozenset("оеаинтсрвлкіы")
_COMMON_SHARE_MIN = 0.4
_WIDE_SHARE_MIN = 0.9
_LETTERS_MIN = 3
"""Of an alphabet that is not Latin: one letter alone tells nothing."""
_KANA_SHARE_MIN = 0.1
_BEYOND_ASCII_SHARE_MAX = 0.6
"""Of words in Latin letters."""
_UTF8_SHARE_MAX = 0.5
_WIDE = ("cp932", "euc_jp", "cp949", "gb18030", "big5")
"""Those in which others rarely read come first."""
_WORD = re.compile(r"[^\W\d_]+")
_OUT_OF_WORDS = re.compile(f"[{''.join(sorted(_SIGNS - _SIGNS_IN_WORDS))}]")
_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a text: the encoding, and some of its words as they read then."""

    encoding: str
    words: tuple[str, ...]


def is_utf8(path: Path) -> bool:
    """Whether all of a file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        with path.open("rb") as file:
            if _without_mark(file.read(START_BYTES)):
                return False
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def encoding_of(path: Path) -> str | None:
    """The encoding of a text where it is not UTF-8 and can be told."""
    found = [] if is_utf8(path) else readings(path)
    return found[0].encoding if len(found) == 1 else None


def readings(path: Path) -> list[Reading]:
    """The ways to read a text that is not UTF-8: one where it can be told, none where nothing fits."""
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return [Reading(encoding="utf-16", words=())]
    if b"\0" in start:
        return [Reading(encoding=one, words=()) for one in _without_mark(start)]
    sample = _sample(path)
    if sum(map(len, _UTF8.findall(sample))) > sum(byte > 0x7F for byte in sample) * _UTF8_SHARE_MAX:
        return []  # UTF-8 that something else was pasted into
    return _one_of_each_text(sample, _as_one_language(sample) or _as_several(sample))


def _without_mark(start: bytes) -> list[str]:
    """UTF-16 that does not say which byte comes first: most of its characters are of one byte and a zero."""
    half = len(start) // 2
    zeros = {"utf-16-le": start[1::2].count(0), "utf-16-be": start[::2].count(0)}
    return [name for name, count in zeros.items() if count > half * 0.6 and min(zeros.values()) < half * 0.1]


def _sample(path: Path) -> bytes:
    """Lines that have a byte beyond ASCII, from the start on."""
    found, size, seen = [], 0, 0
    with path.open("rb") as file:
        while size < SAMPLE_BYTES and seen < LOOKED_THROUGH_BYTES_MAX and (lines := file.readlines(CHUNK_BYTES)):
            some = [line[:SAMPLE_BYTES] for line in lines if not line.isascii()]
            found += some
            size += sum(map(len, some))
            seen += sum(map(len, lines))
    return b"".join(found)[: SAMPLE_BYTES * 2]


def _as_one_language(sample: bytes) -> list[str]:
    found = [name for name in _WIDE if _is_wide(sample, name)][:1]
    for name, alphabets in _ALPHABETS.items():
        text = _decoded(sample, name)
        if text is not None and any(_reads(text, frozenset(letters)) for letters in alphabets.split()):
            found.append(name)
    return found


def _as_several(sample: bytes) -> list[str]:
    """Encodings in which it reads with the letters of all their languages together, as a list of people's names may."""
    found = []
    for name, alphabets in _ALPHABETS.items():
        text = _decoded(sample, name)
        if text is not None and _reads(text, frozenset(alphabets + _GUESTS.get(alphabets, "")) - {" "}):
            found.append(name)
    return found


def _one_of_each_text(sample: bytes, names: list[str]) -> list[Reading]:
    """Encodings that read it differently: of those in which it reads the same, the first."""
    by_text: dict[str, str] = {}
    for name in names:
        by_text.setdefault(sample.decode(name, errors="replace"), name)
    return [Reading(encoding=name, words=_telling(text)) for text, name in by_text.items()]


def _telling(text: str) -> tuple[str, ...]:
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return tuple(dict.fromkeys(words))[:WORDS_SHOWN_MAX]


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _reads(text: str, letters: frozenset[str]) -> bool:
    """Whether all beyond ASCII is of these letters or a usual sign, in words that look like some."""
    allowed = letters | {letter.upper() for letter in letters} | _SIGNS
    counts = Counter(character for character in text if character > "\x7f")
    if not counts.keys() <= allowed or not _signs_fit(text):
        return False
    is_other_script = not any("\u00c0" <= letter <= "\u024f" for letter in letters)
    if is_other_script and sum(counts[letter] for letter in counts.keys() - _SIGNS) < _LETTERS_MIN:
        return False
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    if not is_other_script and sum(map(_beyond_ascii, words)) > sum(map(len, words)) * _BEYOND_ASCII_SHARE_MAX:
        return False
    for word in words:
        if is_other_script and not all(letter > "\x7f" for letter in word):
            return False
        if not (word.islower() or word.isupper() or word[1:].islower() or word.lower() == word.upper()):
            return False
    if "о" in letters:
        cyrillic = sum(count for letter, count in counts.items() if letter.lower() in letters)
        common = sum(count for letter, count in counts.items() if letter.lower() in _COMMON_CYRILLIC)
        return common >= cyrillic * _COMMON_SHARE_MIN
    return True


def _beyond_ascii(word: str) -> int:
    return sum(letter > "\x7f" for letter in word)


def _signs_fit(text: str) -> bool:
    """Whether no sign stands between two letters that does not stand in words."""
    return not any(
        (before := text[at.start() - 1 : at.start()]).isalpha()
        and (text[at.end() : at.end() + 1].isalpha() or (at[0] in _ORDINALS and before not in "nN"))
        for at in _OUT_OF_WORDS.finditer(text)
    )


def _is_wide(sample: bytes, encoding: str) -> bool:
    """Whether it reads as Japanese, Chinese or Korean, in the characters that these use most."""
    text = _decoded(sample, encoding)
    if text is None:
        return False
    counts = Counter(character for character in text if character > "\x7f" and not "\u3000" <= character <= "\u301f")
    counts = Counter({one: n for one, n in counts.items() if not "\uff00" <= one <= "\uff65" and one not in "・ー"})
    total = counts.total()
    if not total:
        return False
    kana = sum(number for one, number in counts.items() if "\u3040" <= one <= "\u30ff")
    if encoding in ("cp932", "euc_jp"):
        return kana >= total * _KANA_SHARE_MIN and all(
            "\u3040" <= one <= "\u30ff" or "\u4e00" <= one <= "\u9fff" for one in counts
        )
    first, last, second = {"gb18030": (0xB0, 0xD7, 0xA1), "big5": (0xA4, 0xC6, 0x40), "cp949": (0xB0, 0xC8, 0xA1)}[
        encoding
    ]
    usual = 0
    for one, number in counts.items():
        code = one.encode(encoding)
        usual += number if len(code) == 2 and first <= code[0] <= last and code[1] >= second else 0
    return usual >= total * _WIDE_SHARE_MIN

"""Keys under which spelling variants of one thing collide, after OpenRefine's clustering.

Source: https://openrefine.org/docs/technical-reference/clustering-in-depth; Postel 1969 for the Kölner Phonetik.
"""

from __future__ import annotations

import re
import unicodedata

GRAM = 2
LETTERS_MIN = 4
"""Shorter values collide by chance where their letters or sounds alone are compared."""
SIGNS = "+#"
"""Part of a name: C++ is not C."""
DIGITS = re.compile(r"\d+")
APART = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "&": " and "})
SOUNDS = {
    **dict.fromkeys("AEIJOUY", "0"), "B": "1", **dict.fromkeys("FVW", "3"), **dict.fromkeys("GKQ", "4"), "L": "5",
    **dict.fromkeys("MN", "6"), "R": "7", **dict.fromkeys("SZ", "8"),
}  # fmt: skip


def words(value: str) -> list[str]:
    """The words of a value in small letters, without accents of Latin letters and marks."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", value).casefold()).translate(APART)
    kept = (letter for letter in text if not "\u0300" <= letter <= "\u036f" and letter not in "'’.")
    spaced = (letter if letter in SIGNS or unicodedata.category(letter)[0] in "LMN" else " " for letter in kept)
    return unicodedata.normalize("NFC", "".join(spaced)).split()


def fingerprint(value: str) -> str:
    """The different words in order: "Main St., 5" and "5 main st" collide."""
    return " ".join(sorted(set(words(value))))


def ngram_fingerprint(value: str) -> str:
    """The different pairs of letters in order: "New York" and "NewYork" collide. '' where it is too short to tell."""
    letters = "".join(words(value))
    if len(letters) < LETTERS_MIN:
        return ""
    grams = {letters[place : place + GRAM] for place in range(len(letters) - GRAM + 1)}
    return " ".join(sorted(grams)) + _digits(value)


def phonetic(value: str) -> str:
    """How the words sound, by the Kölner Phonetik: "Meyer" and "Maier" collide. '' but for Latin letters."""
    found = words(value)
    letters = "".join(found)
    if len(letters) < LETTERS_MIN or not letters.isascii():
        return ""
    codes = sorted(_sounds("".join(letter for letter in word.upper() if letter.isalpha())) for word in found)
    return " ".join(code for code in codes if code) + _digits(value)


def digits(value: str) -> tuple[str, ...]:
    """The numbers in a value: Hall 12 is not Hall 13, however near."""
    return tuple(DIGITS.findall(unicodedata.normalize("NFKC", value)))


def _digits(value: str) -> str:
    return "".join(f" #{number}" for number in digits(value))


def _sounds(word: str) -> str:
    """The code of one word in capitals."""
    codes: list[str] = []
    for place, letter in enumerate(word):
        before, after = word[place - 1] if place else "", word[place + 1 : place + 2]
        if letter == "P":
            code = "3" if after == "H" else "1"
        elif letter in "DT":
            code = "8" if after in tuple("CSZ") else "2"
        elif letter == "C":
            hard = after in tuple("AHKLOQRUX") if not before else after in tuple("AHKOQUX") and before not in "SZ"
            code = "4" if hard else "8"
        elif letter == "X":
            code = "8" if before in tuple("CKQ") else "48"
        else:
            code = SOUNDS.get(letter, "")
        codes.extend(code)
    single = [code for place, code in enumerate(codes) if place == 0 or code != codes[place - 1]]
    return "".join(code for place, code in enumerate(single) if code != "0" or place == 0)

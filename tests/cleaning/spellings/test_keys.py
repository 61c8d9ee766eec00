from __future__ import annotations

import pytest

from pumphouse.cleaning.spellings.keys import fingerprint, ngram_fingerprint, phonetic


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Main St., 5", "5 main st"), ("São Paulo", "SAO  PAULO"), ("Straße", "strasse"), ("İstanbul", "istanbul"),
        ("Łódź", "Lodz"), ("Ｔｏｋｙｏ", "tokyo"), ("A & B", "a and b"), ("e\u0301te\u0301", "été"),
    ],
)  # fmt: skip
def test_fingerprints_collide_whatever_the_order_case_and_accents(first: str, second: str) -> None:
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize(("first", "second"), [("C++", "C"), ("C#", "C"), ("Hall 12", "Hall 13"), ("東京", "東京都")])
def test_fingerprints_of_different_things_differ(first: str, second: str) -> None:
    assert fingerprint(first) != fingerprint(second)


def test_pairs_of_letters_collide_whatever_the_spaces() -> None:
    assert ngram_fingerprint("New York") == ngram_fingerprint("NewYork")
    assert ngram_fingerprint("ab") == ""
    assert ngram_fingerprint("Room 11") != ngram_fingerprint("Room 111")


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("Wikipedia", "3412"),
        ("Breschnew", "17863"),
        ("Müllerlüdenscheidt", "65752682"),
        ("Meyer", "67"),
        ("Maier", "67"),
    ],
)
def test_sounds_are_those_of_the_koelner_phonetik(word: str, code: str) -> None:
    assert phonetic(word) == code


def test_sounds_of_other_scripts_and_of_short_words_are_not_compared() -> None:
    assert phonetic("Москва") == phonetic("abc") == ""
    assert phonetic("Saal 12") != phonetic("Saal 13")

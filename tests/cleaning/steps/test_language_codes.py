from __future__ import annotations

import pytest

from pumphouse.cleaning import Cell, language_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("German", "de"), ("Deutsch", "de"), ("allemand", "de"), ("ger", "de"), ("deu", "de"),
        ("DE", "de"), ("de-AT", "de"), ("en_US", "en"), ("zh-Hant-TW", "zh"), ("Mandarin", "zh"),
        ("Chinese", "zh"), ("Cantonese", "yue"), ("Farsi", "fa"), ("Greek", "el"), ("Norwegian", "no"),
        ("Norwegisch", "no"), ("Bokmål", "nb"), ("Flemish", "nl"), ("日本語", "ja"), ("Русский", "ru"),
        ("Swiss German", "gsw"), ("Esperanto", "eo"), ("no", "no"), ("Filipino", "fil"), ("Nauru", "na"),
        ("İngilizce", "en"), ("Français", "fr"), ("franc\u0327ais", "fr"),
    ],
)  # fmt: skip
def test_names_codes_and_tags_are_languages(written: str, code: str) -> None:
    assert language_code().one(written) == Cell(value=code)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("NA", "na is Nauruan, or nothing at all"),
        ("N/A", "not a language"),
        ("-", "not a language"),
        ("None", "not a language"),
        ("xx", "not a language"),
        ("Ndebele", "could be nd or nr"),
    ],
)
def test_what_is_no_one_language_is_declined(written: str, reason: str) -> None:
    assert language_code().one(written) == Cell(value=None, reason=reason)

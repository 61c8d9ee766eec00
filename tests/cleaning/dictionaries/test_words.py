from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning.dictionaries.words import tokens


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("pls, call!", ["pls", ",", " ", "call", "!"]),
        ("don't u.s. u-turn c/o 24:00", ["don't", " ", "u.s", ".", " ", "u-turn", " ", "c/o", " ", "24:00"]),
        ("ok...pls", ["ok", ".", ".", ".", "pls"]),
        ("東京都 İstanbul e\u0301", ["東京都", " ", "İstanbul", " ", "e\u0301"]),
        ("mail u@x.de,pls or www.u.de/u", ["mail", " ", "u@x.de,pls", " ", "or", " ", "www.u.de/u"]),
        ("see https://u.de/?u,u now", ["see", " ", "https://u.de/?u,u", " ", "now"]),
        ("thx👍pls", ["thx", "👍", "pls"]),
        ("r&d c++ $5", ["r&d", " ", "c++", " ", "$5"]),
        ("", []),
    ],
)
def test_text_is_cut_where_people_see_words_end(written: str, expected: list[str]) -> None:
    assert tokens(written) == expected


@settings(deadline=None)
@given(st.text())
def test_tokens_together_are_the_text(written: str) -> None:
    assert "".join(tokens(written)) == written

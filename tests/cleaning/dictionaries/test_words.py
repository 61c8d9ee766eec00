from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning.dictionaries.words import cut, tokens


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("pls, call!", ["pls", ",", " ", "call", "!"]),
        ("don't u.s. u-turn c/o 24:00", ["don't", " ", "u.s", ".", " ", "u-turn", " ", "c/o", " ", "24:00"]),
        ("ok...pls", ["ok", ".", ".", ".", "pls"]),
        ("東京都 İstanbul e\u0301", ["東", "京", "都", " ", "İstanbul", " ", "e\u0301"]),
        ("mail u@x.de,pls or www.u.de/u", ["mail", " ", "u@x.de,pls", " ", "or", " ", "www.u.de/u"]),
        ("see https://u.de/?u,u now", ["see", " ", "https://u.de/?u,u", " ", "now"]),
        ("thx👍pls", ["thx", "👍", "pls"]),
        ("r&d c++ $5", ["r&d", " ", "c++", " ", "$5"]),
        ("<br>pls <a href='u'>u</a> a<b", ["<br>", "pls", " ", "<a href='u'>", "u", "</a>", " ", "a<b"]),
        ("AT&amp;T &#39;u&#39; @u #u r&d;u", ["AT&amp;T", " ", "&#39;u&#39;", " ", "@u", " ", "#u", " ", "r&d;u"]),
        ("C++11 :) u.s.", ["C++11", " ", ":", ")", " ", "u.s", "."]),
        ("明天asap回 กำลัง か\u3099", ["明", "天", "asap", "回", " ", "กำ", "ลั", "ง", " ", "か\u3099"]),
        ("", []),
    ],
)
def test_text_is_cut_where_people_see_words_end(written: str, expected: list[str]) -> None:
    assert tokens(written) == expected


def test_a_run_without_spaces_is_glued_together() -> None:
    assert cut("u 東京a b") == (["u", " ", "東", "京", "a", " ", "b"], [False, False, False, True, True, False, False])


@settings(deadline=None)
@given(st.text())
def test_tokens_together_are_the_text(written: str) -> None:
    assert "".join(tokens(written)) == written

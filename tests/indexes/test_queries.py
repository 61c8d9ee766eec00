from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.errors import QueryError
from pumphouse.indexes.queries import All, Both, Either, Node, Not, Words, parse


def word(text: str, *, column: str | None = None, is_prefix: bool = False, at: int = 0) -> Words:
    return Words(text=text, column=column, is_prefix=is_prefix, position=at)


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", All()),
        ("  \n", All()),
        ("*", All()),
        ("refund", word("refund")),
        (" late order", Both((word("late", at=1), word("order", at=6)))),
        ("late AND order", Both((word("late"), word("order", at=9)))),
        ("late OR order new", Either((word("late"), Both((word("order", at=8), word("new", at=14)))))),
        ("late -order", Both((word("late"), Not(word("order", at=6))))),
        ("NOT order", Not(word("order", at=4))),
        ('"late order"', word("late order")),
        ('account:"Acme Ltd"', word("Acme Ltd", column="account", at=8)),
        ("account:acme", word("acme", column="account", at=8)),
        ("deliver*", word("deliver", is_prefix=True)),
        ("(a OR b) c", Both((Either((word("a", at=1), word("b", at=6))), word("c", at=9)))),
        ("don't", word("don't")),
        ("a-b", word("a-b")),
        ("12:30", word("12:30")),
        ("or not", Both((word("or"), word("not", at=3)))),
        ("a - b", Both((word("a"), word("-", at=2), word("b", at=4)))),
        ("-(a b)", Not(Both((word("a", at=2), word("b", at=4))))),
    ],
)
def test_a_query_is_a_tree(query: str, tree: Node) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "position", "said"),
    [
        ('refund "late order', 7, "this quote is never closed"),
        ("a (b OR c", 2, "this bracket is never closed"),
        ("a b)", 3, "this bracket closes none"),
        ("a OR", 4, "a word is missing at the end"),
        ("AND a", 0, "a word is missing before AND"),
        ("a AND OR b", 6, "a word is missing before OR"),
        ("()", 1, "a word is missing before )"),
        ("a b*k", 3, "a star stands at the end of a word only"),
        ("é é **", 4, "a star stands at the end of a word only"),
        ("NOT -a", 4, "this excludes what is excluded already"),
        ("(" * 21 + "a" + ")" * 21, 20, "brackets stand more than 20 deep"),
        ("n:[1 2]", 2, "this range can't be read"),
        ("n:[1 TO 2", 2, "this range can't be read"),
        ("n:> ", 2, "a value is missing here"),
        ("a:(b c:d)", 5, "a column stands within the brackets of column 'a'"),
        ('"a b"~x', 6, "how many places the words may lie apart, at most 20"),
        ('"a b"~21', 6, "how many places the words may lie apart, at most 20"),
        ("refnd~3", 6, "a word may differ in 1 or 2 letters"),
        ("ref*~", 3, "a star stands at the end of a word only"),
        ('a:"b', 2, "this quote is never closed"),
        ("x" * 1001, 1000, "a search has at most 1,000 characters"),
    ],
)
def test_what_can_not_be_read_is_pointed_at(query: str, position: int, said: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    assert raised.value.position == position
    assert said in str(raised.value)
    assert f"character {position + 1} of: " in str(raised.value)


@given(st.text(alphabet='ab ()"*-:ANDORT\né', max_size=30))
def test_anything_typed_is_read_or_pointed_at(query: str) -> None:
    try:
        parse(query)
    except QueryError as error:
        assert 0 <= error.position <= len(query)  # noqa: PT017

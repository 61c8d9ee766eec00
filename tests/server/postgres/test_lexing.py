from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.server.postgres.lexing import array_items, statements


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        (" ; ;-- nothing\n/* ; /* ; */ */", []),
        ("SELECT ';' AS \"a;b\"; SELECT 2;", ["SELECT ';' AS \"a;b\"", "SELECT 2"]),
        ("SELECT $$ ; $$, $x$ ; $$ $x$; SELECT $1", ["SELECT $$ ; $$, $x$ ; $$ $x$", "SELECT $1"]),
        ("SELECT E'\\';', 'a''; b'; x", ["SELECT E'\\';', 'a''; b'", "x"]),
        ("SELECT 'never ends; SELECT 2", ["SELECT 'never ends; SELECT 2"]),
        ("SELECT 1 /* a */ -- b;\n + 2;", ["SELECT 1 /* a */ -- b;\n + 2"]),
    ],
)
def test_text_is_cut_where_statements_end(text: str, wanted: list[str]) -> None:
    assert [piece.text for piece in statements(text)] == wanted


@given(st.text("ab'\"$;-/*\n \\E1"))
def test_every_piece_is_a_part_of_the_text(text: str) -> None:
    for piece in statements(text):
        assert text[piece.at : piece.at + len(piece.text)] == piece.text
        for token in piece.tokens:
            assert piece.text[token.at : token.at + len(token.text)] == token.text


def test_parameters_are_counted_outside_of_text() -> None:
    (piece,) = statements("SELECT $2, '$9', $$ $8 $$, a$7 FROM t -- $6")
    assert piece.parameters == 2


def test_items_of_an_array_are_read() -> None:
    assert array_items('{1, NULL, "a,b", "x\\"y", }'.replace(", }", "}")) == ["1", None, "a,b", 'x"y']
    assert array_items("{}") == []
    for wrong in ("1,2", "{1", "{1}}", "{{1}}", "{1,,2}"):
        with pytest.raises(ValueError, match=r".*"):
            array_items(wrong)

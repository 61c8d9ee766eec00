"""A statement of PostgreSQL as a tree, where it may be about the catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from pumphouse.server.postgres.catalogue.functions import SPECIFIC
from pumphouse.server.postgres.sqlstate import Refused

TEXT_MAX = 200_000
"""Characters of a statement; what tools ask stays far below."""
TOKENS_MAX = 20_000
DEPTH_MAX = 50
"""Of brackets, CASEs and signs."""
LISTS_DEPTH_MAX = 5
JOINED_MAX = 1000
"""Joins and unions."""
_WORDS = re.compile(
    r"pg_|information_schema|\bcurrent_(?:user|role|catalog|database|schemas?|setting)\b|\bsession_user\b|\buser\b"
    r"|\bversion\s*\(|\bset_config\s*\(|\breg(?:class|type|proc|procedure|namespace|role)\b|\b(?:"
    + "|".join(sorted(SPECIFIC)) + r")\s*\(",
    re.IGNORECASE,
)  # fmt: skip
_OPEN = {TokenType.L_PAREN: "(", TokenType.L_BRACKET: "[", TokenType.CASE: "CASE"}
_CLOSED = {TokenType.R_PAREN: "(", TokenType.R_BRACKET: "[", TokenType.END: "CASE"}
_UNARY = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE})
_JOINED = frozenset({TokenType.JOIN, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT})
_OWN = re.compile(r"pg_|information_schema$", re.IGNORECASE)
_VERBS = frozenset({TokenType.SELECT, TokenType.INSERT, TokenType.UPDATE, TokenType.DELETE})
_STARTS = re.compile(r"(?:\s|/\*.*?\*/|--[^\n]*\n|\()*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE | re.DOTALL)


def parsed(text: str) -> exp.Expr | None:
    """The tree of a query that may be about the catalogue; None for any other, and for what can't be read at all.

    Raises Refused for what is larger or nested more deeply than any tool asks.
    """
    if len(text) > TEXT_MAX or not _WORDS.search(text) or not _STARTS.match(text):
        return None
    dialect: Any = Postgres()
    dialect.INDEX_OFFSET = 0  # positions stay as they are written
    try:
        tokens = list(dialect.tokenize(text))
    except SqlglotError:
        return None
    if (fault := _too_large(tokens)) is not None:
        if not any(token.token_type != TokenType.STRING and _OWN.match(token.text) for token in tokens):
            return None  # a statement over the lake, which has bounds of its own
        raise fault
    try:
        trees = [tree for tree in dialect.parse(_readable(text, tokens)) if tree is not None]
    except SqlglotError:
        return None
    if len(trees) > 1:
        raise Refused("only one statement can be asked at a time", state="42601")
    return trees[0] if trees and isinstance(trees[0], exp.Query) else None


def _too_large(tokens: Sequence[Token]) -> Refused | None:
    """What the parser could not walk through: it calls itself for each level, and for lists twice."""
    depth = {"(": 0, "[": 0, "CASE": 0}
    unary = joined = 0
    for token in tokens:
        opened = _OPEN.get(token.token_type)
        closed = _CLOSED.get(token.token_type)
        if opened:
            depth[opened] += 1
        elif closed:
            depth[closed] -= 1
        unary = unary + 1 if token.token_type in _UNARY else 0
        joined += token.token_type in _JOINED
        if depth["("] + depth["CASE"] > DEPTH_MAX or depth["["] > LISTS_DEPTH_MAX or unary > DEPTH_MAX:
            return Refused("the statement is nested too deeply for the catalogue", state="54001")
    if len(tokens) > TOKENS_MAX or joined > JOINED_MAX:
        return Refused("the statement is too long for the catalogue", state="54000")
    return None


def _readable(text: str, tokens: Sequence[Token]) -> str:
    """The same for the parser, which can't read `x::oid[]` (it is `x::_oid` as well) nor `AS update`."""
    cuts = [
        (token.start, token.end + 1, f'"{token.text.lower()}"')
        for before, token in pairwise(tokens)
        if token.token_type in _VERBS and before.token_type in (TokenType.ALIAS, TokenType.DOT)
    ]
    for at in range(2, len(tokens) - 1):
        if tokens[at].token_type != TokenType.L_BRACKET or tokens[at + 1].token_type != TokenType.R_BRACKET:
            continue
        first = at - 1
        if tokens[first - 1].token_type == TokenType.DOT:
            first -= 2
        named = re.fullmatch(r"\w+", tokens[at - 1].text)
        if named and tokens[first - 1].token_type in (TokenType.DCOLON, TokenType.ALIAS):
            cuts.append((tokens[at - 1].start, tokens[at + 1].end + 1, f'"_{tokens[at - 1].text.lower()}"'))
    for start, end, name in sorted(cuts, reverse=True):
        text = text[:start] + name + text[end:]
    return text

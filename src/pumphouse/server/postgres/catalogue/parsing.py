"""A statement of PostgreSQL as a tree, where it may be about the catalogue."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from pumphouse.server.postgres.catalogue.functions import NAMES
from pumphouse.server.postgres.sqlstate import Refused

TEXT_MAX = 200_000
"""Characters of a statement; what tools ask stays far below."""
SHOW = re.compile(r"\s*SHOW\s+(.+?)[\s;]*", re.IGNORECASE | re.DOTALL)
_WORDS = re.compile(
    r"pg_|information_schema|\bcurrent_(?:user|role|catalog|database|schemas?|setting)\b|\bsession_user\b|\buser\b"
    r"|\bversion\s*\(|\bset_config\s*\(|\breg(?:class|type|proc|procedure|namespace|role)\b|\b(?:"
    + "|".join(sorted(NAMES)) + r")\s*\(",
    re.IGNORECASE,
)  # fmt: skip
_VERBS = frozenset({TokenType.SELECT, TokenType.INSERT, TokenType.UPDATE, TokenType.DELETE})
_STARTS = re.compile(r"(?:\s|/\*.*?\*/|--[^\n]*\n|\()*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE | re.DOTALL)


def parsed(text: str) -> exp.Expr | None:
    """The tree of a query that may be about the catalogue; None for any other, and for what can't be read at all."""
    if len(text) > TEXT_MAX or not _WORDS.search(text) or not _STARTS.match(text):
        return None
    dialect: Any = Postgres()
    dialect.INDEX_OFFSET = 0  # positions stay as they are written
    try:
        trees = [tree for tree in dialect.parse(_readable(text, dialect)) if tree is not None]
    except (SqlglotError, RecursionError):
        return None
    if len(trees) > 1:
        raise Refused("only one statement can be asked at a time", state="42601")
    return trees[0] if trees and isinstance(trees[0], exp.Query) else None


def _readable(text: str, dialect: Postgres) -> str:
    """The same for the parser, which can't read `x::oid[]` (it is `x::_oid` as well) nor `AS update`."""
    tokens = list(dialect.tokenize(text))
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

"""SQL text as PostgreSQL's lexer cuts it: into statements, and a session's own commands into words.

What is cut here is never what decides whether something may be read: the desk looks at DuckDB's own syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

STATEMENTS_MAX = 1000
"""In one text."""
TEXT_CHARACTERS_MAX = 1_000_000
TOKENS_KEPT_MAX = 20_000
"""Of a statement; a session's own commands are shorter than that."""
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
    |(?P<string>'(?:[^']|'')*(?:'|\Z))
    |(?P<name>"(?:[^"]|"")*(?:"|\Z))
    |(?P<dollar>\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    |(?P<parameter>\$\d+)
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    |(?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a name in quotes, a text, a number, a parameter or a sign."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """It in capitals, where it is a word; else it as it is."""
        return self.text.upper() if self.kind == "word" else self.text

    @property
    def value(self) -> str:
        """What it names or says: without quotes, and in small letters where it had none."""
        match self.kind:
            case "word":
                return self.text.lower()
            case "name":
                return self.text[1:-1].replace('""', '"')
            case "string":
                return self.text[1:-1].replace("''", "'")
            case "escaped":
                return re.sub(r"\\(.)", r"\1", self.text[2:-1].replace("''", "'"), flags=re.DOTALL)
        return self.text


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a text."""

    text: str
    at: int
    """Where in the whole text it begins."""
    tokens: tuple[Token, ...]
    """The first of them, with `at` counted from the piece's start."""
    parameters: int = 0
    """How many parameters it has: the highest number behind a `$`."""

    @property
    def lists(self) -> frozenset[int]:
        """The parameters that stand where only a list can: ANY($1), $1::INTEGER[]."""
        words = [token.word for token in self.tokens]
        return frozenset(
            int(token.text[1:6])
            for at, token in enumerate(self.tokens)
            if token.kind == "parameter"
            and (
                (at >= 2 and words[at - 2] in ("ANY", "ALL", "UNNEST") and words[at - 1] == "(")
                or (words[at + 1 : at + 3] == [":", ":"] and words[at + 4 : at + 6] == ["[", "]"])
            )
        )


def statements(text: str) -> list[Piece]:
    """The statements of a text; those without content are left out."""
    pieces: list[Piece] = []
    tokens: list[Token] = []
    start = end = parameters = 0
    for kind, word, at in chain(_tokens(text), [("symbol", ";", len(text))]):
        if word == ";" and kind == "symbol":
            if tokens:
                pieces.append(Piece(text[start:end], start, tuple(tokens), parameters))
            tokens, parameters = [], 0
            continue
        start = start if tokens else at
        end = at + len(word)
        if kind == "parameter":
            parameters = max(parameters, int(word[1:6]))
        if len(tokens) < TOKENS_KEPT_MAX:
            tokens.append(Token(kind, word, at - start))
    return pieces


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None
        kind, start, at = str(found.lastgroup), at, found.end()
        if kind == "comment":
            at = _after_comment(text, at)
        elif kind == "dollar":
            end = text.find(found[0], at)
            at = len(text) if end < 0 else end + len(found[0])
            yield "dollar", text[start:at], start
        elif kind != "space":
            yield kind, found[0], start


def _after_comment(text: str, at: int) -> int:
    """Comments may stand in comments."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}\s][^",{}]*))\s*([,}])', re.DOTALL)


def array_items(text: str) -> list[str | None]:
    """The items of an array in PostgreSQL's notation: {1,NULL,"a b"}. Raises ValueError."""
    text = text.strip()
    if not text.startswith("{") or not text.endswith("}"):
        raise ValueError(text)
    if not text[1:-1].strip():
        return []
    items: list[str | None] = []
    at = 1
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError(text)
        quoted, plain, end = found.groups()
        if quoted is not None:
            items.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        else:
            items.append(None if plain.strip().upper() == "NULL" else plain.strip())
        at = found.end()
        if end == "}":
            break
    if at != len(text):
        raise ValueError(text)
    return items

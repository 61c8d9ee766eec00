"""What a person types into a search, as a tree.

refund broken         both words
refund OR broken      either
refund -broken        the one without the other; NOT broken says the same
"late delivery"       the words one after the other
deliver*              words that begin so
account:"Acme Ltd"    a column that rows are filtered by is exactly that
subject:refund        a word in one column
(a OR b) c            brackets
*                     everything
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pumphouse.errors import QueryError

LENGTH_MAX = 1_000
DEPTH_MAX = 20
"""How deep brackets may stand within brackets."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<open>\() | (?P<close>\)) | (?P<minus>-(?=[^\s)])) | (?P<column>[A-Za-z_]\w*):(?=["\w])
    | "(?P<phrase>[^"]*)" | (?P<quote>") | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text to be found: in `column`, or in any that is searched. `position` is where it stands in the query."""

    text: str
    column: str | None
    is_prefix: bool
    position: int


@dataclass(frozen=True, slots=True)
class All:
    """Every row."""


@dataclass(frozen=True, slots=True)
class Not:
    """Rows that are not these."""

    node: Node


@dataclass(frozen=True, slots=True)
class Both:
    """Rows that are all of these."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Rows that are any of these."""

    nodes: tuple[Node, ...]


Node = Words | All | Not | Both | Either


def parse(query: str) -> Node:
    """The tree of a query; an empty one is everything. Raises QueryError, which points at the character."""
    if len(query) > LENGTH_MAX:
        raise QueryError(
            f"a search has at most {LENGTH_MAX:,} characters", query=f"{query[:40]}...", position=LENGTH_MAX
        )
    reader = _Reader(query)
    node = reader.either(depth=0) if reader.kind else All()
    if reader.kind == "close":
        raise reader.error("this bracket closes none")
    return node


class _Reader:
    """The query's tokens, one at a time: `kind` of the current one is empty at the end."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.end = 0
        self.next()

    def next(self) -> None:
        found = _TOKEN.match(self.query, self.end)
        self.kind = (found.lastgroup or "") if found else ""
        self.text = found[self.kind] if found else ""
        self.position = found.start(self.kind) if found else len(self.query.rstrip())
        self.end = found.end() if found else len(self.query)
        if self.kind == "phrase":
            self.position -= 1  # its quote
        elif self.kind == "word" and self.text in ("AND", "OR", "NOT"):
            self.kind = self.text

    def error(self, what: str, *, position: int | None = None, mend: str | None = None) -> QueryError:
        return QueryError(what, query=self.query, position=self.position if position is None else position, mend=mend)

    def either(self, *, depth: int) -> Node:
        nodes = [self.both(depth=depth)]
        while self.kind == "OR":
            self.next()
            nodes.append(self.both(depth=depth))
        return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))

    def both(self, *, depth: int) -> Node:
        nodes = [self.one(depth=depth)]
        while self.kind not in ("", "close", "OR"):
            if self.kind == "AND":
                self.next()
            nodes.append(self.one(depth=depth))
        return nodes[0] if len(nodes) == 1 else Both(tuple(nodes))

    def one(self, *, depth: int) -> Node:
        match self.kind:
            case "minus" | "NOT":
                self.next()
                if self.kind in ("minus", "NOT"):
                    raise self.error("this excludes what is excluded already")
                return Not(self.one(depth=depth))
            case "open":
                return self.bracket(depth=depth + 1)
            case "column":
                column = self.text
                self.next()
                return self.words(column)
            case "phrase" | "word":
                return self.words(None)
            case "quote":
                raise self.error("this quote is never closed", mend='Close it with another ", or leave it out.')
            case "":
                raise self.error("a word is missing at the end")
            case _:
                raise self.error(f"a word is missing before {self.text}")

    def bracket(self, *, depth: int) -> Node:
        opened = self.position
        if depth > DEPTH_MAX:
            raise self.error(f"brackets stand more than {DEPTH_MAX} deep")
        self.next()
        node = self.either(depth=depth)
        if self.kind != "close":
            raise self.error("this bracket is never closed", position=opened, mend="Close it with ).")
        self.next()
        return node

    def words(self, column: str | None) -> Node:
        text, position, is_phrase = self.text, self.position, self.kind == "phrase"
        if self.kind not in ("phrase", "word"):
            raise self.error(f"a word is missing after {column}:")
        self.next()
        star = -1 if is_phrase else text.find("*")
        if text == "*" and not is_phrase and column is None:
            return All()
        if star >= 0 and (star != len(text) - 1 or star == 0):
            raise self.error("a star stands at the end of a word only", position=position + star)
        return Words(text=text.rstrip("*") if star > 0 else text, column=column, is_prefix=star > 0, position=position)

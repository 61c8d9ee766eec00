"""What a person types into a search, as a tree.

refund broken                 both words
refund OR broken              either
refund -broken                the one without the other; NOT broken says the same
"late delivery"               the words one after the other; "late delivery"~3 lets three places lie between
deliver*                      words that begin so
refnd~                        words that differ in one letter; refnd~2 in two
subject:refund                a word in one column; subject:(late OR refund) several; in such brackets -5 is a number
account:"Acme Ltd"            a column that rows are filtered by is exactly that; account:="Acme Ltd" says the same
amount:>10                    more than; >=, < and <= too
opened_at:[2024-01 TO *}      from the one to the other: [ and ] with the end, { and } without it, * for an open one
account:*                     there is a value; -account:* where there is none
(a OR b) c                    brackets
*                             everything
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pumphouse.errors import QueryError

LENGTH_MAX = 1_000
DEPTH_MAX = 20
"""How deep brackets may stand within brackets."""

SLOP_MAX = 20
"""How many places the words of a phrase may lie apart."""
DISTANCE_MAX = 2
"""In how many letters a word may differ."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<open>\() | (?P<close>\)) | (?P<minus>-(?=[^\s)]))
    | (?P<column>[^\W\d]\w*):(?=["\w(\[{<>=*.+-]) | "(?P<quoted>[^"]+)":(?=["\w(\[{<>=*.+-])
    | "(?P<phrase>[^"]*)" | (?P<quote>") | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)
_WORD = re.compile(r'"(?P<phrase>[^"]*)"(?:~(?P<slop>\w*))?|(?P<word>[^\s()"]+)')
_LOOSE = re.compile(r"(?<=.)~(?P<distance>\d*)$")
_COMPARED = re.compile(r'(?P<operator>>=|<=|>|<|=)\s*(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_RANGE = re.compile(
    r"""[\[{]\s*(?:"(?P<low_phrase>[^"]*)"|(?P<low>[^\s\]}"]+))\s+TO
    \s+(?:"(?P<high_phrase>[^"]*)"|(?P<high>[^\s\]}"]+))\s*[\]}]""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text to be found: in `column`, or in any that is searched. `position` is where it stands in the query."""

    text: str
    column: str | None
    is_prefix: bool
    position: int
    slop: int = 0
    """How many places its words may lie further apart."""
    distance: int = 0
    """In how many letters the word may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One end of a range."""

    text: str
    is_included: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A column's value is between two; without one of them the range is open."""

    column: str
    low: Bound | None
    high: Bound | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A column is not null."""

    column: str
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


Node = Words | Range | Present | All | Not | Both | Either


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
        self.column: str | None = None
        """The column before the brackets within which we are."""
        self.go(0)

    def go(self, at: int) -> None:
        """Read on from a character."""
        self.end = at
        self.next()

    def next(self) -> None:
        found = _TOKEN.match(self.query, self.end)
        self.kind = (found.lastgroup or "") if found else ""
        self.text = found[self.kind] if found else ""
        self.position = found.start(self.kind) if found else len(self.query.rstrip())
        self.end = found.end() if found else len(self.query)
        if self.kind in ("phrase", "quoted"):
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
            case "minus" if self.column is not None and self.query[self.end].isdecimal():
                return self.valued(self.column, self.position, depth=depth)
            case "minus" | "NOT":
                self.next()
                if self.kind in ("minus", "NOT"):
                    raise self.error("this excludes what is excluded already")
                return Not(self.one(depth=depth))
            case "open":
                return self.bracket(depth=depth + 1)
            case "column" | "quoted":
                if self.column is not None:
                    raise self.error(f"a column stands within the brackets of column '{self.column}'")
                return self.valued(self.text, self.end, depth=depth)
            case "phrase" | "word":
                if self.column is not None:
                    return self.valued(self.column, self.position, depth=depth)
                return self.words(None, self.position)
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

    def valued(self, column: str, at: int, *, depth: int) -> Node:
        """What is asked of a column, which begins at a character of the query."""
        match self.query[at]:
            case "(":
                self.go(at)
                self.column = column
                node = self.bracket(depth=depth + 1)
                self.column = None
                return node
            case "[" | "{":
                return self.range(column, at)
            case "<" | ">" | "=":
                return self.compared(column, at)
            case _:
                return self.words(column, at)

    def range(self, column: str, at: int) -> Node:
        found = _RANGE.match(self.query, at)
        if found is None:
            raise self.error(
                "this range can't be read",
                position=at,
                mend=f"Write {column}:[LOW TO HIGH], with {{ and }} where an end is not meant, and * for an open end.",
            )
        self.go(found.end())
        text = found[0]
        low = self.bound(found, "low", is_included=text[0] == "[")
        high = self.bound(found, "high", is_included=text[-1] == "]")
        if low is None and high is None:
            return Present(column=column, position=at)
        return Range(column=column, low=low, high=high, position=at)

    def bound(self, found: re.Match[str], name: str, *, is_included: bool) -> Bound | None:
        if found[name] == "*":
            return None
        group = name if found[name] is not None else f"{name}_phrase"
        return Bound(text=found[group], is_included=is_included, position=found.start(group))

    def compared(self, column: str, at: int) -> Node:
        found = _COMPARED.match(self.query, at)
        if found is None:
            raise self.error("a value is missing here", position=at, mend=f"Write {column}:>10, for example.")
        self.go(found.end())
        operator = found["operator"]
        group = "word" if found["word"] is not None else "phrase"
        bound = Bound(text=found[group], is_included="=" in operator, position=found.start(group))
        low, high = bound if operator[0] in ">=" else None, bound if operator[0] in "<=" else None
        return Range(column=column, low=low, high=high, position=at)

    def words(self, column: str | None, at: int) -> Node:
        found = _WORD.match(self.query, at)
        if found is None:
            self.go(at)
            if self.kind == "quote":
                raise self.error("this quote is never closed", mend='Close it with another ", or leave it out.')
            raise self.error(f"a word is missing after {column}:")
        self.go(found.end())
        if found["phrase"] is not None:
            return Words(text=found["phrase"], column=column, is_prefix=False, position=at, slop=self.slop(found))
        text, distance = self.loose(found["word"], at)
        star = text.find("*")
        if text == "*":
            return All() if column is None else Present(column=column, position=at)
        if star >= 0 and (star != len(text) - 1 or star == 0 or distance):
            raise self.error("a star stands at the end of a word only", position=at + star)
        text = text.rstrip("*") if star > 0 else text
        return Words(text=text, column=column, is_prefix=star > 0, position=at, distance=distance)

    def slop(self, found: re.Match[str]) -> int:
        """How far apart the words of a phrase may be."""
        slop = found["slop"]
        if slop is None:
            return 0
        if not slop.isdecimal() or int(slop[:9]) > SLOP_MAX:
            raise self.error(
                f"after ~ stands how many places the words may lie apart, at most {SLOP_MAX}",
                position=found.start("slop"),
                mend='Write "late delivery"~3, for example.',
            )
        return int(slop)

    def loose(self, text: str, at: int) -> tuple[str, int]:
        """A word, and in how many letters it may differ."""
        found = _LOOSE.search(text)
        if found is None:
            return text, 0
        distance = found["distance"] or "1"
        if distance not in ("1", "2"):
            raise self.error(
                f"a word may differ in 1 or {DISTANCE_MAX} letters",
                position=at + found.start("distance"),
                mend="Write refnd~ or refnd~2, for example.",
            )
        return text[: found.start()], int(distance)

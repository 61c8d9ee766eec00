"""What a `.sql` or a `.md` file of a project holds: its header and what its SQL reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from pumphouse.graph.findings import Finding
from pumphouse.graph.headers import Header, read_page_header, read_sql_header
from pumphouse.graph.sql import QueryFacts, read_query
from pumphouse.graph.sql_scopes import NameRead

_FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[ \t]*(?P<word>\w*)[ \t]*(?P<rest>[^\n]*)\n(?P<body>.*?)^(?P=fence)", re.M | re.S
)
_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")


class SqlDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A `.sql` file. `faults` are those of the header's form; the query has its own."""

    header: Header | None
    query: QueryFacts
    faults: tuple[Finding, ...] = ()


class PageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A `.md` file. Without a header it is no report, and nothing else of it is read."""

    header: Header | None
    text: str = ""
    """The Markdown after the header; lines stay."""
    title: str = ""
    names: tuple[NameRead, ...] = ()
    settings: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """Addresses of links and images, and texts in quotes in its SQL: they may name files of the project."""
    faults: tuple[Finding, ...] = ()
    unparsed: tuple[Finding, ...] = ()


def read_sql(text: str) -> SqlDocument:
    """The header and the query of a `.sql` file with this text."""
    header, body, faults = read_sql_header(text)
    return SqlDocument(header=header, query=read_query(body), faults=tuple(faults))


def read_page(text: str) -> PageDocument:
    """The header of a `.md` file with this text, and what the SQL blocks of the page read.

    A block starts with ```` ```sql ```` and may have a name after it, by which later blocks read its result.
    """
    header, body, faults = read_page_header(text)
    if header is None:
        return PageDocument(header=None, faults=tuple(faults))
    titled = _TITLE.search(_FENCE.sub("", body))
    blocks = list(_blocks(body))
    own = {name.lower() for name, _, _ in blocks}
    names: dict[str, NameRead] = {}
    settings: dict[str, None] = {}
    links = dict.fromkeys(_LINK.findall(body))
    unparsed: list[Finding] = []
    for _, line, query in blocks:
        for read in query.names:
            if read.name.lower() not in own:
                names.setdefault(read.name.lower(), NameRead(read.name, read.line + line))
        settings |= dict.fromkeys(query.settings)
        links |= dict.fromkeys(query.literals)
        faults += [_moved(fault, line) for fault in query.faults]
        unparsed += [_moved(query.unparsed, line)] if query.unparsed else []
    return PageDocument(
        header=header,
        text=body,
        title=titled[1] if titled else "",
        names=tuple(names.values()),
        settings=tuple(settings),
        links=tuple(links),
        faults=tuple(faults),
        unparsed=tuple(unparsed),
    )


def _blocks(body: str) -> Iterator[tuple[str, int, QueryFacts]]:
    """Name, lines before it, and facts of each SQL block."""
    for block in _FENCE.finditer(body):
        if block["word"].lower() == "sql":
            name = re.match(r"\w*", block["rest"])
            yield name[0] if name else "", body.count("\n", 0, block.start("body")), read_query(block["body"])


def _moved(finding: Finding, lines: int) -> Finding:
    return Finding(finding.line + lines, finding.what, finding.mend)

"""Websites: pages walked in the breadth from a start, as far as robots.txt allows, and what is on them."""

from __future__ import annotations

import codecs
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.websites import Website
from pumphouse.errors import MissingExtra, SourceError
from pumphouse.lake.context import Built, Context
from pumphouse.sources.fetch import Visit
from pumphouse.sources.http.addresses import address_of, host_of, is_web, joined
from pumphouse.sources.http.asking import Answer, Asker, asking, get
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool
from pumphouse.sources.websites.robots import Robots, robots_of

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

GONE = frozenset({404, 410})
PAGE_TYPES = ("text/html", "application/xhtml+xml")
NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7"})
"""What Python can decode and no page is written in."""
CHARSET_BYTES = 1024
"""Where a page has to say its encoding, if it does (HTML standard)."""


def build(asset: Asset, context: Context) -> Built:
    """One row for each page on which the first selector of `item` is found; all values are text."""
    spec: Website = asset.spec
    connection = context.connection(spec.connection)
    _refuse_bad_selectors(asset, (*(selector for _, selector in spec.item), *spec.follow))

    def read(visit: Visit, spool: Spool) -> None:
        spool.declare(dict.fromkeys([name for name, _ in spec.item], pa.string()))
        with asking(connection, visit) as asker:
            walk = Walk(asset.name, spec, asker, waits=visit.recorded is None)
            for page in walk.pages():
                if row := page.item(spec.item):
                    spool.add_rows([row], raw=visit.latest)
                if spool.is_full:
                    break
            if not spool.rows:
                raise walk.found_nothing()
            spool.warnings += walk.warnings()

    return gather(asset, context, read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as parsed."""

    url: str
    tree: LexborHTMLParser
    is_clean: bool
    """Whether all its bytes are text in the encoding it claims."""

    def links(self, selectors: tuple[str, ...]) -> Iterator[str]:
        """Addresses that the selected elements lead to, without their fragments."""
        for selector in selectors:
            for node in self.tree.css(selector):
                if href := node.attributes.get("href"):
                    yield joined(self.url, href)

    def item(self, selectors: tuple[tuple[str, str], ...]) -> dict[str, str | None] | None:
        """What the selectors find, each its first match; None where the first of them finds nothing.

        A selector that ends in `[name]` gives the value of that attribute, any other the text, white space made single.
        """
        found = {name: self._first(selector) for name, selector in selectors}
        return None if found[selectors[0][0]] is None else found

    def _first(self, selector: str) -> str | None:
        node = self.tree.css_first(selector)
        if node is None:
            return None
        attribute = re.search(r"\[\s*([\w:-]+)\s*\]$", selector)
        text = node.attributes.get(attribute[1].lower()) if attribute else node.text()
        return " ".join((text or "").split()) or None


class Walk:
    """A walk over one site, one page at a time."""

    def __init__(self, asset: str, spec: Website, asker: Asker, *, waits: bool) -> None:
        self._asset = asset
        self._spec = spec
        self._asker = asker
        self._waits = waits
        self._start = address_of(asker.base, spec.start)
        self._waiting: deque[tuple[str, str]] = deque()
        self._seen: set[str] = set()
        self._read = 0
        self._gone = 0
        self._moved = 0
        self._forbidden = 0
        self._unclean: list[str] = []

    def pages(self) -> Iterator[Page]:
        """The pages that can be reached, nearest first. Raises SourceError where one fails: a partial walk is none."""
        robots = robots_of(get(self._asker, urljoin(self._start, "/robots.txt")), asset=self._asset)
        if not robots.allows(self._start):
            raise self._error(
                f"robots.txt forbids {self._start}: '{robots.rule_against(self._start)}'",
                mend="Ask the site's owner, or start at a page that may be read.",
            )
        self._follow(self._start, robots, named_by=self._start)
        while self._waiting:
            url, named_by = self._waiting.popleft()
            if self._read == self._spec.pages_max:
                raise self._error(
                    f"{self._start} leads to more than {self._spec.pages_max:,} pages",
                    mend="Raise pages_max, or follow fewer links.",
                )
            if self._waits and self._read:
                time.sleep(robots.pause_s)
            self._read += 1
            answer = self._asker.ask(url, named_by=named_by)
            if answer.leads_to is not None:
                self._follow_redirect(answer, robots)
            elif self._is_page(answer):
                page = page_of(answer)
                self._unclean += [] if page.is_clean else [page.url]
                yield page
                for link in page.links(self._spec.follow):
                    self._follow(link, robots, named_by=url)

    def found_nothing(self) -> SourceError:
        """What to say where no page has an item."""
        name, selector = self._spec.item[0]
        return self._error(
            f"no page of the {self._read:,} that were read has what '{name}' selects: {selector}",
            mend="Look at a page's source, and at what follow selects.",
        )

    def warnings(self) -> list[str]:
        """What was left out, and what could not be read for sure."""
        counted = {
            "links not followed, since robots.txt forbids it": self._forbidden,
            "links to pages that are gone": self._gone,
            "links to pages that have moved to another site": self._moved,
            f"pages not in the encoding they claim, first {''.join(self._unclean[:1])}": len(self._unclean),
        }
        return [f"{what}: {count:,}" for what, count in counted.items() if count]

    def _follow(self, link: str, robots: Robots, *, named_by: str) -> None:
        """Walk there later, if it is a page of this site, not seen and not forbidden."""
        if link in self._seen or not is_web(link) or host_of(link) != host_of(self._start):
            return
        self._seen.add(link)
        if robots.allows(link):
            self._waiting.append((link, named_by))
        else:
            self._forbidden += 1

    def _follow_redirect(self, answer: Answer, robots: Robots) -> None:
        """A redirect is a link like any other: robots.txt may forbid where it leads, and it may lead away."""
        assert answer.leads_to is not None  # the caller has looked
        if host_of(answer.leads_to) == host_of(self._start):
            self._follow(answer.leads_to, robots, named_by=answer.url)
        elif answer.url == self._start:
            raise self._error(
                f"{self._start} leads to another site: '{answer.leads_to}'",
                mend="Where that is the right one, name it as the connection's url.",
            )
        else:
            self._moved += 1

    def _is_page(self, answer: Answer) -> bool:
        if answer.status in GONE and answer.url != self._start:
            self._gone += 1
            return False
        if answer.status >= 400:
            raise self._error(
                f"{answer.url} answered {answer.status}; without it the walk would be partial",
                mend="Is the address right, and may everybody read it?",
            )
        return answer.headers.get("content-type", PAGE_TYPES[0]).split(";")[0].strip().lower() in PAGE_TYPES

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(what, asset=self._asset, mend=mend)


def page_of(answer: Answer) -> Page:
    """The page in an answer, decoded as its header says, or as it says itself, or as UTF-8."""
    from selectolax.lexbor import LexborHTMLParser

    claimed = re.search(r"charset=[\"']?([\w.:-]+)", answer.headers.get("content-type", ""), re.IGNORECASE)
    inside = re.search(rb"<meta[^>]+charset=[\"']?([\w.:-]+)", answer.body[:CHARSET_BYTES], re.IGNORECASE)
    charset = claimed[1] if claimed else inside[1].decode() if inside else "utf-8"
    try:
        if codecs.lookup(charset).name.replace("_", "-") in NO_CHARSETS:
            raise LookupError(charset)
        text, is_clean = answer.body.decode(charset), True
    except (LookupError, UnicodeError):
        text, is_clean = answer.body.decode("utf-8", errors="replace"), False
    return Page(url=answer.url, tree=LexborHTMLParser(text), is_clean=is_clean)


def _refuse_bad_selectors(asset: Asset, selectors: tuple[str, ...]) -> None:
    try:
        from protego import Protego  # noqa: F401 (robots.py needs it; here it is missed in time)
        from selectolax.lexbor import LexborHTMLParser, SelectolaxError
    except ImportError as error:
        raise MissingExtra(error.name or "selectolax", extra="web", purpose="Reading a website") from None
    for selector in selectors:
        try:
            LexborHTMLParser("").css_first(selector)
        except SelectolaxError:
            raise SourceError(
                f"'{selector}' is no CSS selector",
                asset=asset.name,
                place=asset.place,
                mend='Selectors are like "h1", ".price", "a.product" or "[data-sku]".',
            ) from None

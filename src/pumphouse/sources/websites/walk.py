"""A walk over a site, in the breadth from its start, one page at a time, as far as robots.txt and its bounds allow."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urljoin, urlsplit

from pumphouse.declare.websites import PAGES_MAX, Website
from pumphouse.errors import SourceError
from pumphouse.sources.fetch import Exchange
from pumphouse.sources.http.addresses import address_of, host_of, is_web, joined
from pumphouse.sources.http.asking import Answer, Asker, get
from pumphouse.sources.websites.pages import Page, page_of
from pumphouse.sources.websites.robots import Robots, robots_of
from pumphouse.sources.websites.sitemaps import SITEMAPS_MAX, BadSitemap, entries

GONE = frozenset({404, 410})
PAGE_TYPES = ("text/html", "application/xhtml+xml")
WAITING_MAX = 1_000_000
"""Pages that a walk knows of and has not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a walk asks: whom, what it has read in a walk that was broken off, and what is told of each page."""

    asker: Asker
    hosts: frozenset[str] = frozenset()
    """Hosts that it may walk to beside that of its first start."""
    resumed: Callable[[str], Answer | None] = field(default=lambda address: None)
    """The answer of a page that was read already, noted in the visit."""
    known: Callable[[str], Exchange | None] = field(default=lambda address: None)
    """The exchange of a page at the last walk: a server that says that it is unchanged need not send it."""
    read: Callable[[], None] = field(default=lambda: None)
    """Told of each page that was asked for and may be kept for a walk that goes on."""
    wait: Callable[[float], None] = field(default=lambda seconds: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    address: str
    named_by: str
    depth: int


class Walk:
    """The pages of one walk, and what was left out of it."""

    def __init__(self, asset: str, spec: Website, way: Way) -> None:
        self._asset = asset
        self._spec = spec
        self._way = way
        self._starts = tuple(address_of(way.asker.base, start) for start in spec.start)
        self._hosts = {host_of(self._starts[0]), *way.hosts}
        self._robots: dict[str, Robots] = {}
        self._asked_at: dict[str, float] = {}
        self._waiting: deque[_Waiting] = deque()
        self._seen: set[str] = set()
        self._read = 0
        self._left: Counter[str] = Counter()
        self._unclean: list[str] = []

    def pages(self) -> Iterator[Page]:
        """The pages that can be reached, nearest first. Raises SourceError where one fails: a partial walk is none."""
        for start in self._starts:
            robots = self._robots_of(start)
            if not robots.allows(start):
                raise self._error(
                    f"robots.txt forbids {start}: '{robots.rule_against(start)}'",
                    mend="Ask the site's owner, or start at a page that may be read.",
                )
            self._add(start, named_by=start, depth=0)
        self._add_sitemaps()
        pages_max = self._spec.bounds.pages_max or PAGES_MAX
        while self._waiting:
            if self._read == pages_max:
                if self._spec.bounds.pages_max is None:
                    raise self._error(
                        f"{self._starts[0]} leads to more than {pages_max:,} pages",
                        mend='Say how many are wanted, bounds={"pages_max": ...}, or follow fewer links.',
                    )
                self._left[f"pages not read, since pages_max is {pages_max:,}"] += len(self._waiting)
                return
            page = self._waiting.popleft()
            self._read += 1
            answer = self._ask(page)
            if answer.leads_to is not None:
                self._follow_redirect(answer, page)
            elif self._is_page(answer):
                parsed = page_of(answer)
                self._unclean += [] if parsed.is_clean else [parsed.url]
                if self._is_within(page.address):
                    yield parsed
                for link in parsed.links(self._spec.follow):
                    self._follow(link, named_by=page.address, depth=page.depth + 1)

    def found_nothing(self) -> SourceError:
        """What to say where no page has an item."""
        name, pick = self._spec.item[0]
        return self._error(
            f"no page of the {self._read:,} that were read has what '{name}' selects: {pick.path}",
            mend="Look at a page's source, and at what follow selects.",
        )

    def warnings(self) -> list[str]:
        """What was left out, and what could not be read for sure."""
        unclean = f"pages not in the encoding they claim, first {''.join(self._unclean[:1])}"
        counted = {**self._left, unclean: len(self._unclean)}
        return [f"{what}: {count:,}" for what, count in counted.items() if count]

    def _robots_of(self, address: str) -> Robots:
        """The rules of an address's host, asked for once in a walk and never taken from an earlier one."""
        host = host_of(address)
        if host not in self._robots:
            self._robots[host] = robots_of(get(self._way.asker, urljoin(address, "/robots.txt")), asset=self._asset)
        return self._robots[host]

    def _add_sitemaps(self) -> None:
        """The pages that the site's sitemaps name, in their order."""
        if self._spec.sitemaps is None:
            return
        start = self._starts[0]
        named = self._spec.sitemaps or self._robots_of(start).sitemaps or ("/sitemap.xml",)
        waiting = deque(joined(start, sitemap) for sitemap in named)
        seen: set[str] = set()
        while waiting:
            address = waiting.popleft()
            if address in seen or host_of(address) not in self._hosts or not self._robots_of(address).allows(address):
                self._left["sitemaps left out"] += address not in seen
                continue
            seen.add(address)
            if len(seen) > SITEMAPS_MAX:
                raise self._error(
                    f"{start} has more than {SITEMAPS_MAX:,} sitemaps", mend="Name those that are wanted."
                )
            answer = get(self._way.asker, address)
            try:
                if answer.status >= 400:
                    raise BadSitemap(f"it answered {answer.status}")
                for is_sitemap, entry in entries(answer):
                    if is_sitemap:
                        waiting.append(joined(address, entry))
                    else:
                        self._follow(joined(address, entry), named_by=address, depth=0)
            except BadSitemap as error:
                raise self._error(
                    f"the sitemap {address} can't be read: {error}",
                    mend="Name another with sitemap=..., or leave it out and follow links.",
                ) from None

    def _ask(self, page: _Waiting) -> Answer:
        if (answer := self._way.resumed(page.address)) is not None:
            return answer
        host = host_of(page.address)
        robots = self._robots_of(page.address)
        if host in self._asked_at:
            self._way.wait(self._asked_at[host] + robots.pause_s - time.monotonic())
        known = self._way.known(page.address)
        answer = self._way.asker.ask(page.address, named_by=page.named_by, known=known)
        self._asked_at[host] = time.monotonic()
        if answer.status < 400 or answer.status in GONE:
            self._way.read()
        return answer

    def _follow(self, link: str, *, named_by: str, depth: int) -> None:
        """Walk there later, if it is a page of this site, not seen, within the bounds and not forbidden."""
        if link in self._seen or not is_web(link) or host_of(link) not in self._hosts:
            return
        if not self._is_within(link):
            return
        depth_max = self._spec.bounds.depth_max
        if depth_max is not None and depth > depth_max:
            self._seen.add(link)
            self._left[f"links not followed, since depth_max is {depth_max:,}"] += 1
        elif self._robots_of(link).allows(link):
            self._add(link, named_by=named_by, depth=depth)
        else:
            self._seen.add(link)
            self._left["links not followed, since robots.txt forbids it"] += 1

    def _add(self, address: str, *, named_by: str, depth: int) -> None:
        if address not in self._seen:
            self._seen.add(address)
            if len(self._waiting) == WAITING_MAX:
                raise self._error(
                    f"{self._starts[0]} leads to more than {WAITING_MAX:,} pages that wait to be read",
                    mend='Bound it: bounds={"only": "/products/*"}.',
                )
            self._waiting.append(_Waiting(address=address, named_by=named_by, depth=depth))

    def _is_within(self, link: str) -> bool:
        parts = urlsplit(link)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        bounds = self._spec.bounds
        is_wanted = not bounds.only or any(fnmatchcase(path, pattern) for pattern in bounds.only)
        return is_wanted and not any(fnmatchcase(path, pattern) for pattern in bounds.skip)

    def _follow_redirect(self, answer: Answer, page: _Waiting) -> None:
        """A redirect is a link like any other: robots.txt may forbid where it leads, and it may lead away."""
        assert answer.leads_to is not None  # the caller has looked
        if host_of(answer.leads_to) in self._hosts:
            self._follow(answer.leads_to, named_by=answer.url, depth=page.depth)
        elif answer.url in self._starts:
            raise self._error(
                f"{answer.url} leads to another site: '{answer.leads_to}'",
                mend="Where that is the right one, name it as the connection's url.",
            )
        else:
            self._left["links to pages that have moved to another site"] += 1

    def _is_page(self, answer: Answer) -> bool:
        if answer.status in GONE and answer.url not in self._starts:
            self._left["links to pages that are gone"] += 1
            return False
        if answer.status >= 400:
            raise self._error(
                f"{answer.url} answered {answer.status}; without it the walk would be partial",
                mend="Is the address right, and may everybody read it?",
            )
        return answer.headers.get("content-type", PAGE_TYPES[0]).split(";")[0].strip().lower() in PAGE_TYPES

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(what, asset=self._asset, mend=mend)

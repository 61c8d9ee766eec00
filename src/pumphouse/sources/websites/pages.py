"""A page as it was answered, and what is on it: links, and items by selector, JSON-LD, microdata or main text."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.declare.websites import Pick, Website
from pumphouse.sources.http.addresses import joined
from pumphouse.sources.http.asking import Answer
from pumphouse.sources.websites import structured

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7"})
"""What Python can decode and no page is written in."""
CHARSET_BYTES = 1024
"""Where a page has to say its encoding, if it does (HTML standard)."""
ITEMS_MAX = 100_000
"""Of one page."""
_ATTRIBUTE = re.compile(r"\[\s*([\w:-]+)\s*\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as parsed."""

    url: str
    text: str
    tree: LexborHTMLParser
    is_clean: bool
    """Whether all its bytes are text in the encoding it claims."""

    @property
    def base(self) -> str:
        """What its links are relative to: its `<base>`, else its address."""
        node = self.tree.css_first("base[href]")
        return joined(self.url, node.attributes.get("href") or "") if node else self.url

    def links(self, selectors: tuple[str, ...]) -> Iterator[str]:
        """Addresses that the selected elements lead to, without their fragments."""
        for selector in selectors:
            for node in self.tree.css(selector):
                if href := node.attributes.get("href"):
                    yield joined(self.base, href)

    def items(self, spec: Website) -> Iterator[dict[str, str | None]]:
        """The items on the page, in order; none where what is named first is not found."""
        places = [None] if spec.each is None else self.tree.css(spec.each)[:ITEMS_MAX]
        for place in places:
            found = {name: self._value(pick, place) for name, pick in spec.item}
            if found[spec.item[0][0]] is not None:
                yield found

    def _value(self, pick: Pick, place: LexborNode | None) -> str | None:
        match pick.where:
            case "json_ld":
                return structured.json_ld(self.tree, pick.path, type=pick.type)
            case "microdata":
                return structured.microdata(self.tree, place, pick.path, type=pick.type, base=self.base)
            case "page":
                return self._part(pick.path)
        node = self.tree.css_first(pick.path) if place is None else place.css_first(pick.path)
        if node is None and place is not None and place.css_matches(pick.path):
            node = place
        if node is None:
            return None
        if pick.where == "link":
            href = node.attributes.get("href") or node.attributes.get("src")
            return joined(self.base, href) or None if href else None
        attribute = _ATTRIBUTE.search(pick.path)
        return single_spaced(node.attributes.get(attribute[1].lower()) if attribute else node.text())

    def _part(self, part: str) -> str | None:
        match part:
            case "url":
                return self.url
            case "title":
                node = self.tree.css_first("title")
                return single_spaced(node.text()) if node else None
        from trafilatura import extract

        logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without an article is no news
        return extract(self.text, url=self.url, include_comments=False) or None


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
    return Page(url=answer.url, text=text, tree=LexborHTMLParser(text), is_clean=is_clean)


def single_spaced(text: str | None) -> str | None:
    """Text with white space made single; None where there is none."""
    return " ".join((text or "").split()) or None

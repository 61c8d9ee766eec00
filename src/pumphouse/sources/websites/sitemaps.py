"""Sitemaps (sitemaps.org 0.90): the pages that a site names itself, as XML or text, packed or not, or lists of such."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pumphouse.sources.http.asking import Answer

SITEMAPS_MAX = 1_000
UNPACKED_BYTES_MAX = 64 * 1024 * 1024
"""The protocol allows 50 MB."""
_GZIP = b"\x1f\x8b"


class BadSitemap(Exception):
    """A sitemap that is none; its text says why."""


def entries(answer: Answer) -> Iterator[tuple[bool, str]]:
    """The addresses in a sitemap, each with whether it is a sitemap itself. Raises BadSitemap."""
    body = _unpacked(answer.body)
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from (
            (False, line.strip()) for line in body.decode("utf-8-sig", errors="replace").split("\n") if line.strip()
        )
        return
    if b"<!ENTITY" in body:
        raise BadSitemap("it declares entities")
    try:
        # Entities are refused above, and expat fetches nothing and bounds what it expands.
        for _, element in ET.iterparse(io.BytesIO(body)):  # noqa: S314
            name = element.tag.rpartition("}")[2]
            if name in ("url", "sitemap"):
                found = next((one for one in element if one.tag.rpartition("}")[2] == "loc"), None)
                if found is not None and found.text and found.text.strip():
                    yield name == "sitemap", found.text.strip()
                element.clear()
    except ET.ParseError as error:
        raise BadSitemap(f"it is no whole XML ({error})") from None


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(body, UNPACKED_BYTES_MAX)
    except zlib.error as error:
        raise BadSitemap(f"its gzip is damaged ({error})") from None
    if not unpacking.eof:
        raise BadSitemap("its gzip is cut off, or larger than a sitemap may be")
    return text

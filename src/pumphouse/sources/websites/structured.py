"""What a page says of itself for machines: JSON-LD (W3C, 2020) and microdata (WHATWG HTML, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.sources.http.addresses import joined
from pumphouse.sources.rows import as_text

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

THINGS_MAX = 10_000
"""Of one page."""
DEPTH_MAX = 50
_ADDRESSES = {
    "a": "href",
    "area": "href",
    "link": "href",
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
}
_ADDRESSES |= {"source": "src", "track": "src", "video": "src", "object": "data"}
_VALUES = {"meta": "content", "data": "value", "meter": "value", "time": "datetime"}


def json_ld(tree: LexborHTMLParser, path: str, *, type: str | None) -> str | None:
    """The value at a path in the first thing of a type that has it; of a list, the first; JSON text where nested."""
    for thing in _things(tree):
        if type is not None and type not in map(_last_part, _listed(thing.get("@type"))):
            continue
        value: Any = thing
        for name in path.split("."):
            value = next(iter(_listed(value)), None)
            value = value.get(name) if isinstance(value, dict) else None
        value = next(iter(value), None) if isinstance(value, list) else value
        if value is not None:
            return as_text(value).strip() or None
    return None


def microdata(
    tree: LexborHTMLParser, place: LexborNode | None, name: str, *, type: str | None, base: str
) -> str | None:
    """The value of the first property of a name, in the first thing of a type; inside `place` where one is given."""
    scopes = tree.css("[itemscope]") if type is not None else [None]
    for scope in scopes[:THINGS_MAX]:
        if scope is not None and type not in [
            _last_part(one) for one in (scope.attributes.get("itemtype") or "").split()
        ]:
            continue
        if scope is not None and place is not None and not _is_inside(scope, place):
            continue
        inside = scope or place
        for node in (inside or tree).css(f'[itemprop~="{name}"]'):
            if (value := _value_of(node, base)) is not None:
                return value
    return None


def _things(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Every thing of the page's JSON-LD, outer ones first; a block that is no JSON is passed over."""
    count = 0
    for script in tree.css('script[type="application/ld+json"]'):
        try:
            waiting = [(msgspec.json.decode(script.text()), 0)]
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            continue
        while waiting and count < THINGS_MAX:
            value, depth = waiting.pop(0)
            if isinstance(value, dict):
                count += 1
                yield value
            if depth < DEPTH_MAX:
                inner = value.values() if isinstance(value, dict) else value
                waiting += [(one, depth + 1) for one in inner if isinstance(one, dict | list)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _last_part(type: Any) -> str:
    """A type without its vocabulary: "https://schema.org/Product" and "schema:Product" are "Product"."""
    return str(type).rstrip("/").replace("#", "/").replace(":", "/").rpartition("/")[2]


def _is_inside(node: LexborNode, place: LexborNode) -> bool:
    above: LexborNode | None = node
    while above is not None:
        if above.mem_id == place.mem_id:
            return True
        above = above.parent
    return False


def _value_of(node: LexborNode, base: str) -> str | None:
    tag = node.tag or ""
    if tag in _ADDRESSES:
        href = node.attributes.get(_ADDRESSES[tag])
        return joined(base, href) or None if href else None
    said = node.attributes.get("content") or (node.attributes.get(_VALUES[tag]) if tag in _VALUES else None)
    return " ".join((said or node.text()).split()) or None

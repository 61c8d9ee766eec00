"""Declaring a website as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller, refuse_unknown, time_of
from pumphouse.declare.layouts import layout_of

PAGES_MAX = 10_000

Where = Literal["css", "link", "json_ld", "microdata", "page"]
PAGE_PARTS = ("url", "title", "main_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Where a value of an item stands on its page."""

    where: Where
    path: str
    """A CSS selector, a path in JSON-LD, the name of a property, or a part of the page."""
    type: str | None = None
    """Of which kind of thing, in JSON-LD and microdata: "Product"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a walk ends."""

    pages_max: int | None = None
    """Pages to read; None is PAGES_MAX, and a site that has more is refused."""
    depth_max: int | None = None
    """Links from a start to a page."""
    only: tuple[str, ...] = ()
    """Patterns of the paths of pages that are read; starts beside them are read for their links alone."""
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """Spec of kind "website": where to start, which links to follow, what one item is made of."""

    connection: str
    start: tuple[str, ...]
    sitemaps: tuple[str, ...] | None
    """Addresses of sitemaps; none of its own where robots.txt names them; None for no sitemap."""
    follow: tuple[str, ...]
    each: str | None
    item: tuple[tuple[str, Pick], ...]
    bounds: Bounds
    cursor: str | None
    history: bool


def website(
    connection: str,
    *,
    item: Mapping[str, str | Mapping[str, str]],
    each: str | None = None,
    start: str | tuple[str, ...] = "/",
    follow: str | tuple[str, ...] = (),
    sitemap: bool | str | tuple[str, ...] = False,
    bounds: Mapping[str, Any] | None = None,  # as the fields of Bounds
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
    required: str | tuple[str, ...] | None = None,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
    doc: str = "",
) -> Declaration:
    """Items of a website: a row for each page that has one, or for each element of a page that `each` selects.

    A walk begins at `start` (one page or several) and at the pages of its sitemaps (`True`: those that robots.txt
    names, or /sitemap.xml), and follows the links that `follow` selects. `bounds` ends it: `pages_max`, `depth_max`,
    and patterns of paths `only` and `skip`, as in `{"only": "/products/*"}`. robots.txt is honoured; pages are stored,
    so that changed selectors read them again without a visit.

    A value of `item` is a CSS selector (the text of its first match, or its attribute where it ends in `[name]`), or
    one of `{"link": "a.more"}` (the address it leads to, whole), `{"json_ld": "offers.price", "type": "Product"}`,
    `{"microdata": "price", "type": "Product"}`, and `{"page": "url"}`, "title" or "main_text". Where the first value is
    not found there is no item. All values are text. `layout` says how rows lie in the table's files, as of `ph.table`.

    For example:

        raw_products = ph.website("shop_site", follow="a.product", key="sku", item={"sku": "[data-sku]", "name": "h1"})
    """
    return Declaration(
        kind="website",
        spec=Website(
            connection=connection,
            start=names(start),
            sitemaps=() if sitemap is True else names(sitemap) if sitemap else None,
            follow=names(follow),
            each=each,
            item=tuple((name, _pick(name, how)) for name, how in item.items()),
            bounds=_bounds(bounds or {}),
            cursor=cursor,
            history=history,
        ),
        common=Common(
            doc=doc, key=names(key), required=names(required), time=time_of(time), every=every, layout=layout_of(layout)
        ),
        place=place_of_caller(),
    )


def _pick(name: str, how: str | Mapping[str, str]) -> Pick:
    if isinstance(how, str):
        return Pick(where="css", path=how)
    match how:
        case {"link": str(path), **rest} if not rest:
            return Pick(where="link", path=path)
        case {"json_ld": str(path), **rest} if set(rest) <= {"type"}:
            return Pick(where="json_ld", path=path, type=rest.get("type"))
        case {"microdata": str(path), **rest} if set(rest) <= {"type"}:
            return Pick(where="microdata", path=path, type=rest.get("type"))
        case {"page": str(part), **rest} if not rest and part in PAGE_PARTS:
            return Pick(where="page", path=part)
    raise TypeError(
        f"item '{name}' of a website is {how!r}. It is a CSS selector, or one of {{'link': CSS}}, {{'json_ld': PATH}},"
        f" {{'microdata': NAME}} (these two may have a 'type') and {{'page': one of {', '.join(PAGE_PARTS)}}}."
    )


def _bounds(given: Mapping[str, Any]) -> Bounds:
    refuse_unknown(given, ("pages_max", "depth_max", "only", "skip"), what="the bounds of a website have")
    for name in ("pages_max", "depth_max"):
        if not (given.get(name) is None or (isinstance(given[name], int) and given[name] > 0)):
            raise TypeError(f"{name} of a website is {given[name]!r}, and no number above 0")
    return Bounds(
        pages_max=given.get("pages_max"),
        depth_max=given.get("depth_max"),
        only=names(given.get("only")),
        skip=names(given.get("skip")),
    )

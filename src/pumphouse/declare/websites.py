"""Declaring a website as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """Spec of kind "website": where to start, which links to follow, what one item is made of (CSS selectors)."""

    connection: str
    start: str
    follow: tuple[str, ...]
    item: tuple[tuple[str, str], ...]
    pages_max: int


def website(
    connection: str,
    *,
    item: Mapping[str, str],
    follow: str | tuple[str, ...] = (),
    start: str = "/",
    key: str | tuple[str, ...] | None = None,
    pages_max: int = 10_000,
) -> Declaration:
    """Items of a website: one row for each page on which the first selector of `item` is found.

    `follow` selects the links to walk, from `start`; robots.txt is honoured; pages are stored, so that a changed
    selector reads them again without a visit. Raises SourceError where more than `pages_max` pages are linked.

    For example:

        raw_products = ph.website("shop_site", follow="a.product", key="sku", item={"sku": "[data-sku]", "name": "h1"})
    """
    return Declaration(
        kind="website",
        spec=Website(
            connection=connection, start=start, follow=names(follow), item=tuple(item.items()), pages_max=pages_max
        ),
        common=Common(key=names(key)),
        place=place_of_caller(),
    )

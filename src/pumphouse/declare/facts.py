"""Facts about an asset point at it by name: a search index, a delivery, a bet. A report is a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Spec of kind "report": a `.md` file of the project with SQL and chart blocks."""

    text: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Spec of kind "search": which columns of a table are searched, filtered by and sorted by."""

    table: str
    text: tuple[str, ...]
    filter: tuple[str, ...]
    sort: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Spec of kind "deliver": where a table goes, in which form."""

    asset: str
    to: str
    format: Literal["csv", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """Spec of kind "bet": who is expected to use something, to decide what, and when that is looked at."""

    asset: str
    users: tuple[str, ...]
    decision: str
    check_after: str


def search(
    table: str, *, text: list[str] | str, filter: list[str] | str | None = None, sort: str | None = None
) -> Declaration:
    """An index over a table's text that follows it from snapshot to snapshot. The table needs a key.

    `text` are the columns whose words are searched, `filter` those compared as a whole, `sort` the one by which the
    newest can come first.

    For example:

        tickets_search = ph.search("tickets", text=["subject", "body"], filter=["account"], sort="opened_at")
    """
    return Declaration(
        kind="search",
        spec=Search(
            table=table,
            text=names(tuple(text) if isinstance(text, list) else text),
            filter=names(tuple(filter) if isinstance(filter, list) else filter),
            sort=sort,
        ),
        common=Common(),
        place=place_of_caller(),
        inputs=(table,),
    )


def deliver(asset: str, *, to: str, format: Literal["csv", "table"] = "csv", every: str | None = None) -> Declaration:
    """A table handed to people outside, whole, each time it or the declaration changed, or on a schedule.

    `to` is "folder:out/buyers" for a file (format "csv"), or "sqlite:out/shop.db" or the name of a connection to
    PostgreSQL for a table (format "table").

    For example:

        to_buyers = ph.deliver("customers", to="folder:out/buyers", format="csv", every="mon 07:00 Europe/Berlin")
    """
    return Declaration(
        kind="deliver",
        spec=Delivery(asset=asset, to=to, format=format),
        common=Common(every=every),
        place=place_of_caller(),
        inputs=(asset,),
    )


def bet(asset: str, *, users: list[str] | tuple[str, ...], decision: str, check_after: str = "30 days") -> Declaration:
    """What is expected of something built: who uses it, and what they decide with it. The access log gives the verdict.

    For example:

        weekly_bet = ph.bet("weekly_sales", users=["buyer-1", "buyer-2"], decision="which titles to reorder")
    """
    return Declaration(
        kind="bet",
        spec=Bet(asset=asset, users=tuple(users), decision=decision, check_after=check_after),
        common=Common(),
        place=place_of_caller(),
        inputs=(asset,),
    )

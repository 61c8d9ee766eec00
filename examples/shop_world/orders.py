"""The shop's orders API: purchases after the split day, in pages, oldest change first."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple, TypedDict

from shop_world.purchases import Purchase

PAGE_ROWS = 1000
DAY_S = 86_400


class Order(TypedDict):
    """One order as the API gives it; US cents, times ISO 8601 in UTC."""

    order_id: int
    customer_id: int
    cds: int
    cents: int
    paid_at: str
    updated_at: str


class Page(NamedTuple):
    """Some orders, and the number of the page after them, if there is one."""

    data: list[Order]
    next_page: int | None


def orders(purchases: list[Purchase], *, first_id: int) -> list[Order]:
    """Purchases as orders, by `updated_at`, which is unique; `order_id` rises with it.

    CDNOW knows days, not hours. `paid_at` is the day's start, nothing added. `updated_at` is when the shop's own
    system touched the row: it spreads a day's orders evenly over the day, so that a cursor has something to follow.
    """
    numbered = enumerate(sorted(purchases, key=lambda purchase: purchase.day), start=first_id)
    found: list[Order] = []
    for day, group in groupby(numbered, key=lambda pair: pair[1].day):
        todays = list(group)
        start = datetime.combine(day, time(), tzinfo=UTC)
        found.extend(
            Order(
                order_id=order_id,
                customer_id=purchase.customer_id,
                cds=purchase.cds,
                cents=purchase.cents,
                paid_at=_text(start),
                updated_at=_text(start + timedelta(seconds=DAY_S * rank // len(todays))),
            )
            for rank, (order_id, purchase) in enumerate(todays)
        )
    return found


def page(all_orders: list[Order], *, since: datetime | None, number: int) -> Page:
    """Page `number` (from 1) of the orders changed at `since` or later. Past the last page: no orders, no next page.

    `since` counts orders at that very instant, so that a reader who comes back with the largest `updated_at` it saw
    misses none of that instant; it gets the last order once more and has to know it by its `order_id`.
    """
    start = 0 if since is None else bisect_left(all_orders, since, key=_changed_at)
    start += (number - 1) * PAGE_ROWS
    end = start + PAGE_ROWS
    return Page(all_orders[start:end], number + 1 if end < len(all_orders) else None)


def parse_since(text: str) -> datetime | None:
    """The instant of ISO 8601 text; a time without a zone is UTC; empty text is no instant. Raises ValueError."""
    if not text:
        return None
    since = datetime.fromisoformat(text)
    return since.astimezone(UTC) if since.tzinfo else since.replace(tzinfo=UTC)


def _changed_at(order: Order) -> datetime:
    return datetime.fromisoformat(order["updated_at"])


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")

"""Where the next page of a search begins: a token that names the snapshot, and the last hit of the page before."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pumphouse.errors import RequestError
from pumphouse.indexes import values
from pumphouse.indexes.fields import Field

SEEN_MAX = 1_000
"""How many hits are paged in the order of their score: a token names them, since a score changes with its index."""
TOKEN_CHARACTERS_MAX = 100_000
ID_MAX = 2**63 - 1
_DIGEST_BYTES = 8


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the hits before a page were."""

    snapshot: int
    total: int
    row: int = 0
    """The id of the last one."""
    after: tuple[str | int | float | bool | None, ...] = ()
    """Its values by the columns of the order."""
    seen: tuple[int, ...] = ()
    """In the order of scores: the ids of all of them, each as its distance to the one before."""


def seen(ids: Iterable[int]) -> tuple[int, ...]:
    """Row ids as a page keeps them."""
    known = sorted(ids)
    return tuple(one - before for before, one in zip([0, *known], known, strict=False))


def seen_ids(page: Page) -> list[int]:
    """The row ids that a page keeps."""
    ids, at = [], 0
    for step in page.seen:
        at += step
        ids.append(at)
    return ids


def asked(name: str, query: str, where: Mapping[str, object], order: str) -> bytes:
    """What a token is good for: the same search again."""
    filters = sorted(
        (column, [None if one is None else values.typed(one) for one in values.several(value)])
        for column, value in where.items()
    )
    return msgspec.json.encode([name, query, filters, order])


def token(page: Page, *, asked: bytes) -> str:
    """A page as text that fits into an address."""
    data = zlib.compress(msgspec.msgpack.encode(page), 9)
    return base64.urlsafe_b64encode(_digest(data, asked) + data).decode().rstrip("=")


def page_of(token: str, *, asked: bytes) -> Page:
    """The page that a token names. Raises RequestError where it is none, or one of another search."""
    try:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise ValueError("too long")
        known = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        data = known[_DIGEST_BYTES:]
        if known[:_DIGEST_BYTES] != _digest(data, asked):
            raise ValueError("of another search")
        inflate = zlib.decompressobj()
        page = msgspec.msgpack.decode(inflate.decompress(data, TOKEN_CHARACTERS_MAX), type=Page)
        if min(page.snapshot, page.total, page.row, *page.seen) < 0 or page.row + sum(page.seen) > ID_MAX:
            raise ValueError("of no index")
    except (ValueError, binascii.Error, zlib.error, msgspec.MsgspecError) as error:
        raise no_page() from error
    if len(page.seen) >= SEEN_MAX:
        raise RequestError(
            f"hits are paged up to the {SEEN_MAX:,}th in the order of their score",
            mend='Sort by a column, which has no end: order="...".',
        )
    return page


def no_page() -> RequestError:
    """What to say of a token that is none, or one of another search."""
    return RequestError(
        "this is no page of this search",
        mend="Pass 'after' as the page before gave it, with the same query, filters and order; or leave it out.",
    )


def check(page: Page, fields: Sequence[Field]) -> None:
    """Raise RequestError where a page has not a value of the right kind for each column of an order.

    Nobody signs tokens, so what one says may be anything.
    """
    if len(page.after) != len(fields) or not all(map(_fits, fields, page.after)):
        raise no_page()


def _fits(field: Field, value: values.Value | None) -> bool:
    match value:
        case None:
            return True
        case str() | bool():
            return field.value == ("text" if isinstance(value, str) else "boolean")
        case float():
            return field.value == "float" and math.isfinite(value)
    return field.value in ("integer", "unsigned") and -ID_MAX - 1 <= value <= 2 * ID_MAX + 1


def _digest(data: bytes, asked: bytes) -> bytes:
    return hashlib.sha256(len(data).to_bytes(8) + data + asked).digest()[:_DIGEST_BYTES]

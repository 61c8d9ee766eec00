"""Websites: pages walked from a start, as far as robots.txt allows, and what is on them."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.websites import Website
from pumphouse.errors import MissingExtra, SourceError
from pumphouse.lake.context import Built, Context
from pumphouse.sources.fetch import Exchange, Visit, newest_visit
from pumphouse.sources.http.addresses import base_of
from pumphouse.sources.http.asking import Answer, asking
from pumphouse.sources.journal import Journal
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool
from pumphouse.sources.websites.walk import Walk, Way


def build(asset: Asset, context: Context) -> Built:
    """The items of the pages that a walk reaches; all values are text.

    A walk that fails or is killed is gone on with by the next run, which asks for no page that it has read.
    """
    spec: Website = asset.spec
    connection = context.connection(spec.connection)
    _refuse_bad_selectors(asset)
    with ExitStack() as stack:
        journal = None
        if context.mode != "full" and context.sample is None:
            path = context.lake.folder / "scratch" / f"walk_{asset.name}.jsonl"
            if context.mode == "refetch":
                path.unlink(missing_ok=True)
            journal = stack.enter_context(
                Journal(path, of=base_of(connection), now=context.now, blobs=context.lake.blobs)
            )

        def read(visit: Visit, spool: Spool) -> None:
            spool.declare(dict.fromkeys([name for name, _ in spec.item], pa.string()))
            with asking(connection, visit) as asker:
                hosts = frozenset(connection.options.get("hosts", ()))
                way = Way(asker=asker, hosts=hosts)
                if visit.recorded is None:
                    way = Way(
                        asker=asker,
                        hosts=hosts,
                        known=_known(asset, context).get,
                        resumed=lambda address: _resumed(journal, visit, address),
                        read=lambda: journal.keep(visit.exchanges[-1]) if journal else None,
                        wait=lambda seconds: time.sleep(max(seconds, 0.0)),
                    )
                walk = Walk(asset.name, spec, way)
                for page in walk.pages():
                    spool.add_rows(list(page.items(spec)), raw=visit.latest)
                    if spool.is_full:
                        break
                if not spool.rows:
                    raise walk.found_nothing()
                spool.warnings += walk.warnings()

        built = gather(asset, context, read, cursor=spec.cursor, history=spec.history)
        if journal:
            journal.forget()
        return built


def _known(asset: Asset, context: Context) -> dict[str, Exchange]:
    """The pages of the last walk by their addresses; none where the world is asked for all again."""
    lake = context.lake
    last = None if context.mode == "refetch" else newest_visit(lake.history(asset.name), lake.blobs)
    return {exchange.address: exchange for exchange in (last.manifest.exchanges if last else ())}


def _resumed(journal: Journal | None, visit: Visit, address: str) -> Answer | None:
    exchange = journal.read.get(address) if journal else None
    if exchange is None:
        return None
    visit.note(exchange)
    return Answer(
        url=exchange.address, status=exchange.status or 200, headers=exchange.headers, body=visit.body(exchange)
    )


def _refuse_bad_selectors(asset: Asset) -> None:
    spec: Website = asset.spec
    picked = [pick.path for _, pick in spec.item if pick.where in ("css", "link")]
    try:
        from protego import Protego  # noqa: F401 (robots.py needs it; here it is missed in time)
        from selectolax.lexbor import LexborHTMLParser, SelectolaxError

        if any(pick.path == "main_text" for _, pick in spec.item if pick.where == "page"):
            import trafilatura  # noqa: F401 (pages.py needs it)
    except ImportError as error:
        raise MissingExtra(error.name or "selectolax", extra="web", purpose="Reading a website") from None
    for selector in (*picked, *spec.follow, *([spec.each] if spec.each else [])):
        try:
            LexborHTMLParser("").css_first(selector)
        except SelectolaxError:
            raise SourceError(
                f"'{selector}' is no CSS selector",
                asset=asset.name,
                place=asset.place,
                mend='Selectors are like "h1", ".price", "a.product" or "[data-sku]".',
            ) from None

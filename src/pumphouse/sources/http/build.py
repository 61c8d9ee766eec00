"""Declared APIs: what a call's pages hold becomes the table."""

from __future__ import annotations

from pumphouse.declare.apis import Api
from pumphouse.declare.asset import Asset
from pumphouse.lake.context import Built, Context
from pumphouse.sources import fetch
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.http.asking import asking
from pumphouse.sources.http.walking import Known, Page, Walk
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool


def build(asset: Asset, context: Context) -> Built:
    """The records of all pages that the API answers."""
    spec: Api = asset.spec

    def read(visit: Visit, spool: Spool) -> None:
        connection = context.connection(spec.connection)
        with asking(connection, visit) as asker:
            walk = Walk(
                asker, spec.call, connection=connection.name, cursor=visit.cursor, known=_known(asset, context, visit)
            )
            for page in walk.pages():
                take(page, spool)
                if spool.is_full:
                    return

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def take(page: Page, spool: Spool) -> None:
    """Give a page's records to the spool, and the lines that are none to its quarantine."""
    found, sha = page.found, page.answer.sha
    if found.texts:
        spool.declare(dict.fromkeys(found.texts, "text"))
    spool.add_rows(found.rows, raw=sha)
    for line, text, reason in found.withheld:
        spool.ledger.row(row_id=f"{sha[:12]}:{line}", original=text, reason=f"line {line:,} {reason}")


def _known(asset: Asset, context: Context, visit: Visit) -> Known:
    """What each address answered the last time that the world was asked, for a server that says whether it changed."""
    last = None if visit.recorded else fetch.newest_visit(context.lake.history(asset.name), context.lake.blobs)
    answers: dict[str, Exchange] = {}
    for exchange in last.manifest.exchanges if last and context.mode == "normal" else ():
        if exchange.method == "GET":
            answers[exchange.address] = exchange
    return lambda address, body: answers.get(address) if body is None else None

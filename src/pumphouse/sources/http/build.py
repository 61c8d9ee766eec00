"""Declared APIs: what a call's pages hold becomes the table."""

from __future__ import annotations

from pumphouse.declare.apis import Api
from pumphouse.declare.asset import Asset
from pumphouse.lake.context import Built, Context
from pumphouse.sources import fetch
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.http.asking import asking
from pumphouse.sources.http.filling import Values
from pumphouse.sources.http.parents import build as build_per_row
from pumphouse.sources.http.taking import take
from pumphouse.sources.http.walking import Known, Walk
from pumphouse.sources.lag import begin_before
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool


def build(asset: Asset, context: Context) -> Built:
    """The records of all pages that the API answers."""
    spec: Api = asset.spec
    if spec.per is not None:
        return build_per_row(asset, context, spec.per)

    def read(visit: Visit, spool: Spool) -> None:
        connection = context.connection(spec.connection)
        begin_before(visit, spec.lag)
        with asking(connection, visit) as asker:
            values = Values.at(visit.at, context, cursor=visit.begins)
            known = _known(asset, context, visit)
            walk = Walk(asker, spec.call, connection=connection.name, values=values, known=known)
            for page in walk.pages():
                take(page, spool)
                if spool.is_full:
                    return

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def _known(asset: Asset, context: Context, visit: Visit) -> Known:
    """What each address answered the last time that the world was asked, for a server that says whether it changed."""
    last = None if visit.recorded else fetch.newest_visit(context.lake.history(asset.name), context.lake.blobs)
    answers: dict[str, Exchange] = {}
    for exchange in last.manifest.exchanges if last and context.mode == "normal" else ():
        if exchange.method == "GET":
            answers[exchange.address] = exchange
    return lambda address, body: answers.get(address) if body is None else None

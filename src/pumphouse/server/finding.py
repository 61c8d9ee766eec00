"""Finding assets over HTTP: whoever asks finds what is theirs, as if there were no more."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.catalog.finding import LIMIT_MAX, Finds, Sight
from pumphouse.errors import BadRequest, UnknownName
from pumphouse.server.access.admitted import admit
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policy
from pumphouse.server.replies import json_reply, number_of
from pumphouse.server.shared import Shared, reads, shared

HITS = 20


def found_in(request: Request) -> Response:
    """`GET /api/find?q=&limit=`: the assets that words are said of, the best first."""
    text = request.query_params.get("q", "").strip()
    if not text:
        raise BadRequest("there is nothing to look for", mend="Ask as /api/find?q=WORDS.")
    limit = number_of(request.query_params, "limit", most=LIMIT_MAX)
    found = finds(shared(request), reads(request), text, limit=HITS if limit is None else limit, door="find")
    return json_reply(found.to_dict())


def finds(here: Shared, visitor: Visitor, text: str, *, limit: int, door: str) -> Finds:
    """What a visitor finds. Values of a table among the reasons are recorded as read."""
    found = here.project.find(text, limit=limit, sight=sight_of(here, visitor), now=here.drawing.now())
    for asset, values in found.values.items():
        way = admit(here.gate, here.desk, visitor, asset, act="read", door=door)
        way.seen(snapshot=found.snapshot, rows=values, detail=f"find {text}")
    return found


def sight_of(here: Shared, visitor: Visitor) -> Callable[[str], Sight | None]:
    """What of each asset a visitor may be told."""
    known, policies, snapshot = here.known(visitor), here.desk.policies, here.project.lake.snapshot()

    def sight(name: str) -> Sight | None:
        if name not in known:
            return None
        is_whole, sees_origin = policies.sees_whole(visitor, name), policies.sees_origin(visitor, name)
        columns: frozenset[str] | None = None
        if not is_whole:
            policy: Policy | None = None
            is_external = name in policies.external  # whose columns are as they were last seen: nobody waits for it
            try:
                if is_external:
                    policy = policies.told(visitor, name, snapshot=snapshot)[0]
                elif known[name].makes_table:
                    policy = policies.of(visitor, name, snapshot=snapshot)
            except UnknownName:  # nothing of it is there at this snapshot
                pass
            columns = frozenset(policy.columns if policy is not None else ())
        return Sight(columns=columns, is_whole=is_whole, sees_origin=sees_origin)

    return sight

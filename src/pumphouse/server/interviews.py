"""The same forms for somebody signed in, who types in what others say or wrote on paper."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import BadRequest
from pumphouse.server.replies import body_of
from pumphouse.server.shared import shared, visitor_of
from pumphouse.server.surveys import asked_for, bytes_max, page_of, questions_of
from pumphouse.server.taking import EARLIEST, Answers, Hand, Moment, taken


class Interview(Answers, kw_only=True):
    """What an interviewer's form sends."""

    mode: Literal["interview", "paper"] = "interview"
    given_at: Moment | None = None


def form(request: Request) -> Response:
    """`GET /interviews/NAME`: the form, and beside it how and when the answers were given."""
    here, visitor = shared(request), visitor_of(request)
    here.gate.require(visitor, "interview")
    sheet = here.sheets.current(request.path_params["name"])
    return page_of(here, sheet, {**questions_of(sheet), "interviewer": visitor.who})


async def take(request: Request) -> Response:
    """`POST /interviews/NAME/answers`: keeps answers with who typed them in. Once it is closed, those given before."""
    visitor = visitor_of(request)
    shared(request).gate.require(visitor, "interview")
    here, sheet = await asked_for(request)
    sent = await body_of(request, Interview, bytes_max=bytes_max(sheet))
    if sent.given_at is not None and sent.given_at > datetime.now(UTC):
        raise BadRequest("given_at is a moment that has not come", mend="Say when the respondent answered.")
    if sent.given_at is not None and sent.given_at < EARLIEST:
        raise BadRequest(f"given_at is before {EARLIEST:%Y}", mend="Say when the respondent answered.")
    hand = Hand(who=visitor.who, mode=sent.mode, given_at=sent.given_at)
    return await taken(here, sheet, sent, hand=hand)

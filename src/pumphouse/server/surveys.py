"""Surveys: the form for whoever has its address or was invited, and answers taken and taken back."""

from __future__ import annotations

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import AccessDenied, UnknownName
from pumphouse.server.drawing import data_block
from pumphouse.server.pace import address_of
from pumphouse.server.replies import BODY_BYTES_MAX, body_of, is_page, json_reply
from pumphouse.server.shared import Shared, shared
from pumphouse.server.sheets import Sheet
from pumphouse.server.taking import Answers, is_over, require_key, taken
from pumphouse.sources.surveys.events import WITHDRAWN, AnswerEvent, decode, encode
from pumphouse.sources.surveys.invitations import answer_id, invitation
from pumphouse.sources.surveys.kept import stream_of

FILES_BYTES_MAX = 8 * 1024 * 1024
"""Answers with files, in base64."""


class Key(msgspec.Struct, kw_only=True):
    """Who asks, by what only they have."""

    client_key: str


def form(request: Request) -> Response:
    """`GET /surveys/NAME`: the form, which keeps what is typed until it is sent.

    What a survey asks those who are invited is in no page: their form asks for it with the key in its link, which no
    browser sends along.
    """
    here = shared(request)
    sheet = here.sheets.current(request.path_params["name"])
    over = is_over(here, sheet)
    if over and not sheet.is_invited:
        if not is_page(request):
            raise over
        return here.drawing.page("survey_notice.html", status=410, title=sheet.title, what=over.what, mend=over.mend)
    return page_of(here, sheet, {} if sheet.is_invited else questions_of(sheet))


async def open_(request: Request) -> Response:
    """`POST /surveys/NAME/open`: the questions for somebody with a link, or what became of their answers."""
    here, sheet = await asked_for(request)
    sent = await body_of(request, Key)
    require_key(sent.client_key)
    return await anyio.to_thread.run_sync(_opened, here, sheet, sent.client_key)


async def take(request: Request) -> Response:
    """`POST /surveys/NAME/answers`: keeps answers that hold, exactly once by their key.

    Those to questions that are unknown, hidden or not the respondent's to answer are left out and counted.
    """
    here, sheet = await asked_for(request)
    sent = await body_of(request, Answers, bytes_max=bytes_max(sheet))
    return await taken(here, sheet, sent)


def receipt(request: Request) -> Response:
    """`GET /surveys/NAME/withdraw`: where a respondent takes their answers back."""
    here = shared(request)
    sheet = here.sheets.current(request.path_params["name"])
    return here.drawing.page("survey_withdraw.html", title=sheet.title)


async def withdraw(request: Request) -> Response:
    """`POST /surveys/NAME/withdraw`: takes answers back. They are gone from every table when this is answered."""
    here, sheet = await asked_for(request)
    sent = await body_of(request, Key)
    require_key(sent.client_key)
    id = answer_id(sheet.name, sent.client_key)
    return await anyio.to_thread.run_sync(_withdrawn, here, sheet.name, id, limiter=here.withdrawing)


async def asked_for(request: Request) -> tuple[Shared, Sheet]:
    """What requests share and the survey that this one is about, where its sender does not come too fast."""
    here, name = shared(request), request.path_params["name"]
    here.pace.hold(address_of(request.scope))
    sheet = here.sheets.cached(name)
    return here, sheet if sheet else await anyio.to_thread.run_sync(here.sheets.current, name)


def bytes_max(sheet: Sheet) -> int:
    """How much answers to a survey may be."""
    return FILES_BYTES_MAX if sheet.takes_files else BODY_BYTES_MAX


def page_of(here: Shared, sheet: Sheet, definition: dict[str, object]) -> Response:
    """The page of a form."""
    language = sheet.definition.get("locale")
    return here.drawing.page(
        "survey.html",
        title=sheet.title,
        language=language if isinstance(language, str) and language else "en",
        definition=data_block({"name": sheet.name, **definition}),
    )


def questions_of(sheet: Sheet) -> dict[str, object]:
    """What a form needs to ask."""
    agreement = {"text": sheet.consent, "version": sheet.consent_version} if sheet.consent is not None else None
    return {"version": sheet.version, "survey": sheet.definition, "consent": agreement}


def _opened(here: Shared, sheet: Sheet, key: str) -> Response:
    state, id = here.project.lake.state, answer_id(sheet.name, key)
    if invitation(state, sheet.name, id) is None:
        raise AccessDenied("this link is not one of this survey's", mend="Open the link as it was sent to you.")
    stands = state.bodies(stream_of(sheet.name), [id, id + WITHDRAWN])
    if stands:
        return json_reply({"status": "withdrawn" if len(stands) > 1 else "sent"})
    if over := is_over(here, sheet):
        raise over
    return json_reply({"status": "open", **questions_of(sheet)})


def _withdrawn(here: Shared, name: str, id: str) -> Response:
    """The event comes first: whatever happens then, the next build leaves the answers out, and so does a new try."""
    state, stream = here.project.lake.state, stream_of(name)
    body = state.bodies(stream, [id]).get(id)
    if body is None:
        raise UnknownName("no answers were kept under this receipt", mend="Look at it again: every letter counts.")
    event = AnswerEvent(version=decode(body).version, withdrawn=id)
    state.append(stream, [(id + WITHDRAWN, encode(event))])
    if state.recall(_hidden(name, id)) is None:
        here.project.hide("answer_id", id, why=f"the respondent took back their answers to {name}")
        state.remember(_hidden(name, id), "1")
    return json_reply({"status": "withdrawn"})


def _hidden(name: str, id: str) -> str:
    return f"survey:{name}:withdrawn:{id}"

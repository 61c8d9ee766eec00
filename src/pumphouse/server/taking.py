"""The way of answers from a request to the disk: who sends, by which form, whether they hold, and once."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from starlette.responses import Response

from pumphouse.errors import AccessDenied, BadRequest, Overloaded, Uncheckable
from pumphouse.lake.state import Arrival
from pumphouse.server.replies import Conflict, Gone, json_reply
from pumphouse.server.shared import Shared
from pumphouse.server.sheets import Sheet
from pumphouse.sources.surveys.events import WITHDRAWN, AnswerEvent, Mode, decode, encode
from pumphouse.sources.surveys.invitations import KEY, answer_id, invitation
from pumphouse.sources.surveys.kept import stream_of

WAITING_MAX = 400
"""Answers that wait to be checked; more are asked to come again."""
CLEARED_MAX = 1_000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Nobody answers before."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
log = logging.getLogger("pumphouse.server")


class Answers(msgspec.Struct, kw_only=True):
    """What the form sends. `client_key` is drawn once for each respondent and makes a repeated sending one answer."""

    client_key: str
    answers: dict[str, Any]  # JSON by question
    version: str | None = None
    consent: str | None = None
    """SHA-256 of the text that was agreed to."""
    cleared: list[str] = []
    """Keys of questions that were filled in and emptied again."""
    began_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who typed answers in that are somebody else's."""

    who: str
    mode: Mode
    given_at: datetime | None
    """When the respondent said it, where that was not now."""


async def taken(here: Shared, sheet: Sheet, sent: Answers, *, hand: Hand | None = None) -> Response:
    """The reply to answers: kept, on disk, exactly once by their key.

    Answers that do not hold come back as 422 with messages by question, and others under a key that has some as 409:
    what is acknowledged is kept. Raises BadRequest, AccessDenied, Gone and Overloaded for what is not taken at all.
    """
    require_key(sent.client_key)
    if here.checking.statistics().tasks_waiting >= WAITING_MAX:
        raise Overloaded("many answers arrive at this moment", mend="Send them again in a few seconds.")
    id = answer_id(sheet.name, sent.client_key)
    event = await anyio.to_thread.run_sync(_checked, here, sheet, id, sent, hand, limiter=here.checking)
    if isinstance(event, Response):
        return event
    stream = stream_of(sheet.name)
    place = await here.commits.admit(Arrival(stream=stream, key=id, body=encode(event), most=sheet.quota))
    if place.body is None:
        raise Gone("this survey has all the answers that it needs", mend="Thank you for wanting to answer.")
    if not place.is_new:
        await anyio.to_thread.run_sync(_require_same, here, stream, id, event, place.body)
    return json_reply({"status": "kept", "answer_id": id, "dropped": event.dropped})


def require_key(key: str) -> None:
    """Raise BadRequest where this is no respondent's key."""
    if not KEY.fullmatch(key):
        raise BadRequest(
            "client_key is not 16 to 64 letters, digits, - and _", mend="Draw one at random for each respondent."
        )


def is_over(here: Shared, sheet: Sheet) -> Gone | None:
    """Why a survey takes no answers any more, kindly; None where it does."""
    if sheet.closes is not None and datetime.now(UTC) >= sheet.closes:
        return _closed(sheet)
    state = here.project.lake.state
    if sheet.quota is not None and state.places_taken(stream_of(sheet.name), freed=WITHDRAWN) >= sheet.quota:
        return Gone("this survey has all the answers that it needs", mend="Thank you for wanting to answer.")
    return None


def _closed(sheet: Sheet) -> Gone:
    assert sheet.closes is not None
    last = sheet.closes - timedelta(minutes=1) if f"{sheet.closes:%H:%M}" == "00:00" else sheet.closes
    until = f"{last:%A}, {last.day} {last:%B %Y}" + (f", {last:%H:%M}" if last == sheet.closes else "")
    return Gone("this survey is closed", mend=f"It took answers until {until}. Thank you for wanting to answer.")


def _checked(here: Shared, sheet: Sheet, id: str, sent: Answers, hand: Hand | None) -> AnswerEvent | Response:
    """The event of answers that hold, or the reply to those that don't."""
    state = here.project.lake.state
    came_by = invitation(state, sheet.name, id)
    if sheet.is_invited and came_by is None and hand is None:
        raise AccessDenied("this survey is for those who were invited", mend="Open the link that was sent to you.")
    consent = here.sheets.agreed(sheet, sent.consent)
    text, version = here.sheets.shown(sheet, sent.version)
    try:
        checked = here.check.check(text, sent.answers, cleared=sent.cleared[:CLEARED_MAX], version=version)
    except Uncheckable as error:
        log.warning("survey %s: %s", sheet.name, error)
        raise
    if checked.errors:
        refused = {"error": "some answers can't be taken as they are", "mend": "See the messages by question."}
        return json_reply({**refused, "messages": checked.errors}, status=422)
    given_at = hand.given_at if hand else None
    is_late = sheet.closes is not None and (given_at or datetime.now(UTC)) >= sheet.closes
    if is_late and not state.bodies(stream_of(sheet.name), [id]):  # what was kept in time is acknowledged still
        raise _closed(sheet)
    files = {key: _stored(here, checked.answers[key]) for key in checked.files}
    return AnswerEvent(
        version=version,
        answers={**checked.answers, **files},
        dropped=len(checked.dropped),
        marks=checked.marks,
        consent=consent,
        mode=hand.mode if hand else "self",
        by=hand.who if hand else None,
        invitation=came_by.id if came_by else None,
        began_at=sent.began_at if sent.began_at and _is_likely(sent.began_at) else None,
        given_at=given_at,
    )


def _is_likely(moment: datetime) -> bool:
    """Whether a device's clock can be meant: a moment at the end of the calendar is one that others can't read."""
    return EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=366)


def _stored(here: Shared, files: list[dict[str, str]]) -> list[dict[str, Any]]:  # JSON
    """Files of an answer as they are kept: their bytes in the lake, and here what they are called and hash to."""
    kept = []
    for file in files:
        data = base64.b64decode(file["content"].partition(",")[2])
        sha = here.project.lake.blobs.put(data)
        kept.append({"name": file["name"], "type": file["type"], "bytes": len(data), "sha256": sha})
    return kept


def _require_same(here: Shared, stream: str, id: str, event: AnswerEvent, body: str) -> None:
    """Raise Conflict where other answers stand under the id, and Gone where they were taken back."""
    if here.project.lake.state.bodies(stream, [id + WITHDRAWN]):
        raise Gone("these answers were taken back", mend="To answer again, open the form anew.")
    before = decode(body)
    sent = msgspec.json.decode(encode(event), type=AnswerEvent)  # as it would be read again
    if (before.answers, before.version) != (sent.answers, sent.version):
        raise Conflict(
            "other answers were kept under this key before, and these are not taken in their place",
            mend="Another respondent needs a key of their own.",
        )

"""Surveys: the form for whoever has its address, and the answers, on disk once before they are acknowledged."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import BadRequest, Overloaded, Uncheckable, UnknownName
from pumphouse.lake.state import State
from pumphouse.server.answers import Checked
from pumphouse.server.drawing import data_block
from pumphouse.server.replies import body_of, json_reply
from pumphouse.server.shared import Shared, shared
from pumphouse.sources.surveys.build import read_survey, stream_of

KEY_PATTERN = r"[A-Za-z0-9_-]{16,64}"
WAITING_MAX = 100
"""Answers that wait to be checked; more are asked to come again."""

EVENTS_AT_ONCE = 1_000

log = logging.getLogger("pumphouse.server")


class Answers(msgspec.Struct):
    """What the form sends. `client_key` is drawn once for each respondent and makes a repeated sending one answer."""

    client_key: str
    answers: dict[str, Any]  # JSON by question
    version: str | None = None


def form(request: Request) -> Response:
    """`GET /surveys/NAME`: the form, which keeps what is typed until it is sent."""
    name = request.path_params["name"]
    text, version = _current(shared(request), name)
    definition = json.loads(text)
    title = definition.get("title")
    return shared(request).drawing.page(
        "survey.html",
        title=title if isinstance(title, str) else name,
        definition=data_block({"name": name, "version": version, "survey": definition}),
    )


async def take(request: Request) -> Response:
    """`POST /surveys/NAME/answers`: keeps answers that hold, exactly once by their key.

    Answers that do not hold come back as 422 with messages by question, and others under a key that has some as 409:
    what is acknowledged is kept. Those to questions that are unknown or hidden
    are left out and counted.
    """
    here, name = shared(request), request.path_params["name"]
    sent = await body_of(request, Answers)
    if not re.fullmatch(KEY_PATTERN, sent.client_key):
        raise BadRequest(
            "client_key is not 16 to 64 letters, digits, - and _", mend="Draw one at random for each respondent."
        )
    if here.checking.statistics().tasks_waiting >= WAITING_MAX:
        raise Overloaded("many answers arrive at this moment", mend="Send them again in a few seconds.")
    return await anyio.to_thread.run_sync(_taken, here, name, sent, limiter=here.checking)


def _taken(here: Shared, name: str, sent: Answers) -> Response:
    text, version = _version(here, name, sent.version)
    try:
        checked = here.check.check(text, sent.answers)
    except Uncheckable as error:
        log.warning("survey %s: %s", name, error)
        raise
    if checked.errors:
        refused = {"error": "some answers can't be taken as they are", "mend": "See the messages by question."}
        return json_reply({**refused, "messages": checked.errors}, status=422)
    body = _body(checked, version)
    newest = here.project.lake.state.append(stream_of(name), [(sent.client_key, body)])
    if _kept(here.project.lake.state, stream_of(name), sent.client_key, newest=newest) != msgspec.json.decode(body):
        said = "other answers were kept under this key before, and these are not taken in their place"
        return json_reply({"error": said, "mend": "Another respondent needs a key of their own."}, status=409)
    return json_reply({"status": "kept", "dropped": len(checked.dropped)})


def _kept(state: State, stream: str, key: str, *, newest: int) -> Any:  # the body, parsed
    """What the stream holds under a key that it has: nearly always in its newest event, just now appended."""
    (event,) = state.events(stream, after=newest - 1, limit=1)
    after = 0
    while event.key != key:
        events = state.events(stream, after=after, limit=EVENTS_AT_ONCE)
        after, event = events[-1].seq, next((one for one in events if one.key == key), event)
    return msgspec.json.decode(event.body)


def _body(checked: Checked, version: str) -> str:
    return msgspec.json.encode(
        {"version": version, "answers": checked.answers, "dropped": len(checked.dropped)}
    ).decode()


def _current(here: Shared, name: str) -> tuple[str, str]:
    """The survey's text and its version. What was shown once stays known: somebody may be filling it in."""
    asset = here.project.assets.get(name)
    if asset is None or asset.kind != "survey":
        raise UnknownName(f"there is no survey '{name}'", asset=name)
    text = read_survey(asset, here.project.folder)
    version = hashlib.sha256(text.encode()).hexdigest()
    lake = here.project.lake
    if lake.state.recall(_shown(name, version)) is None:
        lake.blobs.put(text.encode())
        lake.state.remember(_shown(name, version), "1")
    return text, version


def _version(here: Shared, name: str, version: str | None) -> tuple[str, str]:
    text, current = _current(here, name)
    if version in (None, current):
        return text, current
    assert version is not None
    if here.project.lake.state.recall(_shown(name, version)) is None:
        raise BadRequest(
            "this version of the survey was never shown", mend="Load the form again; what you typed is kept."
        )
    return here.project.lake.blobs.get(version).decode(), version


def _shown(name: str, version: str) -> str:
    return f"survey:{name}:{version}"

"""What is kept of one person's answers: one event, the same from the form, an interviewer and an import.

It stands as JSON in the lake's state, in the survey's stream, under the answer's id. Fields that came later have
defaults, so what was kept before them stays readable.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Mark = Literal["skipped", "cleared", "unknown", "refused", "hidden"]
"""Why a question has no answer: shown and passed over; filled in and emptied again; "don't know" was chosen; "rather
not say" was chosen; not shown. A choice that says so stands in `answers` too, as the form sent it."""

Mode = Literal["self", "interview", "paper", "import"]
"""Who filled the form in: the respondent, an interviewer face to face, somebody from paper, an import."""

WITHDRAWN = "\twithdrawn"
"""Ends the key of the event that withdraws an answer: the answer's id and this. No answer's id holds a tab."""


class AnswerEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's answers, or the withdrawal of them. When it was kept is the event's own time.

    A withdrawal comes later in the same stream, under a key of its own, says in `withdrawn` whose answers it takes
    back, and has none. From then on the lake hides every row with that `answer_id`.
    """

    version: str
    """SHA-256 of the survey's JSON as it was shown; its bytes are among the lake's blobs."""
    answers: dict[str, Any] = {}
    """JSON by the question's key (`valueName`, or its name), and by that with "-Comment" for the words beside it."""
    dropped: int = 0
    """Answers that were left out: to questions that are unknown, not shown, or not the respondent's to answer."""
    marks: dict[str, Mark] = {}
    """Why there is no answer, by the question's key. A question with an answer has none; old events have none."""
    consent: str | None = None
    """SHA-256 of the text that was shown and agreed to; its bytes are among the lake's blobs."""
    mode: Mode = "self"
    by: str | None = None
    """Who typed it in, where that was not the respondent."""
    invitation: str | None = None
    """The id of the invitation that it came by; no token."""
    began_at: datetime | None = None
    """When the form was opened, by the clock of the device."""
    given_at: datetime | None = None
    """When the respondent said it, where that is not when it was kept: the date on the paper."""
    withdrawn: str | None = None
    """The id of the answers that this event takes back."""


def encode(event: AnswerEvent) -> str:
    """The event as the state keeps it."""
    return msgspec.json.encode(event).decode()


def decode(body: str) -> AnswerEvent:
    """The event of a body that the state kept."""
    return msgspec.json.decode(body, type=AnswerEvent)

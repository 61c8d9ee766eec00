"""Answering a survey as a program: the same HTTP request that the form makes, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import stamina

from pumphouse.errors import PumphouseError

if TYPE_CHECKING:
    import httpx

TRIES_MAX = 8
BUSY = frozenset({408, 429, 503})


class AnswersRefused(PumphouseError):
    """The survey does not allow these answers; `messages` says why, by question."""

    def __init__(self, what: str, *, mend: str | None, messages: Mapping[str, list[str]]) -> None:
        super().__init__(what, mend=mend)
        self.messages = messages


def send_answers(
    client: httpx.Client, form: str, answers: Mapping[str, Any], *, client_key: str | None = None
) -> str:  # answers: JSON by question
    """Have answers kept by the server whose form is at the address `form`; the key under which they are.

    It is tried again, with the same key, while the server can't be reached or is busy: they are kept once. Raises
    AnswersRefused with messages by question.
    """
    import httpx

    key = client_key or uuid.uuid4().hex
    for attempt in stamina.retry_context(on=(httpx.TransportError, httpx.HTTPStatusError), attempts=TRIES_MAX):
        with attempt:
            reply = client.post(f"{form}/answers", json={"client_key": key, "answers": dict(answers)})
            if reply.status_code in BUSY:
                reply.raise_for_status()
    if reply.is_success:
        return key
    said = reply.json()
    messages = said.get("messages", {})
    shown = "; ".join(f"{question}: {' '.join(texts)}" for question, texts in messages.items())
    raise AnswersRefused(
        f"{form} refused the answers: {shown or said['error']}", mend=said.get("mend"), messages=messages
    )

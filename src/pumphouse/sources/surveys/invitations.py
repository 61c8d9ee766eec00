"""Who a respondent is to a survey: a key that only they have, and the invitation that brought them one.

A key is drawn by the respondent's device, or by us for a link that is sent to somebody. Whoever has it may send answers
once, go on with them until then, and take them back: it is their receipt. Only what it hashes to is kept, as the id of
the answers, so whoever reads them can't act for the respondent.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence

import msgspec

from pumphouse.lake.state import Event, State

KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
TOKEN_BYTES = 18
INVITATIONS_AT_ONCE = 10_000


class Invitation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's link. `to` is what the list of people says of them; nobody is named where there was no list."""

    id: str
    to: dict[str, str] = {}


def answer_id(survey: str, key: str) -> str:
    """The id of the answers that come under a key: 32 letters and digits, from which nobody finds the key."""
    return hashlib.sha256(f"{survey}\n{key}".encode()).hexdigest()[:32]


def invitations_of(survey: str) -> str:
    """The stream of the lake's state that holds a survey's invitations, under the ids of the answers they bring."""
    return f"survey/{survey}/invitations"


def invite(state: State, survey: str, people: Sequence[dict[str, str]]) -> list[str]:
    """A new key for each of some people; their invitations are on disk. A key can't be shown again."""
    keys = [secrets.token_urlsafe(TOKEN_BYTES) for _ in people]
    made = [Invitation(id=secrets.token_hex(6), to=person) for person in people]
    state.append(
        invitations_of(survey),
        [(answer_id(survey, key), msgspec.json.encode(one).decode()) for key, one in zip(keys, made, strict=True)],
    )
    return keys


def invitation(state: State, survey: str, answer: str) -> Invitation | None:
    """The invitation that brings the answers of this id, if any does."""
    body = state.bodies(invitations_of(survey), [answer]).get(answer)
    return None if body is None else msgspec.json.decode(body, type=Invitation)


def invited(state: State, survey: str) -> list[tuple[Event, Invitation, bool]]:
    """All invitations with whether answers came of each, in the order in which they were made."""
    found: list[tuple[Event, Invitation, bool]] = []
    after = 0
    while events := state.events(invitations_of(survey), after=after, limit=INVITATIONS_AT_ONCE):
        answered = state.bodies(f"survey/{survey}", [event.key for event in events])
        found += [(event, msgspec.json.decode(event.body, type=Invitation), event.key in answered) for event in events]
        after = events[-1].seq
    return found

"""The cookies of a browser that is signed in, or is about to be."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import dataclass

import msgspec

COOKIE_AGE_S = 30 * 24 * 3600
"""How long a browser keeps a token that somebody typed in; the token itself may end before."""
ATTEMPT_AGE_S = 600
"""How long somebody may take to sign in elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """The cookies of one server. A cookie is its host's, whatever the port, so that servers there need one each."""

    port: int
    secure: bool

    @property
    def session(self) -> str:
        """The name of the one that holds a token."""
        return f"pumphouse-{self.port}"

    @property
    def attempt(self) -> str:
        """The name of the one that holds what a sign-in began with."""
        return f"pumphouse-{self.port}-sign-in"

    def signed_in(self, token: str, *, age_s: int = COOKIE_AGE_S) -> str:
        """The header that keeps a token. No page of another site is answered as its owner."""
        return f"{self.session}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{self._end}"

    def signed_out(self) -> str:
        """The header that forgets it."""
        return self.signed_in("", age_s=0)

    def attempted(self, attempt: str) -> str:
        """The header that keeps what a sign-in began with; it comes back with the browser from the other site."""
        age_s = ATTEMPT_AGE_S if attempt else 0
        return f"{self.attempt}={attempt}; Path=/sign-in; Max-Age={age_s}; HttpOnly; SameSite=Lax{self._end}"

    @property
    def _end(self) -> str:
        return "; Secure" if self.secure else ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in began with: only who has it can end it."""

    state: str
    nonce: str
    verifier: str
    page: str
    """Where they wanted to go."""
    at: float


def sealed(attempt: Attempt, *, key: bytes) -> str:
    """An attempt as a cookie's value that nobody else can make."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(attempt)).decode()
    return f"{body}.{hmac.digest(key, body.encode(), 'sha256').hex()}"


def opened(text: str, *, key: bytes) -> Attempt | None:
    """The attempt in a cookie's value; None where we did not make it, or it is too old."""
    body, _, seal = text.partition(".")
    if not hmac.compare_digest(seal.encode(), hmac.digest(key, body.encode(), "sha256").hex().encode()):
        return None
    try:
        attempt = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Attempt)
    except (msgspec.DecodeError, binascii.Error):
        return None
    return attempt if 0 <= time.time() - attempt.at <= ATTEMPT_AGE_S else None

"""Who calls: a token in each call's headers, or in a handshake before."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import flight

from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.flight.statuses import Unauthenticated, told

CALLER = "caller"
"""The name of the middleware that knows who calls."""
HANDSHAKE_BYTES_MAX = 4096
_SIGN_IN = "Sign in with a token: as a Bearer token, or as the password of any user."


class Caller(flight.ServerMiddleware):  # type: ignore[misc]
    """Who makes one call. A call that signed in with a password is told the token for the next ones."""

    def __init__(self, visitor: Visitor | None, *, told_token: str | None) -> None:
        self.visitor = visitor
        self._told_token = told_token

    def sending_headers(self) -> dict[str, str]:
        """What the call's answer begins with."""
        return {"authorization": f"Bearer {self._told_token}"} if self._told_token else {}


class Entrance(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    """Lets a call in, or ends it as UNAUTHENTICATED; of every method, and before anything else is looked at."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def start_call(self, info: Any, headers: Mapping[str, Sequence[str | bytes]]) -> Caller:
        """Who calls. Raises Unauthenticated for everybody without a token, but for one who is about to say it."""
        with told("sign-in"):
            shown = _shown(headers)
            if shown is None:
                if info.method == flight.FlightMethod.HANDSHAKE:
                    return Caller(None, told_token=None)
                raise Unauthenticated(f"you are not signed in. {_SIGN_IN}")
            visitor = visitor_of(self._gate, shown.token)
            self._gate.require(visitor, "read")
            return Caller(visitor, told_token=shown.token if shown.is_password else None)


class Handshake(flight.ServerAuthHandler):  # type: ignore[misc]
    """The older way to sign in: a user and a password in the handshake's first message, answered by the token.

    The header in which the token comes from then on is looked at by Entrance, with all others.
    """

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        """Answer a password with the token to send from now on; who has shown it in a header says nothing here."""
        with told("sign-in"):
            try:
                said = bytes(incoming.read())
            except (pa.ArrowException, OSError):  # there is no message
                return
            if not said:
                return
            if len(said) > HANDSHAKE_BYTES_MAX:
                raise Unauthenticated(f"this is too long to be a token. {_SIGN_IN}")
            try:
                token = flight.BasicAuth.deserialize(said).password.decode()
            except Exception as error:
                raise Unauthenticated(f"this handshake can't be read. {_SIGN_IN}") from error
            visitor_of(self._gate, token)
            outgoing.write(token.encode())

    def is_valid(self, token: bytes) -> bytes:
        """Nobody yet: Entrance decides for this header as for the others."""
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    token: str
    is_password: bool


def visitor_of(gate: Gate, token: str) -> Visitor:
    """Whose token this is. Raises Unauthenticated."""
    visitor = gate.seen(token) or gate.visitor(token)
    if visitor is None:
        raise Unauthenticated(f"nobody has this token, or it has ended. {_SIGN_IN}")
    return visitor


def _shown(headers: Mapping[str, Sequence[str | bytes]]) -> _Shown | None:
    """The token in a call's headers."""
    for value in headers.get("authorization", ()):
        scheme, _, rest = str(value).partition(" ")
        if scheme.lower() == "bearer":
            return _Shown(token=rest.strip(), is_password=False)
        if scheme.lower() == "basic":
            return _Shown(token=_password(rest.strip()), is_password=True)
    for value in headers.get("auth-token-bin", ()):
        return _Shown(token=bytes(value).decode("latin-1"), is_password=False)  # type: ignore[arg-type]
    return None


def _password(encoded: str) -> str:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)  # clients in Go leave the padding out
        user, colon, password = base64.b64decode(padded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated(f"this password can't be read. {_SIGN_IN}") from error
    return password if colon else user

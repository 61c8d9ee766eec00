"""The start of a connection: TLS, a cancel request, or somebody who signs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.errors import AccessDenied
from pumphouse.server.postgres import messages as m
from pumphouse.server.postgres.connection import Connection
from pumphouse.server.postgres.scram import BOUND, PLAIN, answered, proved
from pumphouse.server.postgres.sqlstate import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pumphouse.server.postgres.hall import Hall

ENCRYPTION_REQUESTS_MAX = 2
"""A client may ask for GSSAPI and then for TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who came in."""

    who: str
    hashed: bytes
    """Of the token that they have."""
    options: Mapping[str, str]
    """What they want set."""


async def sign_in(connection: Connection, hall: Hall) -> SignedIn | None:
    """Who came in; None for a connection that was only there to cancel. Raises Refused, BrokenMessage, Gone."""
    startup = await _startup(connection, hall)
    if startup is None:
        return None
    if hall.tls is not None and not connection.secure:
        raise Refused(
            "this server takes encrypted connections only",
            state="28000",
            hint="Connect with sslmode=require.",
            fatal=True,
        )
    if hall.connections > hall.limits.connections:
        raise Refused("sorry, too many clients already", state="53300", hint="Try again in a moment.", fatal=True)
    if startup.minor or startup.unknown_options:
        connection.write(m.negotiated(startup.unknown_options))
    user = startup.parameters.get("user", "")
    if not user:
        raise Refused("no PostgreSQL user name specified in startup packet", state="28000", fatal=True)
    hashed = await _proof(connection, hall, user)
    visitor = None if hashed is None else await hall.at_the_door(hall.gate.visitor_of, hashed)
    if hashed is None or visitor is None:
        raise Refused(
            f'password authentication failed for user "{user}"',
            state="28P01",
            hint="The password is a token: pumphouse token make NAME.",
            fatal=True,
        )
    try:
        hall.gate.require(visitor, "read")
    except AccessDenied as error:
        raise Refused(error.what, state="42501", hint=error.mend, fatal=True) from error
    database = startup.parameters.get("database", user)
    if database != hall.project.name:
        raise Refused(
            f'database "{database}" does not exist',
            state="3D000",
            hint=f"There is one here: {hall.project.name}.",
            fatal=True,
        )
    options = {name: value for name, value in startup.parameters.items() if name not in ("user", "database")}
    return SignedIn(who=visitor.who, hashed=hashed, options=options)


async def _startup(connection: Connection, hall: Hall) -> m.Startup | None:
    for _ in range(ENCRYPTION_REQUESTS_MAX + 1):
        first = m.first_message(await connection.sized(bytes_max=m.STARTUP_BYTES_MAX))
        match first:
            case m.Startup():
                return first
            case m.CancelRequest():
                hall.cancel(first.process, first.key)
                return None
        if first.tls and hall.tls is not None and not connection.secure:
            if connection.has_unread:  # somebody between would have it taken as if it came encrypted
                raise m.BrokenMessage("something was sent in the clear after TLS was asked for")
            connection.write(b"S")
            await connection.start_tls(hall.tls, timeout_s=hall.limits.sign_in_s)
        else:
            connection.write(b"N")
    raise m.BrokenMessage("encryption was asked for again and again")


async def _proof(connection: Connection, hall: Hall, user: str) -> bytes | None:
    """The hash of the token that they have, or None."""
    end_point = hall.end_point if connection.secure else None
    offered = (BOUND, PLAIN) if end_point else (PLAIN,)
    connection.write(m.sasl_mechanisms(offered))
    mechanism, first = m.secret_first(await _secret(connection))
    if mechanism not in offered:
        raise m.BrokenMessage("the client chose a way to sign in that was not offered")
    scram = await hall.at_the_door(hall.gate.scram, user)
    exchange = answered(first, mechanism, scram, end_point=end_point)
    connection.write(m.sasl_step(exchange.server_first.encode(), last=False))
    found = proved(await _secret(connection), exchange)
    if found is None:
        return None
    hashed, server_final = found
    connection.write(m.sasl_step(server_final, last=True))
    return hashed


async def _secret(connection: Connection) -> bytes:
    letter, data = await connection.framed(bytes_max=m.SIGN_IN_BYTES_MAX)
    if letter != b"p":
        raise m.BrokenMessage("the client did not go on signing in")
    return data


def options_of(given: Mapping[str, str]) -> dict[str, str]:
    """What a client wants set as it starts: its parameters, and `-c name=value` of `options`."""
    found = {name: value for name, value in given.items() if name not in ("options", "replication")}
    words = given.get("options", "").replace("\\ ", "\0").split()
    for at, word in enumerate(words):
        setting = (
            words[at + 1] if word == "-c" and at + 1 < len(words) else word[2:] if word[:2] in ("-c", "--") else ""
        )
        name, equals, value = setting.partition("=")
        if equals:
            found[name.replace("-", "_")] = value.replace("\0", " ")
    return found

"""The client that asks: below what logs, stores and reports it signs, and looks at which address it reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import is_private, is_public
from pumphouse.sources.http.sign_in import SignIn

if TYPE_CHECKING:
    import httpx

USER_AGENT = f"pumphouse/{version('pumphouse')}"
CONNECT_S_MAX = 10.0
SILENCE_S_MAX = 60.0
"""How long a server may say nothing in the middle of an answer."""
CONNECTIONS_MAX = 8
INSIDE = ("local", "internal", "intranet", "private", "corp", "home", "lan", "localhost", "home.arpa")
"""Ends of names that no public server has (RFC 6762, appendix G; RFC 6761; RFC 8375), so they mean one inside."""


class PrivateAddress(Exception):
    """A name that looks public leads to an address inside."""


class Reach:
    """Which addresses a connection may reach, by the address that was really connected to.

    A public name that leads to a private, loopback or link-local address is how a stranger's server makes us ask one
    inside (DNS rebinding). So it is refused, unless the connection names what is inside itself: as a number, as
    `localhost`, by a name without a dot or with an end of INSIDE; or it says `private = true`.
    """

    def __init__(self, connection: Connection, hosts: Iterable[str]) -> None:
        given = connection.options.get("private", False)
        if not isinstance(given, bool):
            raise ConfigError(f"connection '{connection.name}' says private = {given!r}", mend="It is true or false.")
        self._all = given
        self._inside = frozenset(name for name in map(_name_of, hosts) if is_inside(name))

    def refuses(self, host: str, address: str) -> bool:
        """Whether a host may not be at this address."""
        if self._all or _name_of(host) in self._inside:
            return False
        try:
            return not is_public(address)
        except ValueError:
            return True


def is_inside(name: str) -> bool:
    """Whether a host's name says itself that it is inside a network."""
    return is_private(name) or "." not in name or name.endswith(tuple(f".{end}" for end in INSIDE))


def client_of(signed: SignIn, reach: Reach) -> httpx.Client:
    """A client whose requests are signed on their way out only, and go nowhere that `reach` refuses."""
    import httpx

    class Signing(httpx.BaseTransport):
        # The client logs, and puts into its errors, the request it handed down; only this copy is signed.
        def __init__(self) -> None:
            self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_connections=CONNECTIONS_MAX))

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            host = request.url.host

            def watch(event: str, info: Mapping[str, Any]) -> None:  # values of httpcore's own
                if event == "connection.connect_tcp.complete":
                    stream = info["return_value"]
                    address = stream.get_extra_info("server_addr")[0]
                    if reach.refuses(host, address):
                        stream.close()  # before a byte was sent
                        raise PrivateAddress(f"{host} is at {address}")

            copy = httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "trace": watch},
            )
            signed.sign(copy)
            return self._inner.handle_request(copy)

        def close(self) -> None:
            self._inner.close()

    return httpx.Client(
        transport=Signing(),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"},
        timeout=httpx.Timeout(SILENCE_S_MAX, connect=CONNECT_S_MAX),
        follow_redirects=False,
    )


def _name_of(host: str) -> str:
    """A host without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return (host if host.count(":") > 1 else host.partition(":")[0]).lower()

"""How a connection signs in to an API or a website, and how its secrets stay out of all that is said."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import host_of

if TYPE_CHECKING:
    import httpx


class SignIn:
    """How a connection signs in, added to requests below everything that logs, stores or reports them.

    `auth` is one of `{bearer = TOKEN}`, `{user = NAME, password = P}`, `{header = NAME, value = V}`,
    `{query = NAME, value = V}`. Only the connection's own host gets it.
    """

    def __init__(self, connection: Connection) -> None:
        parts = urlsplit(connection.url)
        self._origin = f"{parts.scheme}://{host_of(connection.url)}"
        auth: dict[str, Any] = dict(connection.options.get("auth") or {})
        if not auth and parts.username:
            auth = {"user": unquote(parts.username), "password": unquote(parts.password or "")}
        self._headers: dict[str, str] = {}
        self._parameters: dict[str, str] = {}
        match auth:
            case {"bearer": str(token)} if len(auth) == 1:
                self._headers["Authorization"] = f"Bearer {token}"
            case {"user": str(user), "password": str(password)} if len(auth) == 2:
                self._headers["Authorization"] = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
            case {"header": str(name), "value": str(value)} if len(auth) == 2:
                self._headers[name] = value
            case {"query": str(name), "value": str(value)} if len(auth) == 2:
                self._parameters[name] = value
            case _ if auth:
                raise ConfigError(
                    f"connection '{connection.name}' has an auth with {', '.join(sorted(auth))}: none that is known",
                    mend="It has bearer; or user and password; or header and value; or query and value.",
                )
        given = [str(auth[name]) for name in ("bearer", "password", "value") if auth.get(name)]
        self._secrets = (*given, *map(quote, given), *(value.split()[-1] for value in self._headers.values()))

    def sign(self, request: httpx.Request) -> None:
        """Add what signs in, where the request goes to the connection's own host, as its url names it."""
        import httpx

        if f"{request.url.scheme}://{host_of(str(request.url))}" != self._origin:
            return
        request.headers.update(self._headers)
        request.url = httpx.URL(request.url).copy_merge_params(self._parameters)

    def secured(self, url: str) -> str:
        """The address by https where the connection is: a server behind a proxy often names its own pages by http."""
        if self._origin.startswith("https://") and f"https://{host_of(url)}" == self._origin:
            return "https://" + url.removeprefix("http://").removeprefix("https://")
        return url

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

"""How a connection signs in to an API or a website, and how its secrets stay out of all that is said."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import host_of, is_web

if TYPE_CHECKING:
    import httpx

EARLY_S = 30.0
"""A token is fetched anew so long before it ends."""
_MEND = (
    "It has bearer; or user and password; or header and value; or query and value; or token_url, client_id and"
    " client_secret."
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenRequest:
    """What is sent to get a token (OAuth 2.0, client credentials). It holds a secret, so it is never printed."""

    url: str
    headers: dict[str, str]
    form: dict[str, str]


class SignIn:
    """How a connection signs in, added to requests below everything that logs, stores or reports them.

    `auth` is one of `{bearer = TOKEN}`, `{user = NAME, password = P}`, `{header = NAME, value = V}`,
    `{query = NAME, value = V}`, `{token_url = URL, client_id = ID, client_secret = S}`, the last with `scope`,
    `audience` and `send = "body"` where the server wants them. Only the connection's own host gets it. A token lives in
    this object alone.
    """

    def __init__(self, connection: Connection) -> None:
        parts = urlsplit(connection.url)
        self._origin = f"{parts.scheme}://{host_of(connection.url)}"
        auth: dict[str, Any] = dict(connection.options.get("auth") or {})
        if not auth and parts.username:
            auth = {"user": unquote(parts.username), "password": unquote(parts.password or "")}
        self._headers: dict[str, str] = {}
        self._parameters: dict[str, str] = {}
        self.tokens: TokenRequest | None = None
        """How a token is asked for, where the connection signs in by one."""
        self._token, self._token_until = "", 0.0
        self._lock = Lock()
        match auth:
            case {"bearer": str(token)} if len(auth) == 1:
                self._headers["Authorization"] = f"Bearer {token}"
            case {"user": str(user), "password": str(password)} if len(auth) == 2:
                self._headers["Authorization"] = _basic(user, password)
            case {"header": str(name), "value": str(value)} if len(auth) == 2:
                self._headers[name] = value
            case {"query": str(name), "value": str(value)} if len(auth) == 2:
                self._parameters[name] = value
            case {"token_url": str(url), "client_id": str(client), "client_secret": str(secret), **others} if set(
                others
            ) <= {"scope", "audience", "send"}:
                self.tokens = _token_request(connection, url, client, secret, others)
            case _ if auth:
                raise ConfigError(
                    f"connection '{connection.name}' has an auth with {', '.join(sorted(auth))}: none that is known",
                    mend=_MEND,
                )
        if not all(value.isascii() and value.isprintable() for value in self._headers.values()):
            raise ConfigError(
                f"connection '{connection.name}' has an auth that no header can carry: it holds a line break, or a"
                " letter that is not ASCII",
                mend="Was the secret copied whole, and without the end of its line?",
            )
        given = [str(auth[name]) for name in ("bearer", "password", "value", "client_secret") if auth.get(name)]
        signed = [value.split()[-1] for value in self._headers.values()]
        if self.tokens and (basic := self.tokens.headers.get("Authorization")):
            signed.append(basic.split()[-1])
        self._secrets: set[str] = {*given, *map(quote, given), *map(quote_plus, given), *signed}

    @property
    def needs_token(self) -> bool:
        """Whether there is none, or it ends soon."""
        return self.tokens is not None and time.monotonic() >= self._token_until

    def accept(self, token: str, *, lives_s: float) -> None:
        """Sign with this token from now on."""
        with self._lock:
            self._secrets |= {token, quote(token)}
            self._token, self._token_until = token, time.monotonic() + max(0.0, lives_s - min(EARLY_S, lives_s / 10))

    def refused(self, token: str) -> bool:
        """Forget the token that a server refused; whether a new one may help, which it may once."""
        with self._lock:
            if self.tokens is None:
                return False
            if token == self._token:
                self._token_until = 0.0
            return True

    @property
    def token(self) -> str:
        """The token that requests are signed with now."""
        return self._token

    def sign(self, request: httpx.Request) -> None:
        """Add what signs in, where the request goes to the connection's own host, as its url names it."""
        import httpx

        if self.tokens and str(request.url) == self.tokens.url:
            request.headers.update(self.tokens.headers)
            return
        if f"{request.url.scheme}://{host_of(str(request.url))}" != self._origin:
            return
        request.headers.update(self._headers)
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        request.url = httpx.URL(request.url).copy_merge_params(self._parameters)

    def unsigned(self, text: str) -> str:
        """Addresses without the parameters that sign in: a server often names its next page with them."""
        for name in self._parameters:
            named = "|".join({re.escape(name), re.escape(quote(name)), re.escape(quote_plus(name))})
            text, count = re.subn(rf"(?<=[?&])(?:{named})=[^&#>\s]*&?", "", text)
            text = re.sub(r"[?&](?=[#>]|$)", "", text) if count else text
        return text

    def secured(self, url: str) -> str:
        """The address by https where the connection is: a server behind a proxy often names its own pages by http."""
        if self._origin.startswith("https://") and f"https://{host_of(url)}" == self._origin:
            return "https://" + url.removeprefix("http://").removeprefix("https://")
        return url

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _token_request(connection: Connection, url: str, client: str, secret: str, others: dict[str, Any]) -> TokenRequest:
    if not is_web(url) or not host_of(url):
        raise ConfigError(
            f"connection '{connection.name}' has a token_url that is no web address",
            mend='It is like "https://host/oauth/token".',
        )
    form = {"grant_type": "client_credentials"}
    form |= {name: str(others[name]) for name in ("scope", "audience") if name in others}
    match others.get("send", "header"):
        case "header":  # RFC 6749, section 2.3.1
            headers = {"Authorization": _basic(quote_plus(client), quote_plus(secret))}
        case "body":
            headers, form = {}, {**form, "client_id": client, "client_secret": secret}
        case other:
            raise ConfigError(
                f"connection '{connection.name}' sends its client_secret in {other!r}", mend='In "header" or in "body".'
            )
    return TokenRequest(url=url, headers=headers, form=form)


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"

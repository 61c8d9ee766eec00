"""Asking for an address: the live web with its retries and limits, or the stored answers of an earlier visit.

Only declared hosts are asked: that of the connection's url, and those in its `hosts`. Whoever writes pumphouse.toml
thereby allows them, private addresses too; nothing that a page or an API says (a link, a redirect) leads elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.http.addresses import base_of, host_of, is_private, is_web, joined
from pumphouse.sources.http.sign_in import SignIn

if TYPE_CHECKING:
    import httpx

USER_AGENT = f"pumphouse/{version('pumphouse')}"
TRIES_MAX = 6
"""Unless the connection says `tries`."""
TRYING_S_MAX = 120.0
"""Over all tries of one address, the waiting between them included."""
WAIT_S_FIRST = 0.5
WAIT_S_MAX = 30.0
"""Between two tries, unless the server asks for longer."""
CONNECT_S_MAX = 10.0
SILENCE_S_MAX = 60.0
"""How long a server may say nothing in the middle of an answer."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REDIRECTS_MAX = 5
ANSWER_BYTES_MAX = 256 * 1024 * 1024
PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same question may get an answer."""
KEPT_HEADERS = ("content-type", "etag", "last-modified", "location")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose bytes are stored. `status` is never one of PASSING."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def leads_to(self) -> str | None:
        """The address that a redirect names; None for any other answer, nothing for a redirect to none."""
        return joined(self.url, self.headers.get("location", "")) if self.status in REDIRECTS else None


class Asker(Protocol):
    """Answers a GET of an address: `Live` from the web, `Stored` from an earlier visit."""

    asset: str
    base: str
    """The address of the connection, without sign-in."""

    def ask(self, address: str, *, named_by: str | None = None) -> Answer:
        """One answer, which may be a redirect. `named_by` is the page or answer that leads there."""
        ...

    def close(self) -> None: ...


def get(asker: Asker, address: str) -> Answer:
    """The answer after redirects. Raises SourceError where they lead to a host that is not declared, or have no end."""
    answer = asker.ask(address)
    for _ in range(REDIRECTS_MAX):
        if answer.leads_to is None:
            return answer
        answer = asker.ask(answer.leads_to, named_by=answer.url)
    raise SourceError(
        f"{address} redirects more than {REDIRECTS_MAX} times",
        asset=asker.asset,
        mend="Ask for the address it should lead to.",
    )


class Stored:
    """Answers as they were when a visit was recorded. Nobody is asked."""

    def __init__(self, visit: Visit) -> None:
        self.asset = visit.asset
        self.base = visit.base
        self._visit = visit

    def ask(self, address: str, *, named_by: str | None = None) -> Answer:
        """What this address answered. Raises SourceError where it was never asked."""
        exchange = self._visit.recall("GET", address)
        return _answer(exchange, self._visit.body(exchange))

    def close(self) -> None:
        """Nothing is open."""


class Live:
    """The web, as one connection of the project may see it. Every answer is stored before anybody looks into it."""

    def __init__(self, connection: Connection, visit: Visit) -> None:
        self.asset = visit.asset
        self.base = visit.base = base_of(connection)
        self._visit = visit
        self._connection = connection
        self._tries_max = int(connection.options.get("tries", TRIES_MAX))
        self._hosts = frozenset({host_of(self.base), *connection.options.get("hosts", ())})
        self._signed = SignIn(connection)
        self._client = _client(self._signed)

    def ask(self, address: str, *, named_by: str | None = None) -> Answer:
        """The answer, after retries. Raises SourceError naming the address and what was tried."""
        url = self._signed.secured(address)
        self._refuse_undeclared(url, named_by=named_by)
        status, headers, body = self._with_patience(url)
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        return _answer(self._visit.keep("GET", address, body, status=status, headers=kept), body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _refuse_undeclared(self, url: str, *, named_by: str | None) -> None:
        host = host_of(url)
        if is_web(url) and host in self._hosts:
            return
        came = f"{named_by} leads to '{url}'" if named_by else f"'{url}'"
        mend = f'Where it should be read too, add it to the connection: hosts = ["{host}"].'
        if not host or not is_web(url):
            mend = "Only addresses of http and https are read."
        elif is_private(host):
            mend = "It is a private address, so it is only read where pumphouse.toml names it."
        raise self._error(f"{came}, which is not a declared host of connection '{self._connection.name}'", mend=mend)

    def _with_patience(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        import stamina

        began = time.monotonic()
        tries = 0

        def wait_s(error: Exception) -> bool | float:
            if not isinstance(error, _Passing):
                return False
            if error.retry_after_s is None:
                return True
            return error.retry_after_s if time.monotonic() - began + error.retry_after_s < TRYING_S_MAX else False

        try:
            for attempt in stamina.retry_context(
                on=wait_s,
                attempts=self._tries_max,
                timeout=TRYING_S_MAX,
                wait_initial=WAIT_S_FIRST,
                wait_jitter=WAIT_S_FIRST,
                wait_max=WAIT_S_MAX,
            ):
                with attempt:
                    tries += 1
                    return self._once(url, deadline=began + TRYING_S_MAX)
        except _Passing as error:
            asked_for = f", and asks to wait {error.retry_after_s:,.0f} s" if error.retry_after_s else ""
            tried = f"tried {tries} time{'s' if tries != 1 else ''} in {time.monotonic() - began:.1f} s"
            raise self._error(f"{url} {error}{asked_for}; {tried}", mend=error.mend) from None
        raise AssertionError("retry_context returns or raises")

    def _once(self, url: str, *, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        import httpx

        try:
            with self._client.stream("GET", url) as response:
                if response.status_code in PASSING:
                    raise _Passing(
                        f"answered {response.status_code} {response.reason_phrase}".rstrip(),
                        retry_after_s=_retry_after_s(response.headers),
                        mend="Wait until it is well again, then run again: nothing was lost.",
                    )
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise self._error(
                            f"{url} answers more than {ANSWER_BYTES_MAX:,} bytes at once", mend="Ask for smaller pages."
                        )
                    if time.monotonic() > deadline:
                        raise _Passing("has not finished its answer", mend="Is it overloaded? Ask for smaller pages.")
                return (
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    bytes(body),
                )
        except httpx.TimeoutException:
            raise _Passing("did not answer in time", mend="Is it up, and reachable from this machine?") from None
        except httpx.DecodingError as error:
            raise _Passing(
                f"sent an answer that can't be unpacked ({error})", mend="Is a proxy in between broken?"
            ) from None
        except httpx.TransportError as error:
            raise _Passing(
                f"could not be reached ({self._signed.hide(str(error) or type(error).__name__)})",
                mend="Is it up, and reachable from this machine?",
            ) from None
        except (httpx.InvalidURL, UnicodeError):
            raise self._error(f"{url!r} is no address", mend="Look at where the link comes from.") from None

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(self._signed.hide(what), asset=self._visit.asset, mend=mend)


class _Passing(Exception):
    """A failure that may pass; its text ends the sentence that the address begins."""

    def __init__(self, what: str, *, mend: str, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.mend = mend
        self.retry_after_s = retry_after_s


def _client(signed: SignIn) -> httpx.Client:
    import httpx

    class Signing(httpx.BaseTransport):
        # The client logs, and puts into its errors, the request it handed down; only this copy is signed.
        def __init__(self) -> None:
            self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_connections=4))

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            copy = httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
            signed.sign(copy)
            return self._inner.handle_request(copy)

        def close(self) -> None:
            self._inner.close()

    return httpx.Client(
        transport=Signing(),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
        timeout=httpx.Timeout(SILENCE_S_MAX, connect=CONNECT_S_MAX),
        follow_redirects=False,
    )


@contextmanager
def asking(connection: Connection, visit: Visit) -> Iterator[Asker]:
    """Whoever answers for a visit: the web for a live one, the stored answers for a recorded one."""
    asker: Asker = Stored(visit) if visit.recorded else Live(connection, visit)
    try:
        yield asker
    finally:
        asker.close()


def _answer(exchange: Exchange, body: bytes) -> Answer:
    return Answer(url=exchange.address, status=exchange.status or 200, headers=exchange.headers, body=body)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait. A date is measured by the server's own clock, which it sends along."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None

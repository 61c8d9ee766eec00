"""Asking for an address: the live web with its retries and limits, or the stored answers of an earlier visit.

Only declared hosts are asked: that of the connection's url, and those in its `hosts`. Whoever writes pumphouse.toml
thereby allows them, private addresses too; nothing that a page or an API says (a link, a redirect) leads elsewhere.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Protocol

import msgspec

from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.fetch import Exchange, Method, Visit
from pumphouse.sources.http.addresses import base_of, host_of, is_private, is_web, joined
from pumphouse.sources.http.client import PrivateAddress, Reach, client_of
from pumphouse.sources.http.rates import Rate
from pumphouse.sources.http.sign_in import SignIn

TRIES_MAX = 6
"""Unless the connection says `tries`."""
TRYING_S_MAX = 120.0
"""Over all tries of one address, the waiting between them included."""
WAIT_S_FIRST = 0.5
WAIT_S_MAX = 30.0
"""Between two tries, unless the server asks for longer."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REDIRECTS_MAX = 5
ANSWER_BYTES_MAX = 256 * 1024 * 1024
PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same question may get an answer."""
NOT_MODIFIED = 304
PACKED = frozenset({"gzip", "deflate", "br", "zstd"})
UNPACKED = frozenset({"gzip", "deflate"})
"""What is asked for: a piece as it comes over the wire grows a thousandfold at most."""
KEPT_HEADERS = ("content-type", "etag", "last-modified", "location", "link")
TOKEN_S = 300.0
"""How long a token lives whose answer does not say."""
_UNSAID = logging.NullHandler()
"""Each try is no line on a person's terminal: the error at the end counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for. With a body it is a POST of JSON."""

    address: str
    body: bytes | None = None
    known: Exchange | None = None
    """What it answered before: a server that says it is the same still needs not send it again."""
    named_by: str | None = None
    """The page or answer that leads there."""

    @property
    def method(self) -> Method:
        """GET, or POST where something is sent along."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose bytes are stored. `status` is never one of PASSING."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    sha: str = ""

    @property
    def leads_to(self) -> str | None:
        """The address that a redirect names; None for any other answer, nothing for a redirect to none."""
        return joined(self.url, self.headers.get("location", "")) if self.status in REDIRECTS else None


class Asker(Protocol):
    """Answers a GET or POST of an address: `Live` from the web, `Stored` from an earlier visit."""

    asset: str
    base: str
    """The address of the connection, without sign-in."""
    signed: SignIn

    def ask(
        self, address: str, *, named_by: str | None = None, known: Exchange | None = None, body: bytes | None = None
    ) -> Answer:
        """One answer, which may be a redirect. `named_by` is the page or answer that leads there.

        With `known`, an earlier exchange of the same address, a server that says that nothing changed since sends
        nothing: the answer is then that of `known`, and the manifest names its bytes.
        """
        ...

    def ask_all(self, questions: Iterable[Question], *, at_once: int) -> Iterator[Answer]:
        """The answers in the order of the questions, of which up to `at_once` are asked at the same time."""
        ...

    def stored(self, sha: str) -> bytes:
        """The bytes of an answer that was given before."""
        ...

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        ...

    def close(self) -> None: ...


def get(asker: Asker, address: str) -> Answer:
    """The answer after redirects. Raises SourceError where they lead to a host that is not declared, or have no end."""
    return settled(asker, Question(address=address), asker.ask(address))


def settled(asker: Asker, question: Question, answer: Answer) -> Answer:
    """The answer that the redirects of an answer lead to; itself where it is none. Raises SourceError as `get` does."""
    for _ in range(REDIRECTS_MAX):
        if answer.leads_to is None:
            return answer
        body = question.body if answer.status in (307, 308) else None
        answer = asker.ask(answer.leads_to, named_by=answer.url, body=body)
    raise SourceError(
        f"{question.address} redirects more than {REDIRECTS_MAX} times",
        asset=asker.asset,
        mend="Ask for the address it should lead to.",
    )


class Stored:
    """Answers as they were when a visit was recorded. Nobody is asked."""

    def __init__(self, visit: Visit, signed: SignIn) -> None:
        self.asset = visit.asset
        self.base = visit.base
        self._visit = visit
        self.signed = signed

    def ask(
        self, address: str, *, named_by: str | None = None, known: Exchange | None = None, body: bytes | None = None
    ) -> Answer:
        """What this address answered. Raises SourceError where it was never asked."""
        exchange = self._visit.recall("GET" if body is None else "POST", self.signed.unsigned(address), sent=body)
        return _answer(exchange, self._visit.body(exchange))

    def ask_all(self, questions: Iterable[Question], *, at_once: int) -> Iterator[Answer]:
        """What each of them answered."""
        for question in questions:
            yield self.ask(question.address, body=question.body)

    def stored(self, sha: str) -> bytes:
        """The bytes of an answer."""
        return self._visit.stored(sha)

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        return self.signed.hide(text)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Live:
    """The web, as one connection of the project may see it. Every answer is stored before anybody looks into it."""

    def __init__(self, connection: Connection, visit: Visit, signed: SignIn) -> None:
        self.asset = visit.asset
        self.base = visit.base = base_of(connection)
        self._visit = visit
        self._connection = connection
        self._tries_max = int(connection.options.get("tries", TRIES_MAX))
        self._hosts = frozenset({host_of(self.base), *connection.options.get("hosts", ())})
        self.signed = signed
        self._rate = Rate(connection)
        self._signing_in = Lock()
        hosts = {*self._hosts, *([host_of(signed.tokens.url)] if signed.tokens else ())}
        self._client = client_of(signed, Reach(connection, hosts))

    def ask(
        self, address: str, *, named_by: str | None = None, known: Exchange | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer, after retries. Raises SourceError naming the address and what was tried."""
        question = Question(address=self.signed.unsigned(address), body=body, known=known, named_by=named_by)
        return self._kept(question, self._fetched(question))

    def ask_all(self, questions: Iterable[Question], *, at_once: int) -> Iterator[Answer]:
        """The answers in the order of the questions: the manifest lists them so, whichever came first."""
        with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="asking") as pool:
            waiting: deque[tuple[Question, Future[_Came]]] = deque()
            try:
                for wanted in questions:
                    question = replace(wanted, address=self.signed.unsigned(wanted.address))
                    waiting.append((question, pool.submit(self._fetched, question)))
                    if len(waiting) >= at_once:
                        asked, coming = waiting.popleft()
                        yield self._kept(asked, coming.result())
                while waiting:
                    asked, coming = waiting.popleft()
                    yield self._kept(asked, coming.result())
            finally:
                for _, coming in waiting:
                    coming.cancel()

    def stored(self, sha: str) -> bytes:
        """The bytes of an answer."""
        return self._visit.stored(sha)

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        return self.signed.hide(text)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _fetched(self, question: Question) -> _Came:
        url = self.signed.secured(question.address)
        self._refuse_undeclared(url, named_by=question.named_by)
        headers = _conditions(question.known) if question.known and self._visit.holds(question.known) else {}
        return self._with_patience(url, question.body, headers)

    def _kept(self, question: Question, came: _Came) -> Answer:
        if came.status == NOT_MODIFIED and question.known:
            exchange = replace(question.known, address=question.address)
            self._visit.note(exchange)
            return _answer(exchange, self._visit.body(exchange))
        kept = {name: came.headers[name] for name in KEPT_HEADERS if name in came.headers}
        kept |= {name: self.signed.unsigned(kept[name]) for name in kept.keys() & {"location", "link"}}
        exchange = self._visit.keep(
            question.method, question.address, came.body, status=came.status, headers=kept, sent=question.body
        )
        return _answer(exchange, came.body)

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

    def _with_patience(self, url: str, sent: bytes | None, headers: Mapping[str, str]) -> _Came:
        import stamina

        logging.getLogger("stamina").addHandler(_UNSAID)
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
                    return self._signed_in(url, sent, headers, deadline=began + TRYING_S_MAX)
        except _Passing as error:
            asked_for = f", and asks to wait {error.retry_after_s:,.0f} s" if error.retry_after_s else ""
            tried = f"tried {tries} time{'s' if tries != 1 else ''} in {time.monotonic() - began:.1f} s"
            raise self._error(f"{error.url or url} {error}{asked_for}; {tried}", mend=error.mend) from None
        raise AssertionError("retry_context returns or raises")

    def _signed_in(self, url: str, sent: bytes | None, headers: Mapping[str, str], *, deadline: float) -> _Came:
        """One try, with a token where the connection signs in by one; a token that is refused is fetched anew once."""
        self._have_token(deadline=deadline)
        token = self.signed.token
        came = self._once(url, sent, headers, deadline=deadline)
        if came.status == 401 and self.signed.refused(token):
            self._have_token(deadline=deadline)
            came = self._once(url, sent, headers, deadline=deadline)
        return came

    def _have_token(self, *, deadline: float) -> None:
        with self._signing_in:  # of several who need one, one asks
            asked = self.signed.tokens
            if asked is None or not self.signed.needs_token:
                return
            came = self._once(asked.url, None, {}, deadline=deadline, form=asked.form)
            given = _json_object(came.body)
            token, kind = given.get("access_token"), str(given.get("token_type", "bearer"))
            is_token = isinstance(token, str) and token and token.isascii() and token.isprintable()
            if came.status != 200 or not isinstance(token, str) or not is_token or kind.lower() != "bearer":
                said = given.get("error") or (f"a token of type {kind!r}" if token else "no token")
                raise self._error(
                    f"{asked.url} answered {came.status} to signing in: {str(said)[:80]}",
                    mend=f"Look at auth of [connections.{self._connection.name}].",
                )
            lives = str(given.get("expires_in", ""))
            self.signed.accept(token, lives_s=float(lives) if lives.isdigit() else TOKEN_S)

    def _once(
        self,
        url: str,
        sent: bytes | None,
        headers: Mapping[str, str],
        *,
        deadline: float,
        form: Mapping[str, str] | None = None,
    ) -> _Came:
        import httpx

        self._rate.wait()
        method = "GET" if sent is None and form is None else "POST"
        given = {**headers, **({} if sent is None else {"Content-Type": "application/json"})}
        try:
            with self._client.stream(method, url, content=sent, data=form, headers=given) as response:
                self._rate.learn(response.headers)
                if response.status_code in PASSING:
                    raise _Passing(
                        f"answered {response.status_code} {response.reason_phrase}".rstrip(),
                        retry_after_s=_retry_after_s(response.headers),
                        mend="Wait until it is well again, then run again: nothing was lost.",
                        url=url,
                    )
                self._refuse_packed(url, response.headers.get("content-encoding", ""))
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise self._error(
                            f"{url} answers more than {ANSWER_BYTES_MAX:,} bytes at once", mend="Ask for smaller pages."
                        )
                    if time.monotonic() > deadline:
                        raise _Passing("has not finished its answer", mend="Is it overloaded? Ask for smaller pages.")
                return _Came(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=bytes(body),
                )
        except PrivateAddress as error:
            name = self._connection.name
            raise self._error(
                f"{url} was not asked: {error}, a private address behind a public name",
                mend=f"Where that is meant, say private = true in [connections.{name}].",
            ) from None
        except httpx.TimeoutException:
            raise _Passing("did not answer in time", mend="Is it up, and reachable from this machine?") from None
        except httpx.DecodingError as error:
            raise _Passing(
                f"sent an answer that can't be unpacked ({error})", mend="Is a proxy in between broken?"
            ) from None
        except httpx.TransportError as error:
            raise _Passing(
                f"could not be reached ({self.signed.hide(str(error) or type(error).__name__)})",
                mend="Is it up, and reachable from this machine?",
                url=url,
            ) from None
        except (httpx.InvalidURL, UnicodeError):
            raise self._error(f"{url!r} is no address", mend="Look at where the link comes from.") from None

    def _refuse_packed(self, url: str, said: str) -> None:
        """Raise SourceError for an answer that is packed several times or otherwise: a small one could fill memory."""
        packed = [name for name in re.split(r"[,\s]+", said.lower()) if name in PACKED]
        if len(packed) > 1 or not UNPACKED.issuperset(packed):
            raise self._error(
                f"{url} answers packed by {', then '.join(packed)}, which was not asked for",
                mend="Report it to whoever runs the server: gzip, once, is what it was offered.",
            )

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(self.signed.hide(what), asset=self._visit.asset, mend=mend)


class _Passing(Exception):
    """A failure that may pass; its text ends the sentence that the address begins."""

    def __init__(self, what: str, *, mend: str, retry_after_s: float | None = None, url: str = "") -> None:
        super().__init__(what)
        self.mend = mend
        self.retry_after_s = retry_after_s
        self.url = url


@contextmanager
def asking(connection: Connection, visit: Visit) -> Iterator[Asker]:
    """Whoever answers for a visit: the web for a live one, the stored answers for a recorded one."""
    signed = SignIn(connection)
    asker: Asker = Stored(visit, signed) if visit.recorded else Live(connection, visit, signed)
    try:
        yield asker
    finally:
        asker.close()


def _answer(exchange: Exchange, body: bytes) -> Answer:
    return Answer(
        url=exchange.address, status=exchange.status or 200, headers=exchange.headers, body=body, sha=exchange.sha
    )


def _conditions(known: Exchange) -> dict[str, str]:
    """Headers that ask for an answer only where it is another than that one (RFC 9110, section 13)."""
    if known.status != 200:
        return {}
    found = {"If-None-Match": known.headers.get("etag"), "If-Modified-Since": known.headers.get("last-modified")}
    return {name: value for name, value in found.items() if value}


def _json_object(body: bytes) -> dict[str, object]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait. A date is measured by the server's own clock, which it sends along."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None

"""What holds for every request and answer: who asks, from which page, and what a browser may do with the answer."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Mapping, Set
from urllib.parse import quote, urlencode, urlsplit

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pumphouse.errors import PumphouseError, QueryError
from pumphouse.server.access.gate import Visitor
from pumphouse.server.replies import PAGE_METHODS, headers_of, is_page, json_reply, status_of
from pumphouse.server.shared import Shared

OPEN_TO_ALL = ("/surveys/", "/static/", "/health", "/sign-in")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer that does not set its own."""
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_NAMES = frozenset(name for name, _ in _RAW_HEADERS)
NOWHERE: Mapping[str, int] = {}
TITLES = {401: "Who are you?", 403: "Not for you", 404: "Not here", 410: "Gone", 503: "Busy"}

log = logging.getLogger("pumphouse.server")


class Guard:
    """Wraps the application: lets in who may come, and sees to it that whatever goes wrong is said."""

    def __init__(self, app: ASGIApp, *, shared: Shared) -> None:
        self._app = app
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = message.get("headers", ())
                set_already = {name.lower() for name, _ in own}
                unset = _RAW_HEADERS if _NAMES.isdisjoint(set_already) else _without(set_already)
                message["headers"] = [*own, *unset]
            await send(message)

        scope.update(visitor=None, shared=self._shared)
        try:
            answer = await self._stopped(scope)
            await (answer or self._app)(scope, receive, send_guarded)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:  # the outermost edge
            request = Request(scope, receive)
            if started:
                log.exception("%s %s ended halfway", request.method, request.url.path)
                raise
            await self._failed(request, error)(scope, receive, send_guarded)

    async def _stopped(self, scope: Scope) -> Response | None:
        """The answer to a request that does not reach the application; else its visitor is found."""
        headers = headers_of(scope)
        page = scope["method"] in PAGE_METHODS and is_page(Request(scope))
        origin = headers.get(b"origin")
        if origin and scope["method"] not in PAGE_METHODS:
            own = headers.get(b"host")
            if own is None or urlsplit(origin.decode("latin-1")).netloc != own.decode("latin-1"):
                return self._said(Request(scope), 403, "this was sent from a page of another site")
        if scope["path"].startswith(OPEN_TO_ALL):
            return None
        shown = Request(scope).query_params.get("token") if page else None
        if shown is not None:
            if await self._visitor(shown):
                return self._entered(Request(scope), shown)
        else:
            kept = Request(scope).cookies.get(self._shared.cookies.session, "")
            shown = _token_of(headers.get(b"authorization", b""))
            token = shown or kept
            if token and (visitor := await self._visitor(token)):
                scope["visitor"] = visitor
                return None
        mend = (
            "The server printed an address when it started."
            if page
            else "Send a token: Authorization: Bearer TOKEN, or as the password of any user name."
        )
        what = "nobody has this token, or it has ended" if shown else "you are not signed in"
        return self._said(Request(scope), 401, what, mend)

    async def _visitor(self, token: str) -> Visitor | None:
        gate = self._shared.gate
        return gate.seen(token) or await anyio.to_thread.run_sync(gate.visitor, token)

    def _entered(self, request: Request, token: str) -> Response:
        """A page that goes on to where the visitor wanted, without the token in the address.

        A page of ours and no redirect: a browser that comes from elsewhere does not send a strict cookie along one.
        """
        rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "token"])
        path = "/" + quote(request.scope["path"]).lstrip("/")  # what begins with // would be another site's
        address = path + (f"?{rest}" if rest else "")
        headers = {"Set-Cookie": self._shared.cookies.signed_in(token)}
        return self._shared.drawing.page("entered.html", address=address, headers=headers)

    def _failed(self, request: Request, error: Exception) -> Response:
        status = status_of(error) if isinstance(error, PumphouseError) else 500
        if isinstance(error, PumphouseError) and (status < 500 or request.scope["visitor"]):
            if status >= 500:
                log.warning("%s %s: %s", request.method, request.url.path, error)
            return self._said(request, status, error.what, error.mend, at=_place_of(error))
        # What nobody expected, and what a stranger has no business to know.
        incident = secrets.token_hex(4)
        log.error("%s %s failed (%s)", request.method, request.url.path, incident, exc_info=error)
        return self._said(request, status, "something went wrong here", f"The server's log has it under {incident}.")

    def _said(
        self, request: Request, status: int, what: str, mend: str | None = None, *, at: Mapping[str, int] = NOWHERE
    ) -> Response:
        """A page, or JSON `{error, mend}`, that says what went wrong, and `at` which place of what was sent."""
        headers = {"Retry-After": "5"} if status in (429, 503) else {}
        if status == 401:
            headers = {"WWW-Authenticate": _scheme(request)}
        if is_page(request):
            title = TITLES.get(status, "That did not work")
            return self._shared.drawing.page(
                "notice.html",
                status=status,
                headers=headers,
                title=title,
                what=_sentence(what),
                mend=mend,
                sign_in=status == 401,
                provider=self._shared.identity.sign_in.issuer if self._shared.identity else None,
                page=request.url.path,
            )
        answer = json_reply({"error": what, "mend": mend, **at}, status=status)
        answer.headers.update(headers)
        return answer


def _place_of(error: PumphouseError) -> Mapping[str, int]:
    """Where in a search, a condition or a query it is: a character from 0, or a line from 1."""
    if isinstance(error, QueryError):
        return {"position": error.position}
    return {"line": error.place.line} if error.place is not None and error.place.file == "query" else NOWHERE


def _token_of(header: bytes) -> str:
    """The token of the header Authorization; of a name and a password, which is all that Excel can send, the second."""
    scheme, _, sent = header.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return sent.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(sent.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _scheme(request: Request) -> str:
    """How whoever asks may say who they are: a spreadsheet asks for a name and a password, a browser has our page."""
    is_browser = is_page(request) or "sec-fetch-mode" in request.headers
    return "Bearer" if is_browser else 'Basic realm="Pumphouse", charset="UTF-8"'


def _without(names: Set[bytes]) -> list[tuple[bytes, bytes]]:
    return [one for one in _RAW_HEADERS if one[0] not in names]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")

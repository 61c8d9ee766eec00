"""Signing in through an OpenID provider, and out again. Who is signed in has a token of a few hours in a cookie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pumphouse.errors import AccessDenied, UnknownName
from pumphouse.lake.tokens import hash_of
from pumphouse.server.access.identity import Identity
from pumphouse.server.cookies import Attempt, opened, sealed
from pumphouse.server.pace import address_of
from pumphouse.server.shared import Shared, shared

SIGN_IN, SIGNED_IN = "/sign-in", "/sign-in/done"
_CODE_LENGTH_MAX = 4096


def begin(request: Request) -> Response:
    """`/sign-in?page=/`: leads to the provider. What it began with is known to this browser alone."""
    here, identity = shared(request), _identity(request)
    here.pace.hold(address_of(request.scope))
    page = request.query_params.get("page", "/")
    attempt = Attempt(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        page=page if _is_ours(page) else "/",
        at=time.time(),
    )
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    address = identity.address(
        state=attempt.state,
        nonce=attempt.nonce,
        challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        redirect=_redirect(request),
    )
    answer = RedirectResponse(address, status_code=303)
    answer.headers.append("Set-Cookie", here.cookies.attempted(sealed(attempt, key=_key(here))))
    return answer


def end(request: Request) -> Response:
    """`/sign-in/done?code=&state=`: where the provider leads back to. Raises AccessDenied for whom it did not send."""
    here, identity, said = shared(request), _identity(request), request.query_params
    here.pace.hold(address_of(request.scope))
    attempt = opened(request.cookies.get(here.cookies.attempt, ""), key=_key(here))
    if attempt is None or not hmac.compare_digest(said.get("state", "").encode(), attempt.state.encode()):
        raise AccessDenied("this sign-in was not begun in this browser, or too long ago", mend="Begin anew: /sign-in")
    if said.get("iss", identity.sign_in.issuer) != identity.sign_in.issuer:
        raise AccessDenied("this sign-in comes from another provider", mend="Begin anew: /sign-in")
    code = said.get("code", "")
    if not code or len(code) > _CODE_LENGTH_MAX:
        raise AccessDenied(f"{identity.sign_in.issuer} did not sign you in", mend="Begin anew: /sign-in")
    person = identity.person(code=code, verifier=attempt.verifier, nonce=attempt.nonce, redirect=_redirect(request))
    lasts = timedelta(hours=identity.sign_in.hours)
    token = here.project.lake.state.tokens.make(
        person.who, scope=identity.sign_in.scope, lasts=lasts, groups=person.groups, signed_in=True
    )
    # A page of ours and no redirect: from elsewhere, a browser does not send a strict cookie along one.
    answer = here.drawing.page("entered.html", address=attempt.page)
    answer.headers.append("Set-Cookie", here.cookies.signed_in(token, age_s=int(lasts.total_seconds())))
    answer.headers.append("Set-Cookie", here.cookies.attempted(""))
    return answer


def leave(request: Request) -> Response:
    """`POST /sign-out`: the browser forgets its token; one that a sign-in made is worth nothing any more."""
    here = shared(request)
    token = request.cookies.get(here.cookies.session, "")
    if token:
        here.gate.leave(hash_of(token))
    answer = here.drawing.page(
        "notice.html", title="Signed out", what="You are signed out.", mend=None, sign_in=True, page="/",
        provider=here.identity.sign_in.issuer if here.identity else None,
    )  # fmt: skip
    answer.headers.append("Set-Cookie", here.cookies.signed_out())
    return answer


def _identity(request: Request) -> Identity:
    identity = shared(request).identity
    if identity is None:
        raise UnknownName(f"nothing is at {request.url.path}")
    return identity


def _redirect(request: Request) -> str:
    """The address of `end` as the provider knows it."""
    identity = _identity(request)
    base = identity.sign_in.address or f"{request.url.scheme}://{request.url.netloc}"
    return base.rstrip("/") + SIGNED_IN


def _key(here: Shared) -> bytes:
    return here.project.lake.state.tokens.secret("sign-in")


def _is_ours(page: str) -> bool:
    """Whether an address leads to a page of this server, and not to another that begins like one."""
    return page.startswith("/") and not page.startswith(("//", "/\\")) and page.isprintable()

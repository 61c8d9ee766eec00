"""What an ID token has to say before anybody is let in by it."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from pumphouse.errors import AccessDenied
from pumphouse.project.config import SignIn
from pumphouse.server.access import identity as module
from pumphouse.server.access.identity import Identity, Person, is_private_enough

KEY, OTHER_KEY = (RSAKey.generate_key(2048, parameters={"kid": kid}, private=True) for kid in ("a", "b"))
EC = ECKey.generate_key("P-256", parameters={"kid": "ec"}, private=True)
SECRET = "a secret that both know, of 32 bytes"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """A provider that says what a test has it say."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.about: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.key: Any = KEY
        self.published: list[Any] = [KEY, EC]
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "a"}
        self.form = ""

    def answer(self, path: str, form: str) -> tuple[int, Any]:
        match path:
            case "/.well-known/openid-configuration":
                ends = {f"{end}_endpoint": f"{self.issuer}/{end}" for end in ("authorization", "token", "userinfo")}
                return 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **ends, **self.about}
            case "/jwks":
                odd = {"kty": "oct", "k": "AAAA"}, {"kty": "new", "use": "sig"}
                return 200, {"keys": [*KeySet(self.published).as_dict(private=False)["keys"], *odd]}
            case "/token":
                self.form = form
                return 200, {"id_token": self._id_token(), "access_token": "access"}
            case "/userinfo" if self.userinfo is not None:
                return 200, self.userinfo
        return 404, {"error": "not_here"}

    def _id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "pumphouse", "sub": "1", "exp": now + 60, "iat": now, "nonce": "n",
            "email": "ann@shop.example", "groups": ["staff"], **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if not isinstance(self.key, RSAKey | ECKey):
            text = ".".join(base64url(json.dumps(part).encode()) for part in (self.header, claims))
            return f"{text}.{base64url(hmac.digest(self.key, text.encode(), 'sha256')) if self.key else ''}"
        return jwt.encode(self.header, claims, self.key, algorithms=[self.header["alg"]])


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, said = made.answer(self.path, self.rfile.read(length).decode())
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the name that the library looks for

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Provider(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def identity(provider: Provider) -> Identity:
    return Identity(SignIn(issuer=provider.issuer, client_id="pumphouse", client_secret=SECRET))


def person(identity: Identity) -> Person:
    return identity.person(code="c", verifier="v", nonce="n", redirect="http://127.0.0.1/sign-in/done")


@pytest.mark.parametrize(("key", "header"), [(KEY, {"alg": "RS256", "kid": "a"}), (EC, {"alg": "ES256", "kid": "ec"})])
def test_a_token_of_the_provider_says_who_it_is(
    identity: Identity, provider: Provider, key: Any, header: dict[str, Any]
) -> None:
    provider.key, provider.header = key, header
    assert person(identity) == Person(who="ann@shop.example", groups=("staff",))
    assert "code_verifier=v" in provider.form
    provider.claims = {"groups": "one", "aud": ["pumphouse", "api"], "azp": "pumphouse"}
    assert person(identity).groups == ("one",)
    provider.claims = {"groups": {"odd": 1}}
    assert person(identity).groups == ()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": ["pumphouse", "api"], "azp": "api"},
        {"aud": ["pumphouse", "api"]},
        {"azp": "api"},
        {"aud": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"email": None},
        {"email": ""},
        {"email": ["ann@shop.example"]},
        {"email": "ann@shop.example\n"},
        {"email": "a" * 201},
        {"email_verified": False},
    ],
)
def test_a_token_that_was_not_made_for_this_sign_in_lets_nobody_in(
    identity: Identity, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    with pytest.raises(AccessDenied):
        person(identity)


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (OTHER_KEY, {"alg": "RS256", "kid": "a"}),
        (OTHER_KEY, {"alg": "RS256", "kid": "b"}),
        (OTHER_KEY, {"alg": "RS256"}),
        (SECRET.encode(), {"alg": "HS256"}),
        (KEY.as_pem(private=False), {"alg": "HS256", "kid": "a"}),  # what everybody knows of its key, as a secret
        (None, {"alg": "none"}),
    ],
)
def test_a_token_that_another_signed_lets_nobody_in(
    identity: Identity, provider: Provider, key: Any, header: dict[str, Any]
) -> None:
    provider.key, provider.header = key, header
    with pytest.raises(AccessDenied, match="signature"):
        person(identity)


def test_keys_that_the_provider_changed_are_fetched_anew(
    identity: Identity, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(identity)
    provider.key, provider.header, provider.published = OTHER_KEY, {"alg": "RS256", "kid": "b"}, [OTHER_KEY]
    with pytest.raises(AccessDenied):  # they were fetched just now, and whoever sends tokens may not have us ask again
        person(identity)
    monkeypatch.setattr(module, "KEYS_AGAIN_S", 0.0)
    assert person(identity).who == "ann@shop.example"


def test_what_the_token_leaves_out_is_asked_of_the_provider(identity: Identity, provider: Provider) -> None:
    provider.claims = {"email": None, "groups": None}
    provider.userinfo = {"sub": "1", "email": "ann@shop.example", "groups": ["staff", 7]}
    assert person(identity) == Person(who="ann@shop.example", groups=("staff",))
    provider.userinfo = {"sub": "2", "email": "eve@shop.example"}
    with pytest.raises(AccessDenied, match="of somebody else"):
        person(identity)


def says(**about: Any) -> Callable[[Provider], None]:
    return lambda provider: provider.about.update(about)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (says(issuer="http://127.0.0.1:9"), "calls itself"),
        (says(token_endpoint="http://shop.example/token"), "token_endpoint"),
        (says(jwks_uri="file:///etc/passwd"), "jwks_uri"),
        (lambda provider: provider.published.clear(), "signature|keys"),
    ],
)
def test_a_provider_that_is_not_what_it_should_be_signs_nobody_in(
    identity: Identity, provider: Provider, change: Callable[[Provider], None], why: str
) -> None:
    change(provider)
    with pytest.raises(AccessDenied, match=why):
        person(identity)


def test_a_provider_that_is_not_there_is_told() -> None:
    identity = Identity(SignIn(issuer="http://127.0.0.1:9", client_id="pumphouse"))
    with pytest.raises(AccessDenied, match="can't be reached"):
        person(identity)


@pytest.mark.parametrize(
    ("url", "is_private"),
    [
        ("https://id.example/token", True),
        ("http://id.example/token", False),
        ("http://127.0.0.1:80/token", False),
        ("ftp://127.0.0.1/", False),
    ],
)
def test_secrets_go_over_tls_or_stay_on_this_machine(url: str, is_private: bool) -> None:
    assert is_private_enough(url, issuer="https://id.example") is is_private
    assert is_private_enough("http://localhost:1/x", issuer="http://127.0.0.1:2")

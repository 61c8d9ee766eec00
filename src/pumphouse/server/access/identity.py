"""Whoever signs in at an OpenID provider: the authorization code flow with PKCE, and what its ID token has to say.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; OpenID Connect Discovery 1.0; RFC 7636; RFC 9207.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from pumphouse.errors import AccessDenied
from pumphouse.project.config import SignIn
from pumphouse_client.http import is_loopback

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures with a key that only the provider has. None at all, and those with our own secret, are no proof."""
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
KEPT_S = 3600.0
"""How long what a provider says of itself is believed."""
KEYS_AGAIN_S = 60.0
"""How long keys are kept though a token is signed with another."""
TURN_S = 2.0
"""How long somebody waits for another who asks the provider just now."""
REST_S = 10.0
"""How long a provider that did not answer is not asked again: whoever comes meanwhile holds no thread."""
LEEWAY_S = 60
"""How far two clocks may be apart."""
GROUPS_MAX = 500
NAME_LENGTH_MAX = 200

log = logging.getLogger("pumphouse.server")
_Json = Mapping[str, Any]  # as the provider says


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signed in, and the groups in which the provider has them."""

    who: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a provider says of itself, and when it did."""

    about: _Json
    keys: KeySet
    at: float


class Identity:
    """An OpenID provider. Used from many threads at once."""

    def __init__(self, sign_in: SignIn) -> None:
        self.sign_in = sign_in
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._failed_at = float("-inf")

    def address(self, *, state: str, nonce: str, challenge: str, redirect: str) -> str:
        """Where a browser goes to sign in. Raises AccessDenied where the provider can't be reached."""
        asked = {
            "response_type": "code",
            "client_id": self.sign_in.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(dict.fromkeys(("openid", *self.sign_in.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def person(self, *, code: str, verifier: str, nonce: str, redirect: str) -> Person:
        """Who came back with this code. Raises AccessDenied where that can't be told, or they may not come in."""
        answer = self._tokens(code=code, verifier=verifier, redirect=redirect)
        claims = self._claims(str(answer.get("id_token", "")), nonce=nonce)
        wanted = (self.sign_in.people_claim, self.sign_in.groups_claim)
        access_token = answer.get("access_token")
        if access_token and "userinfo_endpoint" in self._provider().about and any(one not in claims for one in wanted):
            told = self._asked("GET", self._endpoint("userinfo_endpoint"), bearer=str(access_token))
            if told.get("sub") != claims["sub"]:
                raise self._refused("what it says of the person is of somebody else")
            claims = {**told, **claims}
        return self._admitted(claims)

    def _admitted(self, claims: _Json) -> Person:
        name = self.sign_in.people_claim
        who = claims.get(name)
        if not isinstance(who, str) or not who or len(who) > NAME_LENGTH_MAX or not who.isprintable():
            raise self._refused(f"it does not say '{name}' of whoever signs in")
        if name == "email" and claims.get("email_verified") is False:
            raise self._refused("it does not vouch for the mail address")
        domains = self.sign_in.domains
        if domains and (name != "email" or who.rpartition("@")[2].lower() not in {one.lower() for one in domains}):
            raise AccessDenied(
                f"you are signed in as {who}, and may not come in here", mend="Sign in as somebody else."
            )
        groups = claims.get(self.sign_in.groups_claim, ())
        found = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Person(who=who, groups=tuple(one for one in found if isinstance(one, str) and one)[:GROUPS_MAX])

    def _tokens(self, *, code: str, verifier: str, redirect: str) -> _Json:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        client, secret = self.sign_in.client_id, self.sign_in.client_secret
        basic = None
        if secret is None:
            form["client_id"] = client
        elif "client_secret_basic" in self._provider().about.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            basic = quote(client, safe=""), quote(secret, safe="")
        else:
            form |= {"client_id": client, "client_secret": secret}
        return self._asked("POST", self._endpoint("token_endpoint"), form=form, basic=basic)

    def _claims(self, id_token: str, *, nonce: str) -> _Json:
        """What an ID token says, once all of it was looked at that it has to say."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.sign_in.issuer},
            aud={"essential": True, "value": self.sign_in.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        for keys in self._keys():
            try:
                claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
                break
            except (JoseError, ValueError) as error:
                failed = error
        else:
            raise self._refused("the signature of its ID token is not its own", failed)
        try:
            rules.validate(claims)
        except JoseError as error:
            raise self._refused("its ID token is not for this sign-in", error) from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.sign_in.client_id) != self.sign_in.client_id:
            raise self._refused("its ID token was made for another client")
        return claims

    def _keys(self) -> tuple[KeySet, ...]:
        """The provider's keys as they are known; and anew where those are not just fetched, for it may change them."""
        known = self._provider()
        if time.monotonic() - known.at < KEYS_AGAIN_S:
            return (known.keys,)
        return known.keys, self._provider(newer_than=known.at).keys

    def _endpoint(self, name: str) -> str:
        endpoint = self._provider().about.get(name)
        if not isinstance(endpoint, str) or not is_private_enough(endpoint, issuer=self.sign_in.issuer):
            raise self._refused(f"its {name} is '{endpoint}'")
        return endpoint

    def _provider(self, *, newer_than: float = float("-inf")) -> _Known:
        if (known := self._newer(newer_than)) is not None:
            return known
        if time.monotonic() - self._failed_at < REST_S or not self._lock.acquire(timeout=TURN_S):
            raise self._refused("it has not answered yet")
        try:
            if (known := self._newer(newer_than)) is None:
                known = self._known = self._fetched()
        except AccessDenied:
            self._failed_at = time.monotonic()
            raise
        finally:
            self._lock.release()
        return known

    def _newer(self, than: float) -> _Known | None:
        known = self._known
        is_new = known is not None and known.at > than and time.monotonic() - known.at <= KEPT_S
        return known if is_new else None

    def _fetched(self) -> _Known:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        issuer = self.sign_in.issuer
        about = self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer:
            raise self._refused(f"it calls itself '{about.get('issuer')}'")
        jwks = about.get("jwks_uri")
        if not isinstance(jwks, str) or not is_private_enough(jwks, issuer=issuer):
            raise self._refused(f"its jwks_uri is '{jwks}'")
        said = self._asked("GET", jwks).get("keys", [])
        public = [one for one in said if one.get("kty") in ("RSA", "EC", "OKP") and one.get("use", "sig") == "sig"]
        try:
            keys = KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError) as error:
            raise self._refused("its keys can't be read", error) from error
        return _Known(about=about, keys=keys, at=time.monotonic())

    def _asked(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
    ) -> _Json:
        """The provider's answer as JSON. Raises AccessDenied where it does not give one."""
        import httpx

        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
                client.stream(method, url, data=form, headers=headers, auth=basic) as answer,
            ):
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        raise self._refused("it answers without end")
        except httpx.HTTPError as error:
            raise self._refused("it can't be reached", error) from error
        try:
            said = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self._refused(f"it answers {answer.status_code} and no JSON", error) from error
        if answer.status_code != httpx.codes.OK:
            raise self._refused(f"it answers {answer.status_code}", said.get("error"))
        return said

    def _refused(self, why: str, detail: object = None) -> AccessDenied:
        """What the browser is told, which is not all that the log is."""
        log.warning("sign-in at %s: %s%s", self.sign_in.issuer, why, f" ({detail})" if detail else "")
        return AccessDenied(f"you could not be signed in at {self.sign_in.issuer}: {why}", mend="Try it once more.")


def is_private_enough(url: str, *, issuer: str) -> bool:
    """Whether an address is asked over TLS, or stays on this machine as its issuer does."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and is_loopback(parts.hostname or "") and is_loopback(urlsplit(issuer).hostname or "")

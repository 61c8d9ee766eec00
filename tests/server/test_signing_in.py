"""Signing in at a real OpenID provider, and out again."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.server.conftest import TOKEN, make_shop, running
from tests.server.test_browser import Browser

from pumphouse.declare.grants import grant_spec
from pumphouse.project.config import SignIn

FOLDER = Path(__file__).parent / "identity"
PAGE = {"Accept": "text/html"}
PEOPLE = {
    "ann": {"email": "ann@shop.example", "email_verified": True, "groups": ["analysts", "not-declared"]},
    "eve": {"email": "eve@elsewhere.example", "email_verified": True},
    "mal": {"email": "mal@shop.example", "email_verified": False},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of a shop that has people sign in at a provider: (shop, serving)."""
    if shutil.which("node") is None or not (FOLDER / "node_modules").exists():
        pytest.skip("`make test` fetches the provider from npm")
    issuer, port = f"http://localhost:{free_port()}", free_port()
    settings = {
        "ISSUER": issuer,
        "PEOPLE": json.dumps(PEOPLE),
        "REDIRECT": f"http://127.0.0.1:{port}/sign-in/done",
        "CLIENT_SECRET": "a secret/of + the client",
    }
    provider = subprocess.Popen(
        ["node", str(FOLDER / "provider.mjs")],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert provider.stdout is not None
    assert any(line.strip() == "ready" for line in provider.stdout)
    shop = make_shop(tmp_path_factory.mktemp("signing_in") / "project")
    shop.groups = {"analysts": ()}
    shop.declare("g", "grant", "orders", spec=grant_spec("orders", to="analysts", rows="order_id <= 3"))
    shop.sign_in = SignIn(
        issuer=issuer,
        client_id="pumphouse",
        client_secret=settings["CLIENT_SECRET"],
        scopes=("email", "groups"),
        domains=("shop.example",),
    )
    serving, thread = running(shop, port=port)
    yield shop, serving
    serving.stop()
    thread.join(20)
    shop.lake.close()
    provider.terminate()
    provider.communicate(timeout=20)


@pytest.fixture
def browser(shop: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop[1].url, headers=PAGE, timeout=20) as client:
        yield client


def goes_to(answer: httpx.Response) -> str:
    return str(answer.headers["location"])


def signs_in(browser: httpx.Client, person: str, *, page: str = "/") -> str:
    """The address with which the provider sends somebody back, who has filled in its forms."""
    answer = browser.get("/sign-in", params={"page": page})
    assert answer.status_code == 303
    for _ in range(12):
        if answer.is_redirect:
            address = answer.url.join(goes_to(answer))
            if address.path == "/sign-in/done":
                return str(address)
            answer = browser.get(address)
            continue
        form = re.search(r'action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert form, answer.text
        assert prompt, answer.text
        fields = {"prompt": prompt[1], **({"login": person, "password": "x"} if prompt[1] == "login" else {})}
        answer = browser.post(answer.url.join(form[1]), data=fields)
    raise AssertionError("the provider asks without end")


def test_somebody_signs_in_sees_what_their_groups_may_and_signs_out(shop: Any, browser: httpx.Client) -> None:
    made, serving = shop
    unknown = browser.get("/assets/orders")
    assert unknown.status_code == 401
    assert 'href="/sign-in?page=/assets/orders"' in unknown.text
    back = signs_in(browser, "ann", page="/assets/orders")
    entered = browser.get(back)
    assert 'url=/assets/orders"' in entered.text
    session, forgotten = entered.headers.get_list("set-cookie")
    assert all(word in session for word in ("HttpOnly", "SameSite=Strict", "Path=/;", f"Max-Age={12 * 3600}"))
    assert "Max-Age=0" in forgotten
    page = browser.get("/assets/orders")
    assert page.status_code == 200
    assert "You are ann@shop.example" in page.text
    assert "order_id" in page.text
    rows = browser.get("/api/tables/orders/rows", headers={"Accept": "application/json"}).json()["rows"]
    assert len(rows) == 3
    (token,) = [one for one in made.lake.state.tokens.good() if one.who == "ann@shop.example"]
    assert (token.scope, token.signed_in, token.groups) == ("read", True, ("analysts", "not-declared"))
    # The way back is good once.
    assert browser.get(back).status_code == 403
    name = f"pumphouse-{urlsplit(serving.url).port}"
    kept = {name: browser.cookies[name]}
    left = browser.post("/sign-out", headers={"Origin": serving.url})
    assert "You are signed out." in left.text
    assert browser.get("/").status_code == 401
    stolen = httpx.get(serving.url, headers=PAGE, cookies=kept)
    assert stolen.status_code == 401


def test_signing_out_takes_nobody_the_token_they_were_given(shop: Any, browser: httpx.Client) -> None:
    made, serving = shop
    token = made.lake.state.make_token("kim", scope="read")
    browser.get("/", params={"token": token})
    assert "You are kim" in browser.get("/").text
    assert browser.get("/sign-out").status_code == 405
    assert browser.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
    browser.post("/sign-out")
    assert browser.get("/").status_code == 401
    assert httpx.get(serving.url, headers={**PAGE, "Authorization": f"Bearer {token}"}).status_code == 200
    assert httpx.get(serving.url, headers={**PAGE, "Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    ("person", "why"),
    [("eve", "signed in as eve@elsewhere.example, and may not come in here"), ("mal", "does not vouch for the mail")],
)
def test_whom_the_provider_knows_may_still_not_come_in(person: str, why: str, browser: httpx.Client) -> None:
    answer = browser.get(signs_in(browser, person))
    assert answer.status_code == 403
    assert why in answer.text
    assert browser.get("/").status_code == 401


def test_a_way_back_that_began_in_another_browser_signs_nobody_in(shop: Any, browser: httpx.Client) -> None:
    back = signs_in(browser, "ann")
    with httpx.Client(base_url=shop[1].url, headers=PAGE) as other:
        answer = other.get(back)
        assert answer.status_code == 403
        assert "not begun in this browser" in answer.text
        other.get("/sign-in")  # one of its own, with another state
        assert other.get(back).status_code == 403
        assert other.get("/").status_code == 401
    assert browser.get(f"{back}&iss=https://evil.example").status_code == 403
    forged = re.sub(r"code=[^&]+", "code=made-up", back)
    assert "could not be signed in" in browser.get(forged).text


def test_signing_in_leads_to_no_page_of_others_and_asks_with_a_challenge(shop: Any, browser: httpx.Client) -> None:
    made, _ = shop
    for page in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"):
        entered = browser.get(signs_in(browser, "ann", page=page))
        assert 'url=/"' in entered.text
    asked = parse_qs(urlsplit(goes_to(browser.get("/sign-in"))).query)
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert asked["scope"] == ["openid email groups"]
    assert made.sign_in.client_secret not in repr(made.sign_in)


@pytest.mark.browser
def test_a_browser_comes_back_from_the_other_site_signed_in(shop: Any, chromium: str, tmp_path: Path) -> None:
    _, serving = shop
    browser = Browser(chromium, tmp_path)
    try:
        tab = browser.tab(f"{serving.url}/assets/orders")
        tab.click("a[href^='/sign-in']")
        tab.type("input[name=login]", "ann")
        tab.type("input[name=password]", "x")
        tab.click("button[type=submit]")
        tab.wait("document.querySelector('input[name=prompt][value=consent]')")
        tab.click("button[type=submit]")
        tab.wait("document.body?.innerText.includes('You are ann@shop.example')")
        assert tab.run("location.pathname") == "/assets/orders"
        tab.click("form[action='/sign-out'] button")
        tab.wait("document.body?.innerText.includes('You are signed out.')")
        tab.go(f"{serving.url}/assets/orders")
        tab.wait("document.querySelector('input[name=token]')")
    finally:
        browser.close()

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pumphouse.server.cookies import Cookies

PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/assets/orders",
        "/runs",
        "/snapshots",
        "/catalog",
        "/reports/weekly",
        "/api/tables",
        "/api/tables/orders/rows",
        "/nowhere",
    ],
)
def test_nothing_is_shown_without_a_token(path: str, served: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "pumphouse-1=wrong"}):
        answer = served.stranger.get(path, headers=headers)
        assert answer.status_code == 401
        is_shown = "Authorization" in headers
        assert answer.json()["error"] == (
            "nobody has this token, or it has ended" if is_shown else "you are not signed in"
        )
    assert served.stranger.post("/predict/returns_live", json={"customer_id": 1}).status_code == 401


def test_stranger_in_a_browser_is_asked_for_a_token(served: Any) -> None:
    answer = served.stranger.get("/runs?token=wrong", headers=PAGE)
    assert answer.status_code == 401
    assert 'name="token"' in answer.text
    assert "wrong" not in answer.text


def test_token_in_the_address_becomes_a_strict_cookie_and_leaves_the_address(served: Any) -> None:
    with httpx.Client(base_url=served.url, timeout=20) as browser:
        entered = browser.get(f"/assets/orders?token={served.serving.token}&x=1", headers=PAGE)
        cookie = entered.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/", "pumphouse-"))
        assert 'url=/assets/orders?x=1"' in entered.text
        assert served.serving.token not in entered.text
        assert browser.get("/assets/orders", headers=PAGE).status_code == 200


def test_cookie_is_for_tls_only_where_there_is_tls(served: Any) -> None:
    assert Cookies(port=1, secure=True).signed_in("x").endswith("; Secure")
    assert "Secure" not in Cookies(port=1, secure=False).signed_in("x")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_post_from_another_site_is_refused(origin: str, served: Any) -> None:
    for path, client in (("/predict/returns_live", served.owner), ("/surveys/exit_survey/answers", served.stranger)):
        answer = client.post(path, json={}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "another site" in answer.json()["error"]


def test_post_from_our_own_page_is_taken(served: Any) -> None:
    answer = served.owner.post("/predict/returns_live", json={"customer_id": 1}, headers={"Origin": served.url})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/assets/orders", "/surveys/exit_survey", "/assets/unknown", "/api/tables"])
def test_every_answer_carries_the_security_headers(path: str, served: Any) -> None:
    headers = served.owner.get(path, headers=PAGE).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_error_says_what_and_how_to_mend(served: Any) -> None:
    answer = served.owner.get("/api/tables/ordes/rows")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("the lake has no table 'ordes'")
    assert answer.json()["mend"] == "Did you mean 'orders'?"
    page = served.owner.get("/assets/ordes", headers=PAGE)
    assert page.status_code == 404
    assert "Did you mean &#39;orders&#39;?" in page.text


def test_what_nobody_expected_is_logged_and_not_told(
    served: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(type(served.shop), "stale", lambda self: 1 / 0)
    answer = served.owner.get("/")
    assert answer.status_code == 500
    assert "division" not in answer.text
    incident = answer.json()["mend"].rstrip(".").rpartition(" ")[2]
    assert incident in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_scope_of_a_token_is_heeded(served: Any) -> None:
    token = served.shop.lake.state.make_token("caller", scope="predict")
    headers = {"Authorization": f"Bearer {token}"}
    assert served.stranger.get("/api/tables/orders/rows", headers=headers).status_code == 403
    assert served.stranger.get("/api/tables", headers=headers).status_code == 403
    assert served.stranger.get("/", headers=headers).status_code == 403
    assert served.stranger.post("/predict/returns_live", json={"customer_id": 1}, headers=headers).status_code == 200


def test_a_token_comes_as_the_password_of_whoever_can_send_only_that(served: Any) -> None:
    """Excel, Power Query, `read.csv(url)`: they know names and passwords."""
    token = served.serving.token
    with httpx.Client(base_url=served.url, timeout=20) as client:
        assert client.get("/api/tables/orders.csv", auth=("anybody", token)).status_code == 200
        for wrong in ((token, ""), ("anybody", "wrong"), ("anybody", f"{token}:")):
            assert client.get("/api/tables/orders.csv", auth=wrong).status_code == 401
        for header in ("Basic", "Basic %", "Basic w7zDvA", f"Basic {token}", "Basic /w=="):
            assert client.get("/api/tables/orders.csv", headers={"Authorization": header}).status_code == 401


def test_only_what_is_no_browser_is_asked_for_a_password(served: Any) -> None:
    asked = served.stranger.get("/api/tables/orders.csv").headers["www-authenticate"]
    assert asked.startswith("Basic ")
    for browser in (PAGE, {"Sec-Fetch-Mode": "cors"}):
        answer = served.stranger.get("/api/tables/orders.csv", headers=browser)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

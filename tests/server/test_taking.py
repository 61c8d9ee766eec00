"""Who may answer a survey, until when and how often; what is taken back; what somebody else types in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
import pytest

from pumphouse.project.reading import Reader
from pumphouse.server.pace import AT_ONCE_MAX, Pace, address_of
from pumphouse.server.replies import TooMany
from pumphouse.server.sheets import closing
from pumphouse.sources.surveys.events import WITHDRAWN, AnswerEvent, decode
from pumphouse.sources.surveys.invitations import answer_id, invite, invited

GOOD = {"reason": "price", "recommend": 9}


def key() -> str:
    return uuid.uuid4().hex


def send(client: httpx.Client, survey: str, client_key: str, answers: Any = GOOD, **body: Any) -> httpx.Response:
    return client.post(f"/surveys/{survey}/answers", json={"client_key": client_key, "answers": answers, **body})


def kept(served: Any, survey: str, client_key: str) -> AnswerEvent | None:
    id = answer_id(survey, client_key)
    body = served.shop.lake.state.bodies(f"survey/{survey}", [id]).get(id)
    return decode(body) if body else None


def page(served: Any, address: str) -> httpx.Response:
    answer: httpx.Response = served.stranger.get(address, headers={"Accept": "text/html"})
    return answer


def test_why_a_question_has_no_answer_is_kept_beside_the_answers(served: Any) -> None:
    respondent = key()
    sent = send(served.stranger, "exit_survey", respondent, cleared=["visits"], began_at="2026-05-01T10:00:00Z")
    assert sent.status_code == 200
    event = kept(served, "exit_survey", respondent)
    assert event is not None
    assert event.marks == {"better": "hidden", "bought": "skipped", "visits": "cleared", "may_contact": "skipped"}
    assert event.began_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert (event.mode, event.by, event.invitation, event.consent) == ("self", None, None, None)


def test_key_of_a_respondent_is_kept_nowhere(served: Any) -> None:
    respondent = key()
    assert send(served.stranger, "exit_survey", respondent).status_code == 200
    events = served.shop.lake.state.events("survey/exit_survey")
    assert all(respondent not in event.key + event.body for event in events)


def test_answers_without_agreement_are_refused_and_what_was_agreed_to_is_kept(served: Any) -> None:
    file = served.shop.folder / "consent.md"
    before = file.read_text()
    shown = hashlib.sha256(before.encode()).hexdigest()
    text = page(served, "/surveys/asked_first").text
    assert shown in text
    assert "We read it." in text
    for consent in ({}, {"consent": "0" * 64}, {"consent": hashlib.sha256(b"other").hexdigest()}):
        refused = send(served.stranger, "asked_first", key(), **consent)
        assert refused.status_code == 400
        assert "nobody agreed" in refused.json()["error"]
    try:
        file.write_text("Something else.")
        respondent = key()
        assert send(served.stranger, "asked_first", respondent, consent=shown).status_code == 200  # as it was shown
    finally:
        file.write_text(before)
    event = kept(served, "asked_first", respondent)
    assert event is not None
    assert event.consent == shown
    assert served.shop.lake.blobs.get(shown).decode() == before


def test_only_who_was_invited_answers_and_once(served: Any) -> None:
    state = served.shop.lake.state
    (link,) = invite(state, "invited_only", [{"name": "Ada"}])
    text = page(served, "/surveys/invited_only").text
    assert "recommend" not in text  # what it asks is for those who were invited
    opened = served.stranger.post("/surveys/invited_only/open", json={"client_key": link})
    assert opened.json()["status"] == "open"
    assert opened.json()["survey"]["title"] == "Before you go"
    assert served.stranger.post("/surveys/invited_only/open", json={"client_key": key()}).status_code == 403
    assert send(served.stranger, "invited_only", key()).status_code == 403
    assert send(served.stranger, "invited_only", link, {}).status_code == 422  # and may go on
    assert send(served.stranger, "invited_only", link).status_code == 200
    assert send(served.stranger, "invited_only", link).status_code == 200
    assert send(served.stranger, "invited_only", link, {"reason": "delivery"}).status_code == 409
    opened = served.stranger.post("/surveys/invited_only/open", json={"client_key": link})
    assert opened.json() == {"status": "sent"}
    *_, (_, ada, is_answered) = invited(state, "invited_only")
    event = kept(served, "invited_only", link)
    assert event is not None
    assert (ada.to, is_answered, event.invitation) == ({"name": "Ada"}, True, ada.id)


def test_link_is_drawn_at_random_and_only_its_hash_is_kept(served: Any) -> None:
    links = invite(served.shop.lake.state, "nobody", [{}] * 50)
    assert len(set(links)) == 50
    assert all(re.fullmatch(r"[\w-]{24}", link) for link in links)
    stored = [event.key + event.body for event in served.shop.lake.state.events("survey/nobody/invitations")]
    assert not any(link in text for link in links for text in stored)


def test_closed_survey_says_so_kindly_and_takes_nothing_but_what_it_has(served: Any) -> None:
    answer = page(served, "/surveys/closed_survey")
    assert answer.status_code == 410
    assert "This survey is closed." in answer.text
    assert "until Sunday, 31 May 2026." in answer.text
    assert "recommend" not in answer.text
    respondent = key()
    refused = send(served.stranger, "closed_survey", respondent)
    assert refused.status_code == 410
    assert kept(served, "closed_survey", respondent) is None


def test_answer_kept_in_time_is_acknowledged_after_the_survey_closed(served: Any) -> None:
    asset = served.shop.assets["exit_survey"]
    respondent = key()
    assert send(served.stranger, "exit_survey", respondent).status_code == 200
    served.shop.assets["exit_survey"] = served.shop.assets["closed_survey"]
    file = served.shop.folder / "surveys" / "exit.json"
    try:
        os.utime(file, ns=(1, 1))  # read anew
        assert send(served.stranger, "exit_survey", respondent).status_code == 200
        assert send(served.stranger, "exit_survey", key()).status_code == 410
    finally:
        served.shop.assets["exit_survey"] = asset
        file.touch()


def test_quota_is_kept_exactly_however_many_send_at_once(served: Any) -> None:
    respondents = [key() for _ in range(25)]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda one: send(served.stranger, "five_answers", one), respondents))
    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [410] * 20
    assert page(served, "/surveys/five_answers").status_code == 410
    inside = [one for one, reply in zip(respondents, replies, strict=True) if reply.status_code == 200]
    assert send(served.stranger, "five_answers", inside[0]).status_code == 200  # it is kept already
    withdrawn = served.stranger.post("/surveys/five_answers/withdraw", json={"client_key": inside[0]})
    assert withdrawn.status_code == 200
    assert send(served.stranger, "five_answers", key()).status_code == 200
    assert send(served.stranger, "five_answers", key()).status_code == 410


def test_answers_taken_back_are_gone_from_every_scan_at_once(served: Any) -> None:
    shop, respondent, other = served.shop, key(), key()
    ids = [answer_id("exit_survey", one) for one in (respondent, other)]
    for one in (respondent, other):
        assert send(served.stranger, "exit_survey", one).status_code == 200
    shop.fill("answers_copy", pa.table({"answer_id": ids, "reason": ["price", "price"]}))
    for _ in range(2):  # again is as well
        answer = served.stranger.post("/surveys/exit_survey/withdraw", json={"client_key": respondent})
        assert answer.json() == {"status": "withdrawn"}
    rows = Reader(lake=shop.lake, who="ada", door="test").sql("SELECT answer_id FROM answers_copy").to_arrow()
    assert rows.column("answer_id").to_pylist() == [ids[1]]
    body = shop.lake.state.bodies("survey/exit_survey", [ids[0] + WITHDRAWN])[ids[0] + WITHDRAWN]
    assert decode(body).withdrawn == ids[0]
    assert send(served.stranger, "exit_survey", respondent).status_code == 410
    assert served.stranger.post("/surveys/exit_survey/withdraw", json={"client_key": key()}).status_code == 404
    assert served.stranger.post("/surveys/exit_survey/withdraw", json={"client_key": ids[1]}).status_code == 404


@pytest.fixture
def interviewer(served: Any) -> Iterator[httpx.Client]:
    token = served.shop.lake.state.make_token("ines", scope="interview")
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        yield client


def test_what_an_interviewer_types_in_is_kept_with_who_and_when(served: Any, interviewer: httpx.Client) -> None:
    respondent = key()
    body = {"client_key": respondent, "answers": GOOD, "mode": "paper", "given_at": "2026-04-30T12:00:00Z"}
    assert served.stranger.post("/interviews/exit_survey/answers", json=body).status_code == 401
    reader = served.shop.lake.state.make_token("rita", scope="read")
    as_reader = {"Authorization": f"Bearer {reader}"}
    assert served.stranger.post("/interviews/exit_survey/answers", json=body, headers=as_reader).status_code == 403
    assert interviewer.get("/interviews/exit_survey").status_code == 200
    assert interviewer.post("/interviews/exit_survey/answers", json=body).status_code == 200
    event = kept(served, "exit_survey", respondent)
    assert event is not None
    assert (event.mode, event.by, event.given_at) == ("paper", "ines", datetime(2026, 4, 30, 12, tzinfo=UTC))
    ahead = interviewer.post("/interviews/exit_survey/answers", json={**body, "given_at": "2999-01-01T00:00:00Z"})
    assert ahead.status_code == 400
    assert interviewer.get("/api/tables").status_code == 403  # and reads nothing


def test_paper_from_before_the_closing_day_is_typed_in_after_it(served: Any, interviewer: httpx.Client) -> None:
    address = "/interviews/closed_survey/answers"
    before = {"client_key": key(), "answers": GOOD, "mode": "paper", "given_at": "2026-05-30T12:00:00Z"}
    assert interviewer.post(address, json=before).status_code == 200
    assert (
        interviewer.post(address, json={**before, "given_at": "2026-06-02T12:00:00Z"}).status_code == 200
    )  # it is kept
    assert interviewer.post(address, json={**before, "client_key": key(), "given_at": None}).status_code == 410
    invited_only = {"client_key": key(), "answers": GOOD}
    assert interviewer.post("/interviews/invited_only/answers", json=invited_only).status_code == 200


def test_respondent_cannot_say_that_somebody_else_typed_it(served: Any) -> None:
    respondent = key()
    body = {"mode": "paper", "by": "ines", "given_at": "2026-04-30T12:00:00Z", "invitation": "x", "withdrawn": "x"}
    assert send(served.stranger, "exit_survey", respondent, **body).status_code == 200
    event = kept(served, "exit_survey", respondent)
    assert event is not None
    assert (event.mode, event.by, event.given_at, event.invitation, event.withdrawn) == ("self", None, None, None, None)


def test_files_are_kept_as_bytes_and_bounded(served: Any) -> None:
    file = served.shop.folder / "surveys" / "exit.json"
    before = file.read_text()
    try:
        question = {"type": "file", "name": "photo", "allowMultiple": True, "maxSize": 200_000}
        file.write_text(json.dumps({"elements": [question]}))
        content = "data:image/png;base64," + "iVBORw0K" * 20_000
        photo = {"name": "me.png", "type": "image/png", "content": content}
        respondent = key()
        assert send(served.stranger, "exit_survey", respondent, {"photo": [photo]}).status_code == 200
        event = kept(served, "exit_survey", respondent)
        assert event is not None
        (stored,) = event.answers["photo"]
        assert (stored["name"], stored["bytes"]) == ("me.png", 120_000)
        assert len(served.shop.lake.blobs.get(stored["sha256"])) == 120_000
        assert send(served.stranger, "exit_survey", respondent, {"photo": [photo]}).status_code == 200
        for wrong in ({**photo, "content": content + "!"}, {**photo, "content": 5}, {**photo, "x": 1}, {}, None, 7):
            assert send(served.stranger, "exit_survey", key(), {"photo": [wrong]}).status_code == 422
        large = {**photo, "content": "data:image/png;base64," + "AAAA" * 70_000}
        refused = send(served.stranger, "exit_survey", key(), {"photo": [large]})
        assert refused.json()["messages"] == {"photo": ["This file is too large."]}
    finally:
        file.write_text(before)


def test_address_that_sends_too_fast_waits_and_another_does_not() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(AT_ONCE_MAX):
        pace.hold("10.0.0.1")
    with pytest.raises(TooMany):
        pace.hold("10.0.0.1")
    pace.hold("10.0.0.2")
    now[0] += 1
    for _ in range(5):
        pace.hold("10.0.0.1")
    with pytest.raises(TooMany):
        pace.hold("10.0.0.1")


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "10.1.1.1", "203.0.113.7"),  # no proxy of ours: not believed
        ("127.0.0.1", "10.1.1.1, 198.51.100.2", "198.51.100.2"),  # the last is what the proxy itself saw
        ("127.0.0.1", None, None),
    ],
)
def test_address_is_who_sends_and_not_the_proxy(client: str, forwarded: str | None, address: str | None) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert address_of({"type": "http", "client": (client, 1), "headers": headers}) == address


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-31", "2026-05-31T22:00:00+00:00"),
        ("2026-05-31 18:00", "2026-05-31T16:00:00+00:00"),
        ("2026-05-31T18:00+00:00", "2026-05-31T18:00:00+00:00"),
    ],
)
def test_day_is_open_to_its_end_in_the_project_s_zone(text: str, moment: str) -> None:
    closes = closing(text, zone="Europe/Berlin")
    assert closes is not None
    assert closes.astimezone(UTC).isoformat() == moment


def test_key_in_a_link_is_in_no_page(served: Any) -> None:
    (link,) = invite(served.shop.lake.state, "invited_only", [{}])
    for address in ("/surveys/invited_only", "/surveys/invited_only/withdraw"):
        answer = page(served, f"{address}#{link}")
        assert link not in answer.text
        assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2999-01-01T00:00:00Z"])
def test_clock_at_an_end_of_the_calendar_spoils_no_table_and_refuses_nobody(
    served: Any, interviewer: httpx.Client, moment: str
) -> None:
    respondent = key()
    assert send(served.stranger, "exit_survey", respondent, began_at=moment).status_code == 200
    event = kept(served, "exit_survey", respondent)
    assert event is not None
    assert event.began_at is None
    body = {"client_key": key(), "answers": GOOD, "given_at": moment}
    assert interviewer.post("/interviews/exit_survey/answers", json=body).status_code == 400

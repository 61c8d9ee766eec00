from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pumphouse.server.replies import BODY_BYTES_MAX
from pumphouse.sources.surveys.invitations import answer_id

ANSWERS = "/surveys/exit_survey/answers"


def key() -> str:
    return uuid.uuid4().hex


def kept(served: Any, client_key: str) -> list[dict[str, Any]]:
    events = served.shop.lake.state.events("survey/exit_survey")
    id = answer_id("exit_survey", client_key)
    return [json.loads(event.body) for event in events if event.key == id]


def send(served: Any, answers: Any, **body: Any) -> httpx.Response:
    answer: httpx.Response = served.stranger.post(ANSWERS, json={"client_key": key(), "answers": answers, **body})
    return answer


def definition(served: Any) -> dict[str, Any]:
    text = served.stranger.get("/surveys/exit_survey").text
    inside = text.partition('id="definition">')[2].partition("</script>")[0]
    parsed: dict[str, Any] = json.loads(inside)
    return parsed


def test_form_is_open_to_whoever_has_its_address(served: Any) -> None:
    answer = served.stranger.get("/surveys/exit_survey")
    assert answer.status_code == 200
    assert "<title>Before you go</title>" in answer.text
    assert definition(served)["survey"]["title"] == "Before you go"
    assert served.stranger.get("/surveys/orders").status_code == 404


def test_survey_text_cannot_end_the_script_it_stands_in(served: Any) -> None:
    file = served.shop.folder / "surveys" / "exit.json"
    before = file.read_text()
    try:
        file.write_text(json.dumps({"title": "</script><script>alert(1)</script>&<!--"}))
        text = served.stranger.get("/surveys/exit_survey").text
        assert "<script>alert" not in text
        assert definition(served)["survey"]["title"] == "</script><script>alert(1)</script>&<!--"
    finally:
        file.write_text(before)


def test_answers_are_on_disk_when_they_are_acknowledged(served: Any) -> None:
    client_key = key()
    answer = send(served, {"reason": "price", "recommend": 9, "zzz": 1, "better": "hidden"}, client_key=client_key)
    assert answer.status_code == 200
    assert answer.json() == {"status": "kept", "answer_id": answer_id("exit_survey", client_key), "dropped": 2}
    (body,) = kept(served, client_key)
    assert body["answers"] == {"reason": "price", "recommend": 9}
    assert body["dropped"] == 2
    assert body["version"] == definition(served)["version"]


def test_answers_sent_again_are_kept_once(served: Any) -> None:
    client_key = key()
    body = {"client_key": client_key, "answers": {"reason": "price"}}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: served.stranger.post(ANSWERS, json=body), range(8)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(kept(served, client_key)) == 1


def test_other_answers_under_a_key_that_has_some_are_refused(served: Any) -> None:
    client_key = key()
    assert send(served, {"reason": "price"}, client_key=client_key).status_code == 200
    for _ in range(3):  # the key's own is then no more the newest
        assert send(served, {"reason": "price"}).status_code == 200
    assert send(served, {"reason": "price"}, client_key=client_key).json()["status"] == "kept"
    other = send(served, {"reason": "price", "recommend": 1}, client_key=client_key)
    assert other.status_code == 409
    assert "other answers were kept under this key" in other.json()["error"]
    assert [one["answers"] for one in kept(served, client_key)] == [{"reason": "price"}]


def test_answers_that_do_not_hold_come_back_by_question(served: Any) -> None:
    client_key = key()
    answer = send(served, {"reason": "none of them", "visits": "many"}, client_key=client_key)
    assert answer.status_code == 422
    assert answer.json()["messages"] == {
        "reason": ["Choose one of the answers that are offered."],
        "visits": ["Enter a number."],
    }
    assert kept(served, client_key) == []


def test_answers_to_the_form_as_it_was_shown_are_taken_after_it_changed(served: Any) -> None:
    shown = definition(served)["version"]
    file = served.shop.folder / "surveys" / "exit.json"
    before = file.read_text()
    try:
        file.write_text(json.dumps({"elements": [{"type": "text", "name": "new", "isRequired": True}]}))
        client_key = key()
        assert send(served, {"reason": "price"}, client_key=client_key, version=shown).status_code == 200
        assert kept(served, client_key)[0]["version"] == shown
        assert send(served, {"reason": "price"}).status_code == 422  # the form as it is asks something else
    finally:
        file.write_text(before)
    never_shown = send(served, {"reason": "price"}, version="0" * 64)
    assert never_shown.status_code == 400
    assert "Load the form again" in never_shown.json()["mend"]


@pytest.mark.parametrize(
    "body",
    [
        {"answers": {}},
        {"client_key": "short", "answers": {}},
        {"client_key": "x" * 65, "answers": {}},
        {"client_key": "not/allowed/in/a/key", "answers": {}},
        {"client_key": "x" * 32, "answers": [1]},
        {"client_key": "x" * 32, "answers": "x"},
        [],
    ],
)
def test_what_is_no_answer_is_refused(body: Any, served: Any) -> None:
    answer = served.stranger.post(ANSWERS, json=body)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_too_much_is_refused_before_it_is_read_whole(served: Any) -> None:
    answer = send(served, {"better": "x" * BODY_BYTES_MAX})
    assert answer.status_code == 413


def test_more_than_can_be_checked_is_asked_to_come_again(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pumphouse.server.taking.WAITING_MAX", 0)
    answer = send(served, {"reason": "price"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_script_in_an_answer_is_text_wherever_it_is_shown(served: Any) -> None:
    import pyarrow as pa

    evil = "<img src=x onerror=alert(1)>"
    client_key = key()
    answer = send(served, {"reason": "other", "reason-Comment": evil}, client_key=client_key)
    assert answer.status_code == 200
    assert kept(served, client_key)[0]["answers"]["reason-Comment"] == evil
    served.shop.fill("exit_survey", pa.table({"reason__comment": [evil]}))
    page = served.owner.get("/assets/exit_survey", headers={"Accept": "text/html"}).text
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_stranger_is_not_told_what_is_wrong_inside(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = served.shop.folder / "surveys" / "exit.json"
    before = file.read_text()
    try:
        file.write_text("{")
        answer = served.stranger.get("/surveys/exit_survey")
        assert answer.status_code == 500
        assert "exit.json" not in answer.text
        assert "exit.json" in caplog.text
    finally:
        file.write_text(before)

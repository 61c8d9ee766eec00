from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from pumphouse.server.respondent import AnswersRefused, send_answers


def test_program_answers_as_the_form_does(served: Any) -> None:
    with httpx.Client() as client:
        key = send_answers(client, f"{served.url}/surveys/exit_survey", {"reason": "delivery", "bought": ["jazz"]})
    events = {event.key: json.loads(event.body) for event in served.shop.lake.state.events("survey/exit_survey")}
    assert events[key]["answers"] == {"reason": "delivery", "bought": ["jazz"]}


def test_refusal_names_the_questions(served: Any) -> None:
    with httpx.Client() as client, pytest.raises(AnswersRefused, match=r"reason: Response required\.") as refused:
        send_answers(client, f"{served.url}/surveys/exit_survey", {})
    assert refused.value.messages == {"reason": ["Response required."]}


def test_lost_reply_is_asked_for_again_with_the_same_key() -> None:
    keys: list[str] = []

    class Flaky(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            keys.append(body["client_key"])
            if len(keys) == 1:
                return  # taken, and the connection breaks before the reply
            self.send_response(503 if len(keys) == 2 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Flaky) as server, httpx.Client() as client:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        key = send_answers(client, f"http://127.0.0.1:{server.server_port}/surveys/s", {}, client_key="k" * 20)
        server.shutdown()
        thread.join()
    assert keys == [key] * 3

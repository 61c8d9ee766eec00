"""A failure is told once, to a command, a webhook or a mail box, until it works again."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.project.conftest import CONFIG, Folder

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError, CheckFailed
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.config import Config, read_config
from pumphouse.project.running import Report, Result
from pumphouse.project.telling import as_json, tell_failures


@pytest.fixture
def lake(folder: Folder) -> Iterator[Lake]:
    lake = Lake(Location(folder=folder.path / "lake"), engine=DuckDB(threads=1))
    yield lake
    lake.close()


def report(*, run: str = "run-1", **assets: str | Exception) -> Report:
    results = tuple(
        Result(
            asset=asset,
            kind="sql",
            status="failed" if isinstance(came, Exception) else came,  # type: ignore[arg-type]
            seconds=0.1,
            note=str(came) if isinstance(came, Exception) else "",
            error=came if isinstance(came, BuildError) else None,
        )
        for asset, came in assets.items()
    )
    return Report(run=run, results=results, snapshot=3, seconds=1.0)


def failing_to(folder: Folder, text: str) -> Config:
    folder.write({"pumphouse.toml": f'name = "shop"\n{CONFIG}[failures]\n{text}\n'})
    return read_config(folder.path)


def test_a_command_is_told_once_until_it_works_again_or_fails_otherwise(folder: Folder, lake: Lake) -> None:
    config = failing_to(folder, "command = 'cat >> told; echo noise'")
    told = folder.path / "told"
    for came, messages in [
        (BuildError("no such table", asset="orders", mend="Mend it."), 1),
        (BuildError("no such table, process 4711", asset="orders"), 1),
        (CheckFailed("12 rows"), 2),
        ("skipped", 2),
        (CheckFailed("13 rows"), 2),
        ("built", 2),
        (CheckFailed("14 rows"), 3),
    ]:
        assert tell_failures(report(orders=came, people="built"), config=config, lake=lake) == []
        assert told.read_text().count("shop: 1 failed in run run-1") == messages, came
    assert told.read_text().startswith(
        "shop: 1 failed in run run-1\n\n- orders: no such table. Mend it.\n\nSee more: pumphouse log run-1"
    )


def test_a_command_that_fails_is_tried_again_and_stops_nothing(folder: Folder, lake: Lake) -> None:
    config = failing_to(folder, "command = 'cat > told; exit 3'")
    for _ in range(2):
        problems = tell_failures(report(orders=BuildError("no")), config=config, lake=lake)
        assert problems == ["[failures] command could not be told: CalledProcessError"]


def test_a_webhook_gets_it_as_json_and_a_secret_in_its_address_stays_secret(
    folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, dict[str, object]]] = []
    status = 500

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = failing_to(folder, 'webhook = "secret:HOOK"')
        assert tell_failures(report(orders=BuildError("no")), config=config, lake=lake) == [
            "[failures] webhook could not be told: ConfigError"
        ]
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.server_port}/hook/t0ken")
        broken = report(orders=BuildError("no"), people=BuildError("neither"))
        assert tell_failures(broken, config=config, lake=lake) == [
            "[failures] webhook could not be told: HTTPStatusError"
        ]
        status = 204
        assert tell_failures(broken, config=config, lake=lake) == []
        assert tell_failures(broken, config=config, lake=lake) == []
        server.shutdown()
    assert len(seen) == 2
    assert seen[-1] == (
        "/hook/t0ken",
        {
            "project": "shop",
            "run": "run-1",
            "failed": ["orders", "people"],
            "text": "shop: 2 failed in run run-1\n\n- orders: no.\n- people: neither.\n\nSee more: pumphouse log run-1",
        },
    )
    assert "t0ken" not in caplog.text


class MailBox(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to leave one mail."""

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().strip():
            match line.split()[0].upper():
                case b"DATA":
                    self.say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    self.server.mails.append(b"".join(lines))  # type: ignore[attr-defined]
                    self.say("250 taken")
                case b"QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 fine")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


def test_a_mail_is_sent_once(folder: Folder, lake: Lake) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailBox) as server:
        server.mails = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        config = failing_to(folder, f'mail = "team@shop.example"\nserver = "127.0.0.1:{port}"')
        for _ in range(2):
            assert tell_failures(report(orders=BuildError("Größe fehlt")), config=config, lake=lake) == []
        server.shutdown()
        (mail,) = [message_from_bytes(text, policy=policy.default) for text in server.mails]  # type: ignore[attr-defined]
    assert (mail["to"], mail["subject"]) == ("team@shop.example", "shop: orders failed")
    assert "- orders: Größe fehlt." in mail.get_content()


@pytest.mark.parametrize("server", ["127.0.0.1:1", "127.0.0.1:port"])
def test_a_mail_box_that_is_not_there_stops_nothing(folder: Folder, lake: Lake, server: str) -> None:
    config = failing_to(folder, f'mail = "team@shop.example"\nserver = "{server}"')
    (problem,) = tell_failures(report(orders=BuildError("no")), config=config, lake=lake)
    assert problem.startswith("[failures] mail could not be told: ")


def test_a_run_that_fails_is_told_by_the_project(folder: Folder) -> None:
    folder.write(
        {
            "pumphouse.toml": f"{CONFIG}[failures]\ncommand = 'cat >> told'\n",
            "raw.csv": "id\n1\n",
            "gather.py": "import pumphouse as ph\n\nraw = ph.files('raw.csv')\n",
            "broken.sql": "SELECT missing FROM raw",
        }
    )
    reports = [folder.run() for _ in range(2)]
    told = (folder.path / "told").read_text()
    assert told.count("- broken: ") == 1
    assert f"See more: pumphouse log {reports[0].run}" in told


def test_a_program_gets_the_report_as_json() -> None:
    values = json.loads(as_json(report(orders=BuildError("no"), people="built")))
    assert (values["run"], values["snapshot"]) == ("run-1", 3)
    assert [(result["asset"], result["status"], result["note"]) for result in values["results"]] == [
        ("orders", "failed", "no."),
        ("people", "built", ""),
    ]

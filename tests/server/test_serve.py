from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pumphouse.errors import ConfigError
from pumphouse.server.certificates import Certificate
from pumphouse.server.serve import Serving, serve
from pumphouse_client.http import is_loopback

HERE = Path(__file__).parent
ENDS_WITHIN_S = 20
MAKE_CERTIFICATE = [
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
]
PROGRAM = """
import runpy, sys, time
from pathlib import Path

conf = runpy.run_path(sys.argv[1])
shop = conf["make_shop"](Path(sys.argv[2]))

answer = conf["Answering"]._answer

def slowly(*arguments):
    print("asked", flush=True)
    time.sleep(1)
    answer(*arguments)

conf["Answering"]._answer = slowly
conf["serve"](shop, port=0, token=conf["TOKEN"], on_ready=lambda serving: print(serving.url, flush=True))
print("ended", flush=True)
"""


def fail(_: Serving) -> None:
    raise ConfigError("not today")


def refuse(*_: Any) -> None:
    raise AssertionError("it serves")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_after_the_request_under_way(number: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(HERE / "conftest.py"), str(tmp_path / "project")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    replies: list[httpx.Response] = []

    def ask() -> None:
        headers = {"Authorization": "Bearer the-owner-of-the-shop"}
        replies.append(
            httpx.post(f"{url}/predict/returns_live", json={"customer_id": 7}, headers=headers, timeout=ENDS_WITHIN_S)
        )

    asking = threading.Thread(target=ask)
    asking.start()
    assert process.stdout.readline() == "asked\n"
    os.kill(process.pid, number)
    assert process.wait(ENDS_WITHIN_S) == 0
    asking.join()
    assert replies[0].json()["prediction"] == 0.25
    assert process.stdout.read() == "ended\n"
    process.stdout.close()


def test_port_that_is_taken_is_named(served: Any) -> None:
    port = int(served.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
        serve(served.shop, port=port, on_ready=refuse)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "shop.example"])
def test_other_machines_are_not_let_in_without_a_certificate(host: str, served: Any) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match="in the clear"):
        serve(served.shop, host=host, port=0, on_ready=refuse)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("token", ["short", "with spaces in it and long", "with;semicolon;and;long"])
def test_token_that_fits_no_cookie_is_refused(token: str, served: Any) -> None:
    with pytest.raises(ConfigError, match="token"):
        serve(served.shop, port=0, token=token, on_ready=refuse)


def test_token_is_made_where_none_is_given(served: Any) -> None:
    seen: list[Serving] = []

    def stop(serving: Serving) -> None:
        seen.append(serving)
        headers = {"Authorization": f"Bearer {serving.token}"}
        answer = httpx.get(f"{serving.url}/api/tables", headers=headers, timeout=20)
        assert answer.status_code == 200
        serving.stop()

    serve(served.shop, port=0, on_ready=stop)
    assert len(seen[0].token) >= 32
    assert seen[0].entrance == f"{seen[0].url}/?token={seen[0].token}"


def test_what_fails_when_it_is_ready_ends_it(served: Any) -> None:
    with pytest.raises(ConfigError, match="not today"):
        serve(served.shop, port=0, on_ready=fail)


def test_client_that_never_ends_does_not_hold_the_server(
    served: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pyarrow as pa

    monkeypatch.setattr("pumphouse.server.serve.STOP_TIMEOUT_S", 1)
    served.shop.fill("unending", pa.table({"n": pa.array(range(5_000_000), pa.int64())}))
    held: list[socket.socket] = []
    asked_to_end: list[float] = []

    def hang(serving: Serving) -> None:
        host, _, port = serving.url.removeprefix("http://").rpartition(":")
        client = socket.create_connection((host, int(port)))
        request = f"GET /api/tables/unending/rows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {serving.token}\r\n"
        client.sendall(f"{request}Accept: application/vnd.apache.arrow.stream\r\n\r\n".encode())
        client.recv(100)
        held.append(client)
        asked_to_end.append(time.monotonic())
        serving.stop()

    serve(served.shop, port=0, on_ready=hang)
    assert time.monotonic() - asked_to_end[0] < ENDS_WITHIN_S
    held[0].close()


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate")
def test_certificate_makes_it_tls(served: Any, tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        [*MAKE_CERTIFICATE, "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    answers: list[httpx.Response] = []

    def ask(serving: Serving) -> None:
        import ssl

        answers.append(
            httpx.get(
                f"{serving.url}/?token={serving.token}",
                headers={"Accept": "text/html"},
                verify=ssl.create_default_context(cafile=chain),
            )
        )
        serving.stop()

    serve(served.shop, port=0, certificate=Certificate(chain=chain, key=key), on_ready=ask)
    assert answers[0].url.scheme == "https"
    assert answers[0].headers["set-cookie"].endswith("; Secure")

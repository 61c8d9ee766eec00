"""An answer is whole or an error, and a server that is busy or gone for a moment is asked again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pytest

from pumphouse_client import ClientError, Connection, Unreachable, connect
from pumphouse_client.http import ARROW

BATCH = pa.record_batch({"n": pa.array(range(1000), pa.int64())})


def stream(batches: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, BATCH.schema) as writer:
        for _ in range(batches):
            writer.write_batch(BATCH)
    return sink.getvalue().to_pybytes()


WHOLE = stream(3)
Script = list[Callable[[BaseHTTPRequestHandler], None]]


class Scripted(BaseHTTPRequestHandler):
    """Answers each request with the next of a script; the last again and again."""

    protocol_version = "HTTP/1.1"
    script: Script
    asked: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(json.loads(body))
        turn = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        turn(self)

    def do_GET(self) -> None:
        self.script[0](self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Connection]]:
    monkeypatch.setattr("pumphouse_client.http.WAIT_S", 0.001)
    monkeypatch.setattr("pumphouse_client.http.WAIT_S_MAX", 0.01)
    handler = type("Handler", (Scripted,), {"script": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    opened: list[Connection] = []

    def serve(*script: Callable[[BaseHTTPRequestHandler], None], timeout_s: float = 20.0) -> Connection:
        handler.script[:] = script
        handler.asked.clear()
        connection = connect(f"http://127.0.0.1:{server.server_port}", token="t", cache=False, timeout_s=timeout_s)
        connection.asked = handler.asked  # type: ignore[attr-defined]
        opened.append(connection)
        return connection

    yield serve
    for connection in opened:
        connection.close()
    server.shutdown()
    server.server_close()
    thread.join()


def sent(
    data: bytes, *, status: int = 200, promised: int | None = None, kind: str | None = ARROW
) -> Callable[[BaseHTTPRequestHandler], None]:
    def turn(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        if kind is not None:
            request.send_header("Pumphouse-Snapshot", "7")
            request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data) if promised is None else promised))
        request.send_header("Retry-After", "3")
        request.end_headers()
        request.wfile.write(data)
        request.close_connection = promised is not None

    return turn


def hung_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def silent(request: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(0.7)
    request.close_connection = True


BUSY = sent(b'{"error": "as many read here as can at once", "mend": "Ask again in a few seconds."}', status=503)


def test_who_is_busy_or_hangs_up_is_asked_again(serving: Callable[..., Connection]) -> None:
    connection = serving(BUSY, hung_up, sent(WHOLE[:20], promised=len(WHOLE)), sent(WHOLE))
    table = connection.table("orders")
    assert table.to_arrow().num_rows == 3000
    assert table.snapshot == 7
    assert len(connection.asked) == 4  # type: ignore[attr-defined]


def test_asking_again_has_an_end(serving: Callable[..., Connection]) -> None:
    connection = serving(BUSY)
    with pytest.raises(Unreachable, match=r"as many read here as can at once\. Ask again") as raised:
        connection.table("orders").to_arrow()
    assert raised.value.status == 503
    assert len(connection.asked) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("promised", [None, len(WHOLE)])
@pytest.mark.parametrize("length", [len(stream(1)) - 8, len(stream(2)) - 8, len(stream(2)) + 900, len(WHOLE) - 8])
def test_what_is_cut_off_is_never_taken_for_the_whole(
    serving: Callable[..., Connection], length: int, promised: int | None
) -> None:
    connection = serving(sent(WHOLE[:length], promised=promised))
    with pytest.raises(Unreachable, match=r"the answer broke off after [123],000 rows"):
        connection.table("orders").to_arrow()
    assert len(connection.asked) == 1  # type: ignore[attr-defined]  # once rows were given, nothing is asked again


def test_who_says_nothing_is_not_asked_twice(serving: Callable[..., Connection]) -> None:
    connection = serving(silent, timeout_s=0.5)
    with pytest.raises(Unreachable, match=r"no answer within 0.5 s\. Give more: timeout_s"):
        connection.table("orders").to_arrow()
    assert len(connection.asked) == 1  # type: ignore[attr-defined]


def test_what_is_no_pumphouse_is_told(serving: Callable[..., Connection]) -> None:
    with pytest.raises(ClientError, match=r"answered with status 418\. Is this the address"):
        serving(sent(b"<html>", status=418)).table("orders").to_arrow()
    for kind in (None, "text/html"):
        with pytest.raises(ClientError, match=r"answered with no rows\. Is this the address"):
            serving(sent(b"<html>", kind=kind)).table("orders").to_arrow()
    with pytest.raises(ClientError, match=r"answered with no JSON\. Is this the address"):
        _ = serving(sent(b"<html>")).tables


def test_a_question_names_values_and_snapshot_beside_the_text(serving: Callable[..., Connection]) -> None:
    connection = serving(sent(WHOLE))
    connection.table("orders", snapshot=5).where("n > $least", least=3).to_arrow()
    assert connection.asked == [  # type: ignore[attr-defined]
        {"sql": 'SELECT *\nFROM "orders"\nWHERE (n > $least)', "parameters": {"least": 3}, "snapshot": 5}
    ]

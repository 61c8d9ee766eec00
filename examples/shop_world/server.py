"""The loopback server: the orders API behind a bearer token, and the site of albums."""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from shop_world.albums import ROBOTS, pages
from shop_world.orders import Order, orders, page, parse_since
from shop_world.purchases import API_PART, FILE_PART, read

ORDERS_PATH = "/api/orders"
IDLE_S_MAX = 60
PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request gets."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class WorldServer(ThreadingHTTPServer):
    """All the world's data, read once, on a port of 127.0.0.1 (0: a free one)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *, port: int, token: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._token = token
        # The file's purchases have the ids before the API's: one shop counted them all.
        self._orders: list[Order] = orders(read(API_PART), first_id=len(read(FILE_PART)) + 1)
        self._pages = {path: html.encode() for path, html in pages().items()}

    def answer(self, target: str, *, authorization: str, etag: str) -> Answer:
        """The answer to GET `target`, given the request's Authorization and If-None-Match, "" where it has none."""
        split = urlsplit(target)
        if split.path == ORDERS_PATH:
            if not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
                return _problem(
                    HTTPStatus.UNAUTHORIZED,
                    "orders need 'Authorization: Bearer TOKEN'",
                    headers=(("WWW-Authenticate", 'Bearer realm="orders"'),),
                )
            return self._answer_orders(parse_qs(split.query))
        if split.path == "/robots.txt":
            return Answer(status=HTTPStatus.OK, content_type="text/plain; charset=utf-8", body=ROBOTS.encode())
        if body := self._pages.get(split.path):
            return _page(body, known_etag=etag)
        return _problem(HTTPStatus.NOT_FOUND, f"nothing at {split.path}")

    def _answer_orders(self, query: dict[str, list[str]]) -> Answer:
        since_text = query.get("since", [""])[0]
        number_text = query.get("page", ["1"])[0]
        try:
            since = parse_since(since_text)
        except (ValueError, OverflowError):
            return _problem(HTTPStatus.BAD_REQUEST, f"since={since_text!r} is no ISO 8601 time")
        if not PAGE_NUMBER.fullmatch(number_text):
            return _problem(HTTPStatus.BAD_REQUEST, f"page={number_text!r} is no page number; the first is 1")
        found = page(self._orders, since=since, number=int(number_text))
        next_url = None
        if found.next_page:
            parameters = {"since": since_text} if since_text else {}
            next_url = f"{self.url}{ORDERS_PATH}?{urlencode({**parameters, 'page': found.next_page})}"
        return _json(HTTPStatus.OK, {"data": found.data, "next": next_url})


class Handler(BaseHTTPRequestHandler):
    """HTTP in, `WorldServer.answer`, HTTP out."""

    server: WorldServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S_MAX
    # An answer leaves in one piece: head and body in two small packets wait on each other's acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer with head and body."""
        answer = self._head()
        self.wfile.write(answer.body)

    def do_HEAD(self) -> None:
        """Answer with the head alone."""
        self._head()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: standard output belongs to the ready line."""

    def _head(self) -> Answer:
        answer = self.server.answer(
            self.path,
            authorization=self.headers.get("Authorization", ""),
            etag=self.headers.get("If-None-Match", ""),
        )
        self.send_response(answer.status)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        return answer


def _page(body: bytes, *, known_etag: str) -> Answer:
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = (("ETag", etag),)
    html = "text/html; charset=utf-8"
    if etag in known_etag:
        return Answer(status=HTTPStatus.NOT_MODIFIED, content_type=html, body=b"", headers=headers)
    return Answer(status=HTTPStatus.OK, content_type=html, body=body, headers=headers)


def _problem(status: HTTPStatus, detail: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return _json(status, {"error": detail}, headers=headers)


# Any: whatever json can write.
def _json(status: HTTPStatus, value: Any, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status=status, content_type="application/json", body=json.dumps(value).encode(), headers=headers)

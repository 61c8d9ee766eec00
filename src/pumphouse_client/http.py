"""A server as the one who has the rows: each asking is one request, and rows come as an Arrow stream."""

from __future__ import annotations

import ipaddress
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pyarrow as pa

from pumphouse_client.cache import Cache, Entry
from pumphouse_client.errors import ClientError, Denied, NotFound, Unreachable
from pumphouse_client.selects import Select
from pumphouse_client.sending import as_json
from pumphouse_client.streams import batches_of
from pumphouse_client.tables import Answer, Table, in_parts

TRIES = 4
WAIT_S = 0.1
WAIT_S_MAX = 5.0
CONNECT_S = 10.0
ERROR_BYTES_MAX = 64 * 1024
"""So much of an answer that is an error is read."""
ARROW = "application/vnd.apache.arrow.stream"
WHERE_TOKENS_ARE = (
    "Give a token that has not ended: token=..., the variable PUMPHOUSE_TOKEN, or tokens.toml among your settings."
)
LIVE = "none"
"""What a server says of the snapshot of rows that it has not, but reads where they are."""
WRONG_ADDRESS = "Is this the address of a Pumphouse server?"
UNTRUSTED = "Name its certificate: verify=FILE, if the server made it itself."
NOT_NOW = frozenset({429, 502, 503})
LOST = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""A request that ended so may be sent again: what is asked here changes nothing."""

T = TypeVar("T")


class Server:
    """A `Backend`: the tables of the project that a server serves, for whoever has the token."""

    def __init__(
        self, url: str, *, token: str | None, verify: str | Path | None, timeout_s: float, cache: Cache | None
    ) -> None:
        self.url = url
        near = is_loopback(urlsplit(url).hostname or "")
        self._accept = ARROW if near else f"{ARROW}; codecs=zstd"
        self._cache = cache.of(url, token or "") if cache else None
        self._http = httpx.Client(
            base_url=url,
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            verify=_trusting(verify) if verify else True,
            trust_env=not near,  # a proxy can't reach this machine
        )
        self._has_token = token is not None

    def run(self, asked: Select, *, snapshot: int | None) -> Answer:
        """The rows of a SELECT: from the cache where the server says that they are what they were."""
        text, parameters = as_json(asked.text, asked.parameters)
        question: dict[str, Any] = {"sql": text}  # as JSON has it
        if parameters:
            question["parameters"] = parameters
        if snapshot is not None:
            question["snapshot"] = snapshot
        kept = self._cache.find(text, parameters, snapshot=snapshot) if self._cache else None
        headers = {"Accept": self._accept, **({"If-None-Match": kept.tag} if kept else {})}

        def taken(response: httpx.Response) -> Answer:
            if response.status_code == httpx.codes.NOT_MODIFIED and kept is not None:
                response.close()
                return Answer(batches=_reader(kept.schema, kept.batches()), snapshot=kept.snapshot)
            said = response.headers.get("Pumphouse-Snapshot")
            at = None if said in (None, LIVE) else int(said)
            if said is None or not response.headers.get("Content-Type", "").startswith(ARROW):
                response.close()
                raise ClientError(f"{self.url} answered with no rows", mend=WRONG_ADDRESS)
            schema, batches = batches_of(response)
            tag = response.headers.get("ETag")
            if self._cache and tag and at is not None:
                entry = Entry(tag=tag, snapshot=at, schema=schema)
                batches = self._cache.keeping(text, parameters, entry, batches)
            return Answer(batches=_reader(schema, batches), snapshot=at)

        try:
            return self._ask("POST", "/api/sql", taken, headers=headers, content=json.dumps(question).encode())
        except (Denied, NotFound):
            if self._cache and kept:
                self._cache.forget(kept)
            raise

    def schema(self, asked: Select, *, snapshot: int | None) -> tuple[pa.Schema, int | None]:
        """Names and types of its columns, and the snapshot that they are of."""
        answer = self.run(asked.limited(0), snapshot=snapshot)
        with answer.batches as batches:
            return batches.schema, answer.snapshot

    def lazy(self, table: Table) -> Any:
        """A polars LazyFrame over the rows."""
        return in_parts(table)

    def relation(self, asked: Select, *, snapshot: int | None) -> Any:
        """A DuckDB relation over the rows, in a connection of its own."""
        import duckdb

        with self.run(asked, snapshot=snapshot).batches as batches:
            return duckdb.connect().from_arrow(batches.read_all())

    def json(self, path: str) -> Any:
        """What the API says at a path."""

        def taken(response: httpx.Response) -> Any:
            try:
                return json.loads(response.read())
            except ValueError as error:
                raise ClientError(f"{self.url} answered with no JSON", mend=WRONG_ADDRESS) from error

        return self._ask("GET", path, taken, headers={"Accept": "application/json"})

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _ask(
        self,
        method: str,
        path: str,
        taken: Callable[[httpx.Response], T],
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> T:
        """What `taken` makes of the answer; where none comes, or none now, it is asked again. Raises ClientError."""
        request_headers = {**headers, **({"Content-Type": "application/json"} if content is not None else {})}
        for attempt in range(1, TRIES + 1):
            request = self._http.build_request(method, path, headers=request_headers, content=content)
            asked_s: float | None = None
            try:
                response = self._http.send(request, stream=True)
                if response.status_code in NOT_NOW and attempt < TRIES:
                    asked_s = _seconds(response.headers.get("Retry-After", ""))
                    response.close()
                elif response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
                    return taken(response)
                else:
                    raise self._refused(response)
            except LOST as error:
                untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
                if attempt == TRIES or untrusted:
                    mend = UNTRUSTED if untrusted else "Is the server running, and the address right?"
                    raise Unreachable(f"{self.url} can't be reached: {error}", mend=mend) from error
            except httpx.TimeoutException as error:
                raise Unreachable(
                    f"{self.url} gave no answer within {self._http.timeout.read:g} s", mend="Give more: timeout_s=..."
                ) from error
            except httpx.HTTPError as error:
                raise Unreachable(f"{self.url} can't be asked: {error}") from error
            backoff_s = WAIT_S * 2 ** (attempt - 1) * (0.5 + random.random())
            time.sleep(min(WAIT_S_MAX, backoff_s if asked_s is None else asked_s))
        raise AssertionError("the last attempt returns or raises")

    def _refused(self, response: httpx.Response) -> ClientError:
        """The error that the server told, as ours."""
        try:
            data = b""
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > ERROR_BYTES_MAX:
                    break
        finally:
            response.close()
        status = response.status_code
        try:
            said = json.loads(data)
            what, mend = str(said["error"]), said.get("mend")
        except (ValueError, KeyError, TypeError, AttributeError):
            what, mend = f"{self.url} answered with status {status}", WRONG_ADDRESS
        if status == httpx.codes.UNAUTHORIZED:
            return Denied(
                what if self._has_token else f"{self.url} wants a token", mend=WHERE_TOKENS_ARE, status=status
            )
        kind = {403: Denied, 404: NotFound, 410: NotFound} | dict.fromkeys((429, 502, 503, 504), Unreachable)
        return kind.get(status, ClientError)(what, mend=None if mend is None else str(mend), status=status)


def _trusting(file: str | Path) -> ssl.SSLContext:
    """Who trusts the certificate in a file, and no other. Raises ClientError where it can't be read."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # an SSLError is one
        raise ClientError(f"{file} can't be read: {error}", mend="Name the server's certificate, as PEM.") from error


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, whatever a resolver says."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reader(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(schema, batches)


def _seconds(header: str) -> float | None:
    return float(header) if header.isascii() and header.isdigit() and len(header) < 9 else None

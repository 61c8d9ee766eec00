"""The services `Http` and `Cursor` that a source's function asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import address_of, joined
from pumphouse.sources.http.asking import Answer, Asker, get
from pumphouse.sources.http.sign_in import SignIn
from pumphouse.sources.rows import as_text

PAGES_MAX = 10_000
SAID_CHARACTERS_MAX = 200


class CursorValue:
    """How far a source has been read: false where it never was. As text it is what a request sends."""

    def __init__(self, value: Any) -> None:  # a number or text, as the source gave it
        self.value = value

    def __bool__(self) -> bool:
        return self.value is not None

    def __str__(self) -> str:
        return "" if self.value is None else as_text(self.value)

    def __repr__(self) -> str:
        return f"Cursor({self.value!r})"


class HttpConnection:
    """The connection of a source, as `declare.services.Http` says. `asker` is the web, or the answers of a visit."""

    def __init__(self, connection: Connection, asker: Asker, *, asset: str) -> None:
        self._connection = connection
        self._asker = asker
        self._signed = SignIn(connection)
        self._asset = asset

    def get(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """The JSON value of one answer. Raises SourceError naming the address, the status and what was tried."""
        return self._ask(_with_parameters(address_of(self._asker.base, path), params))[1]

    def pages(
        self, path: str, *, params: Mapping[str, object] | None = None, records: str = "data", next_page: str = "next"
    ) -> Iterator[list[dict[str, Any]]]:
        """The records of each page until there is no next one.

        `records` names an answer's field of rows, `next_page` that of the next page's address, which may be relative.
        An answer that is a list is a page of its own. Raises SourceError where a page comes twice, after PAGES_MAX
        pages, and where an answer is refused or no such JSON.
        """
        address = _with_parameters(address_of(self._asker.base, path), params)
        asked: set[str] = set()
        seen: set[bytes] = set()
        while address not in asked:
            if len(asked) == PAGES_MAX:
                raise self._error(
                    f"{address} would be page {PAGES_MAX + 1:,}", mend="Ask for larger pages, or for fewer rows."
                )
            asked.add(address)
            answer, value = self._ask(address)
            rows, following = self._page(answer, value, records=records, next_page=next_page)
            # An API that ignores the page asked for repeats its rows under an ever new next address.
            content = hashlib.sha256(msgspec.json.encode(rows)).digest()
            if rows and content in seen:
                raise self._error(
                    f"{address} answers a page that came before: the same page for ever",
                    mend="Does it ignore the parameter of its pages?",
                )
            seen.add(content)
            yield rows
            if not following:
                return
            address = joined(answer.url, following)
        raise self._error(
            f"{address} is named as the next page again: the same page for ever",
            mend="Report it to whoever runs the API.",
        )

    def _page(
        self, answer: Answer, value: Any, *, records: str, next_page: str
    ) -> tuple[list[dict[str, Any]], str | None]:
        rows, following = (value, None) if isinstance(value, list) else (None, None)
        if isinstance(value, dict):
            rows, following = value.get(records), value.get(next_page)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            fields = f"its fields are {', '.join(sorted(value))}" if isinstance(value, dict) else "it is no object"
            raise self._error(
                f"{answer.url} answers no list of records in '{records}'; {fields}",
                mend='Name the field: http.pages(path, records="...", next_page="...").',
            )
        if following is not None and not isinstance(following, str):
            raise self._error(
                f"{answer.url} answers a '{next_page}' that is no address: {following!r}",
                mend="Name the field that holds one.",
            )
        return rows, following

    def _ask(self, address: str) -> tuple[Answer, Any]:
        answer = get(self._asker, address)
        if answer.status >= 400:
            sign_in = answer.status in (401, 403)
            raise self._error(
                f"{answer.url} answered {answer.status}: {_said(answer.body)}",
                mend=f"Look at auth of [connections.{self._connection.name}]."
                if sign_in
                else "Look at the path and its parameters.",
            )
        try:
            return answer, msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            cut = "truncated" in str(error)
            where = f"it ends in the middle, after {len(answer.body):,} bytes" if cut else str(error)
            raise self._error(
                f"{answer.url} answers what is not JSON: {where}",
                mend="Its bytes are stored. Run again; if it stays, report it to whoever runs the API.",
            ) from None

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(self._signed.hide(what), asset=self._asset, mend=mend)


def _with_parameters(address: str, params: Mapping[str, object] | None) -> str:
    """The address with parameters; None and a cursor without a value are left out."""
    pairs = []
    for name, value in (params or {}).items():
        if value is None or (isinstance(value, CursorValue) and not value):
            continue
        items = value if isinstance(value, (list, tuple)) else [value]
        pairs += [(name, str(item) if isinstance(item, CursorValue) else as_text(item)) for item in items]
    if not pairs:
        return address
    parts = urlsplit(address)
    query = "&".join(piece for piece in (parts.query, urlencode(pairs)) if piece)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _said(body: bytes) -> str:
    """The beginning of what a server said about its refusal, on one line and printable."""
    text = body[: SAID_CHARACTERS_MAX * 4].decode(errors="replace")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"{line[:SAID_CHARACTERS_MAX]!r}" if line else "it said nothing"

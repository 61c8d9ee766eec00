"""From a declared call to the records of all its pages, whichever way they follow each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from pumphouse.declare.apis import Call, Pages, Path
from pumphouse.errors import SourceError
from pumphouse.sources.fetch import Exchange
from pumphouse.sources.http.addresses import address_of, joined
from pumphouse.sources.http.asking import Answer, Asker, Question, settled
from pumphouse.sources.http.decoding import Found, Undecodable, at, found, rows_of, value_of
from pumphouse.sources.http.filling import Values
from pumphouse.sources.rows import as_text

SAID_CHARACTERS_MAX = 200
LINKS_CHARACTERS_MAX = 16_000

Known = Callable[[str, bytes | None], Exchange | None]
"""What an address answered in the visit before, if it was asked then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The records of one answer."""

    answer: Answer
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request before it is written out: pages differ in its parameters or its body."""

    address: str
    params: tuple[tuple[str, Any], ...] = ()  # as in Call
    body: Any = None  # JSON

    def question(self, known: Known) -> Question:
        address = with_parameters(self.address, dict(self.params))
        body = None if self.body is None else msgspec.json.encode(self.body)
        return Question(address=address, body=body, known=known(address, body))

    def on_page(self, pages: Pages, value: Any) -> _Request:
        if pages.in_body:
            return replace(self, body=_put(self.body, pages.param, value))
        return replace(self, params=tuple({**dict(self.params), ".".join(pages.param): value}.items()))


class Walk:
    """The pages of a call, as it stands where no `values` are given. `connection` is for errors to name."""

    def __init__(
        self,
        asker: Asker,
        call: Call,
        *,
        connection: str,
        values: Values | None = None,
        known: Known = lambda address, body: None,
    ) -> None:
        self._asker, self._call, self._connection, self._known = asker, call, connection, known
        self._request = _first(asker, call, values)
        self._seen: dict[bytes, list[str]] = {}
        self._count = 0

    def question(self) -> Question:
        """What is asked first."""
        return self._on_first_page().question(self._known)

    def pages(self, first: Answer | None = None) -> Iterator[Page]:
        """Each page, until there is no next one. Raises SourceError where one comes twice, or there are too many.

        `first` is the answer to `question`, where that was asked already.
        """
        pages = self._call.pages
        request = self._on_first_page()
        asked: set[tuple[str, bytes | None]] = set()
        number, rows = pages.first, 0
        while True:
            question = request.question(self._known)
            if (question.address, question.body) in asked:
                raise self._error(
                    f"{question.address} is named as the next page again: the same page for ever",
                    mend="Report it to whoever runs the API.",
                )
            asked.add((question.address, question.body))
            if self._count == pages.pages_max:
                raise self._too_many(question.address)
            answer, first = first, None
            if answer is None:
                answer = self._asker.ask(question.address, body=question.body, known=question.known)
            page = self._read(question, answer)
            yield page
            rows += len(page.found.rows)
            if pages.by in ("page", "offset"):
                if (others := self._all_others(page, len(page.found.rows), number)) is not None:
                    yield from self._at_once(others)
                    return
                number += 1 if pages.by == "page" else len(page.found.rows)
            following = self._following(request, page, rows=rows, number=number)
            if following is None:
                return
            request = following

    def _on_first_page(self) -> _Request:
        pages = self._call.pages
        return self._request.on_page(pages, pages.first) if pages.by in ("page", "offset") else self._request

    def _following(self, request: _Request, page: Page, *, rows: int, number: int) -> _Request | None:
        """The request for the page after one, None after the last."""
        pages, value = self._call.pages, page.found.value
        if pages.by == "once" or (pages.more and not at(value, pages.more)):
            return None
        if pages.by == "next":
            address = at(value, pages.at)
            if address is None or address == "" or not isinstance(value, dict):
                return None
            if not isinstance(address, str):
                raise self._error(
                    f"{page.answer.url} answers a '{'.'.join(pages.at)}' that is no address: {address!r}",
                    mend="Name the field that holds one.",
                )
            return replace(request, address=joined(page.answer.url, address), params=())
        if pages.by == "link":
            address = _linked(page.answer.headers.get("link", ""), pages.rel)
            return replace(request, address=joined(page.answer.url, address), params=()) if address else None
        if pages.by == "cursor":
            cursor = at(value, pages.at)
            return request.on_page(pages, cursor) if cursor not in (None, "") and page.found.rows else None
        if self._is_last(page, rows=rows, number=number):
            return None
        return request.on_page(pages, number)

    def _is_last(self, page: Page, *, rows: int, number: int) -> bool:
        pages, came = self._call.pages, len(page.found.rows)
        size, total, last = self._size, self._number(page, pages.total), self._number(page, pages.last)
        if came == 0 or (size is not None and came < size) or (total is not None and rows >= total):
            return True
        return last is not None and number > last

    def _all_others(self, page: Page, came: int, number: int) -> Iterator[_Request] | None:
        """Where the first page tells how many there are: the requests for the others."""
        pages = self._call.pages
        total, last = self._number(page, pages.total), self._number(page, pages.last)
        size = self._size or came
        is_known = (total is not None or last is not None) and not pages.more
        if self._count != 1 or pages.at_once == 1 or not size or not is_known:
            return None
        if pages.by == "offset":
            values = range(pages.first + came, pages.first + total, size) if total is not None else range(0)
        else:
            end = last if last is not None else pages.first - 1 + -(-(total or 0) // size)
            values = range(number + 1, end + 1)
        if len(values) >= pages.pages_max:
            raise self._too_many(page.answer.url)
        return (self._request.on_page(pages, value) for value in values)

    def _at_once(self, requests: Iterator[_Request]) -> Iterator[Page]:
        questions: list[Question] = []

        def asked() -> Iterator[Question]:
            for request in requests:
                questions.append(request.question(self._known))
                yield questions[-1]

        answers = self._asker.ask_all(asked(), at_once=self._call.pages.at_once)
        for number, answer in enumerate(answers):
            yield self._read(questions[number], answer)

    def _read(self, question: Question, answer: Answer) -> Page:
        """The records of an answer, once it is known to be none that came before."""
        self._count += 1
        answer = settled(self._asker, question, answer)
        here = self._found(answer)
        rows = here.rows
        # An API that ignores the page asked for repeats its rows under an ever new next address.
        if rows and self._call.pages.by != "once":
            ends = hashlib.sha256(msgspec.json.encode([len(rows), rows[0], rows[-1]])).digest()
            for sha in self._seen.setdefault(ends, []):
                if self._found(replace(answer, body=self._asker.stored(sha))).rows == rows:
                    raise self._error(
                        f"{answer.url} answers a page that came before: the same page for ever",
                        mend="Does it ignore the parameter of its pages?",
                    )
            self._seen[ends].append(answer.sha)
        return Page(answer=answer, found=here)

    def _found(self, answer: Answer) -> Found:
        refuse(self._asker, answer, connection=self._connection)
        if answer.status == 204:
            return Found(value=None, rows=[])
        call = self._call
        try:
            if call.graphql is not None:
                value = value_of(answer.body)
                refuse_errors(self._asker, answer.url, value)
                return Found(value=value, rows=rows_of(value, call.records))
            return found(
                answer.body, call.records, content_type=answer.headers.get("content-type", ""), said=call.format
            )
        except Undecodable as error:
            raise self._error(f"{answer.url} {error}", mend=error.mend) from None

    @property
    def _size(self) -> int | None:
        size = self._call.pages.size
        if isinstance(size, str):
            size = dict(self._call.params).get(size)
        return size if isinstance(size, int) else None

    def _number(self, page: Page, path: Path) -> int | None:
        value = at(page.found.value, path) if path else None
        if isinstance(value, str) and value.isdigit():  # in XML
            return int(value)
        return value if isinstance(value, int) else None

    def _too_many(self, address: str) -> SourceError:
        return self._error(
            f"{address} would be page {self._call.pages.pages_max + 1:,}",
            mend="Ask for larger pages, or for fewer rows.",
        )

    def _error(self, what: str, *, mend: str) -> SourceError:
        return SourceError(self._asker.hide(what), asset=self._asker.asset, mend=mend)


def refuse(asker: Asker, answer: Answer, *, connection: str) -> None:
    """Raise SourceError where a server refused what it was asked."""
    if answer.status < 400:
        return
    mend = "Look at the path and its parameters."
    if answer.status in (401, 403):
        mend = f"Look at auth of [connections.{connection}]."
    raise SourceError(
        asker.hide(f"{answer.url} answered {answer.status}: {_said(answer.body)}"), asset=asker.asset, mend=mend
    )


def refuse_errors(asker: Asker, address: str, value: Any) -> None:
    """Raise SourceError where a GraphQL answer has errors: its data is then not all there is."""
    errors = value.get("errors") if isinstance(value, dict) else None
    if not errors:
        return
    first = errors[0] if isinstance(errors, list) else errors
    said = first.get("message") if isinstance(first, dict) else first
    raise SourceError(
        asker.hide(f"{address} answered with errors: {_said(str(said).encode())}"),
        asset=asker.asset,
        mend="Look at the query and its variables.",
    )


def with_parameters(address: str, params: Mapping[str, object]) -> str:
    """The address with parameters; what is None is left out."""
    pairs = []
    for name, value in params.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        pairs += [(name, as_text(item)) for item in items if item is not None]
    if not pairs:
        return address
    parts = urlsplit(address)
    query = "&".join(piece for piece in (parts.query, urlencode(pairs)) if piece)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _first(asker: Asker, call: Call, values: Values | None) -> _Request:
    path, params, body = call.path, dict(call.params), call.body
    if values is not None:
        path, body = values.path(path), values.fill(body)
        params = {name: filled for name, value in params.items() if (filled := values.fill(value)) is not None}
    if call.graphql is not None:
        body, params = {"query": call.graphql, "variables": params}, {}
    return _Request(address=address_of(asker.base, path), params=tuple(params.items()), body=body)


def _put(body: Any, path: Path, value: Any) -> Any:
    """A body with one of its fields set."""
    name, *rest = path
    fields = dict(body) if isinstance(body, Mapping) else {}
    return {**fields, name: _put(fields.get(name), tuple(rest), value) if rest else value}


def _linked(header: str, rel: str) -> str | None:
    """The address of a relation in a header Link (RFC 8288)."""
    for address, options in re.findall(r"<([^>]*)>([^<]*)", header[:LINKS_CHARACTERS_MAX]):
        found = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+))", options, re.IGNORECASE)
        if found and rel.lower() in (found[1] or found[2] or "").lower().split():
            return str(address)
    return None


def _said(body: bytes) -> str:
    """The beginning of what a server said about its refusal, on one line and printable."""
    text = body[: SAID_CHARACTERS_MAX * 4].decode(errors="replace")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"{line[:SAID_CHARACTERS_MAX]!r}" if line else "it said nothing"

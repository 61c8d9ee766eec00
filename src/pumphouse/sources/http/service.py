"""The services `Http` and `Cursor` that a source's function asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pumphouse.declare.apis import call_of
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.addresses import address_of
from pumphouse.sources.http.asking import Asker, Question, settled
from pumphouse.sources.http.decoding import Undecodable, value_of
from pumphouse.sources.http.walking import Walk, refuse, refuse_errors, with_parameters
from pumphouse.sources.rows import as_text


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

    def __init__(self, connection: Connection, asker: Asker) -> None:
        self._connection = connection
        self._asker = asker

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Any = None,  # JSON
        graphql: str | None = None,
    ) -> Any:
        """The JSON value of one answer. Raises SourceError naming the address, the status and what was tried."""
        given = _values(params or {})
        if graphql is not None:
            body, given = {"query": graphql, "variables": given}, {}
        sent = None if body is None else msgspec.json.encode(body)
        question = Question(address=with_parameters(address_of(self._asker.base, path), given), body=sent)
        answer = settled(self._asker, question, self._asker.ask(question.address, body=sent))
        refuse(self._asker, answer, connection=self._connection.name)
        try:
            value = value_of(answer.body, content_type=answer.headers.get("content-type", ""))
        except Undecodable as error:
            raise SourceError(
                self._asker.hide(f"{answer.url} {error}"), asset=self._asker.asset, mend=error.mend
            ) from None
        if graphql is not None:
            refuse_errors(self._asker, answer.url, value)
        return value

    def pages(
        self,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        records: str | Mapping[str, str] | None = None,
        pages: Mapping[str, Any] | None = None,
        body: Any = None,  # JSON
        graphql: str | None = None,
        format: str | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """The records of each page until there is no next one, said in the words of `ph.api`.

        Without `records` an answer is the list of them, or has it in `data`; without `pages` the address of the next
        page is in `next`. Raises SourceError where a page comes twice, after PAGES_MAX pages, and where an answer is
        refused or can't be read.
        """
        call = call_of(
            path,
            records=records,
            pages={"next": "next"} if pages is None else pages,
            params=_values(params or {}),
            body=body,
            graphql=graphql,
            format=format,
        )
        for page in Walk(self._asker, call, connection=self._connection.name).pages():
            yield page.found.rows


def _values(params: Mapping[str, object]) -> dict[str, Any]:
    """Parameters with what a cursor stands at in its place; None and a cursor without a value are left out."""
    plain = {name: value.value if isinstance(value, CursorValue) else value for name, value in params.items()}
    return {name: value for name, value in plain.items() if value is not None}

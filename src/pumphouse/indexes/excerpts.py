"""The part of a text in which words were found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tantivy

CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Pieces of a text, each with whether it is a word that was looked for."""

    pieces: tuple[tuple[str, bool], ...]

    @property
    def html(self) -> str:
        """The excerpt for a page: escaped, with words found in `<mark>`."""
        return "".join(f"<mark>{escape(text)}</mark>" if found else escape(text) for text, found in self.pieces)


def excerpt(
    text: str, *, terms: Collection[str], field: str, searcher: tantivy.Searcher, schema: tantivy.Schema
) -> Excerpt | None:
    """Where the text holds most of these terms, or None where it holds none of them."""
    import tantivy

    looked_for = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, field, term)) for term in sorted(terms)]
    generator = tantivy.SnippetGenerator.create(searcher, tantivy.Query.boolean_query(looked_for), schema, field)
    generator.set_max_num_chars(CHARACTERS_MAX)
    document = tantivy.Document()
    document.add_text(field, text)
    snippet = generator.snippet_from_doc(document)
    fragment = snippet.fragment().encode()  # the library counts bytes of UTF-8
    pieces: list[tuple[str, bool]] = []
    at = 0
    for span in snippet.highlighted():
        pieces += [(fragment[at : span.start].decode(), False), (fragment[span.start : span.end].decode(), True)]
        at = span.end
    pieces.append((fragment[at:].decode(), False))
    return Excerpt(pieces=tuple(piece for piece in pieces if piece[0])) if len(pieces) > 1 else None

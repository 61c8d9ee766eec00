"""Many short texts in memory, as names and descriptions are, of which those are found that hold a word or nearly do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pumphouse.indexes import words

if TYPE_CHECKING:
    import tantivy

PREFIX_WORDS_MAX = 2_000
"""How many words one beginning may stand for."""
PART_CHARACTERS_MIN = 3
"""Fewer letters are in too many words to mean one of them."""
_TEXT, _NUMBER = "text", "number"
_HEAP_BYTES = 15 * 1024 * 1024
_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ShortTexts:
    """Texts, known by their place in the list that they came in. They do not change; threads may share them."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Raises MissingExtra where the search library is not installed."""
        words.require()
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_text_field(_TEXT, tokenizer_name=words.tokenizer(None), index_option="basic")
        builder.add_unsigned_field(_NUMBER, fast=True)
        self._schema = builder.build()
        index = tantivy.Index(self._schema)
        index.register_tokenizer(words.tokenizer(None), words.analyzer())
        writer = index.writer(_HEAP_BYTES, 1)
        for number, text in enumerate(texts):
            document = tantivy.Document()
            document.add_unsigned(_NUMBER, number)
            document.add_text(_TEXT, f"{apart(text)} {text}")
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()
        self._most = max(1, len(texts))

    def words_of(self, text: str) -> tuple[str, ...]:
        """The words of what somebody typed, each once: `rawOrders` are two."""
        return tuple(dict.fromkeys(words.analyzer().analyze(apart(text))))

    def with_word(self, word: str) -> frozenset[int]:
        """Texts that hold exactly this word."""
        import tantivy

        return self._of(tantivy.Query.term_query(self._schema, _TEXT, word, "basic"))

    def with_beginning(self, word: str) -> frozenset[int]:
        """Texts that hold a word which begins so."""
        import tantivy

        begun = [term for term, _ in self._searcher.terms_with_prefix(_TEXT, word, limit=PREFIX_WORDS_MAX)]
        return self._of(tantivy.Query.term_set_query(self._schema, _TEXT, begun)) if begun else frozenset()

    def with_part(self, word: str) -> frozenset[int]:
        """Texts that hold a word of which this is a part."""
        import tantivy

        if len(word) < PART_CHARACTERS_MIN:
            return frozenset()
        return self._of(tantivy.Query.regex_query(self._schema, _TEXT, f".*{re.escape(word)}.*"))

    def with_typo(self, word: str, *, distance: int) -> frozenset[int]:
        """Texts that hold a word which begins like this one but for so many letters (1 or 2)."""
        import tantivy

        query = tantivy.Query.fuzzy_term_query(self._schema, _TEXT, word, distance=distance, prefix=True)
        return self._of(query)

    def _of(self, query: tantivy.Query) -> frozenset[int]:
        hits = self._searcher.search(query, self._most, count=False).hits
        return frozenset(int(one or 0) for one in self._searcher.fast_field_values(_NUMBER, [at for _, at in hits]))


def apart(text: str) -> str:
    """The text with the parts of its names apart: "rawOrders_2024" is "raw Orders 2024"."""
    return _BORDERS.sub(" ", text.replace("_", " "))


def folded(text: str) -> str:
    """The text in small letters, without accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))

"""How text becomes words, and the shape of an index on disk. Both change only together with VERSION."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import tantivy

VERSION = 1
"""An index made with another one is not searched, since its words would not be found."""
KEY, SORT = "key", "sort"
WORD_BYTES_MAX = 100
"""Longer runs of letters are no words that anybody types."""
_FOLDED = "folded"


def text_field(column: str) -> str:
    """The index's field for the words of a column."""
    return f"text:{column}"


def filter_field(column: str) -> str:
    """The index's field for a column's value as a whole."""
    return f"filter:{column}"


def require() -> None:
    """Raise MissingExtra where the search library is not installed."""
    try:
        import tantivy  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingExtra("tantivy", extra="search", purpose="a search index") from error


def analyzer() -> tantivy.TextAnalyzer:
    """Words are runs of letters and digits, in lower case and without accents: "Café's" is `cafe`, `s`."""
    import tantivy

    kept = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.remove_long(WORD_BYTES_MAX))
    return kept.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold()).build()


def shape(*, text: Iterable[str], filters: Iterable[str], sort: str | None) -> tantivy.Schema:
    """The schema of an index: the row's key is stored, text is not. `sort` is "integer", "float" or None."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field(KEY, stored=True, tokenizer_name="raw", index_option="basic")
    for column in text:
        builder.add_text_field(text_field(column), tokenizer_name=_FOLDED, index_option="position")
    for column in filters:
        builder.add_text_field(filter_field(column), tokenizer_name="raw", index_option="basic")
    if sort == "integer":
        builder.add_integer_field(SORT, fast=True)
    elif sort == "float":
        builder.add_float_field(SORT, fast=True)
    return builder.build()


def create(folder: Path, schema: tantivy.Schema) -> tantivy.Index:
    """A new index in an empty folder."""
    import tantivy

    return _with_words(tantivy.Index(schema, path=str(folder)))


def open_index(folder: Path) -> tantivy.Index:
    """The index in a folder. Raises ValueError where there is none."""
    import tantivy

    return _with_words(tantivy.Index.open(str(folder)))


def _with_words(index: tantivy.Index) -> tantivy.Index:
    index.register_tokenizer(_FOLDED, analyzer())
    return index

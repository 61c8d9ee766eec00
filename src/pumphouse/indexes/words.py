"""How text becomes words. It changes only together with VERSION."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import tantivy

VERSION = 2
"""An index made with another one is not searched, since its words would not be found."""
WORD_BYTES_MAX = 100
"""Longer runs of letters are no words that anybody types."""
TOKENIZER = "words"
"""What an index calls the analyzer of its text fields."""


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


def create(folder: Path, schema: tantivy.Schema) -> None:
    """A new index in a folder, which is made."""
    import tantivy

    folder.mkdir(parents=True)
    tantivy.Index(schema, path=str(folder))


def open_index(folder: Path) -> tantivy.Index:
    """The index in a folder. Raises ValueError where there is none."""
    import tantivy

    index = tantivy.Index.open(str(folder))
    index.config_reader(reload_policy="manual")
    index.register_tokenizer(TOKENIZER, analyzer())
    return index

"""How text becomes words. It changes only together with VERSION."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.declare.facts import LANGUAGES
from pumphouse.errors import MissingExtra
from pumphouse.indexes import letters

if TYPE_CHECKING:
    import tantivy

VERSION = 3
"""An index made with another one is not searched, since its words would not be found."""
WORD_BYTES_MAX = 255
"""Longer runs of letters are no words that anybody types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The words of a text that is looked for, in their order."""

    terms: list[str]
    is_open: bool = False
    """Whether it ends with letters without spaces, so that others may follow at once: 東京 is in 東京都."""
    is_begun: bool = False
    """Whether the last term is one such letter, by which words of two begin."""


def require() -> None:
    """Raise MissingExtra where the search library is not installed."""
    try:
        import tantivy  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingExtra("tantivy", extra="search", purpose="a search index") from error


def tokenizer(language: str | None) -> str:
    """What an index calls the analyzer of a text field in this language."""
    return f"words-{language}" if language else "words"


def analyzer(language: str | None = None) -> tantivy.TextAnalyzer:
    """Words are runs of letters and digits, in lower case and without accents: "Café's" is `cafe`, `s`.

    Of a language, words that differ by their endings alone are one: "deliveries" is `deliveri`, as "delivery" is. It
    is for a text that `letters` has prepared.
    """
    import tantivy

    kept = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(
        tantivy.Filter.remove_long(WORD_BYTES_MAX + 1)
    )
    # Accents go first: İ has no small letter without one, and a word that is typed without them has the same stem.
    kept = kept.filter(tantivy.Filter.ascii_fold()).filter(tantivy.Filter.lowercase())
    return (kept.filter(tantivy.Filter.stemmer(language)) if language else kept).build()


def typed(text: str, analyzer: tantivy.TextAnalyzer) -> Typed:
    """The words that a row must have one after the other for this text to be in it."""
    terms = analyzer.analyze(letters.prepared(text))
    folded = letters.folded(text)
    runs = letters.runs(folded)
    if not terms or not runs or terms[-1] != folded[runs[-1][1] - 1 : runs[-1][1]]:
        return Typed(terms=terms)
    start, end = runs[-1]
    is_one = end - start == 1
    return Typed(terms=terms if is_one else terms[:-1], is_open=True, is_begun=is_one)


def placed(text: str, analyzer: tantivy.TextAnalyzer) -> Iterator[tuple[str, int, int]]:
    """Each word of a text, and where its letters stand in the text as it is, from and to."""
    if not letters.is_special(text):
        for one in analyzer.pre_tokenize(text).tokens:
            yield one.text, one.char_offset_from, one.char_offset_to
        return
    folded, source = letters.traced(text)
    at = 0
    for start, end in [*letters.runs(folded), (len(folded), len(folded))]:
        for one in analyzer.pre_tokenize(folded[at:start]).tokens if start > at else ():
            yield one.text, source[at + one.char_offset_from], source[at + one.char_offset_to]
        for place in range(start, end):
            two = folded[place : min(place + 2, end)]
            yield two, source[place], source[place + len(two)]
        at = end


def marks(text: str, terms: Collection[str], analyzer: tantivy.TextAnalyzer) -> list[tuple[int, int, str]]:
    """Where one of these terms stands in a text: from, to, which. A letter without spaces is where a word begins so."""
    known = list(placed(text, analyzer))
    found = []
    for number, (word, start, end) in enumerate(known):
        if word in terms:
            found.append((start, end, word))
        elif word[0] in terms and letters.runs(word[0]):
            found.append((start, known[number + 1][1], word[0]))  # there is a next, since the run goes on
    return found


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
    for language in (None, *LANGUAGES):
        index.register_tokenizer(tokenizer(language), analyzer(language))
    return index

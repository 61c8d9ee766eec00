"""A query's tree as the search library takes it, for one index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.errors import QueryError, UnknownName, did_you_mean
from pumphouse.indexes import letters, words
from pumphouse.indexes.fields import Field, equal, value_of
from pumphouse.indexes.queries import All, Both, Either, Node, Not, Words, parse
from pumphouse.indexes.synonyms import expanded
from pumphouse.indexes.words import Typed

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest

PREFIX_WORDS_MAX = 1_000
"""How many words one `deliver*` may stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What is run, and for each text column the terms that an excerpt marks."""

    query: tantivy.Query
    terms: Mapping[str, frozenset[str]]
    analyzers: Mapping[str, tantivy.TextAnalyzer]
    """By which the words of each of these columns are made."""


def lookup(query: str, *, index: tantivy.Index, manifest: Manifest, where: Mapping[str, str]) -> Lookup:
    """What the query asks of this index. Raises QueryError, which points at the character, and UnknownName."""
    import tantivy

    reading = _Reading(query, index=index, manifest=manifest)
    tree = expanded(parse(query), manifest.synonyms, query=query, columns=reading.text)
    must = [reading.of(tree)]
    for column, value in where.items():
        if column not in reading.filters:
            mend = did_you_mean(column, reading.filters) or reading.known()
            raise UnknownName(f"rows can't be filtered by '{column}'", asset=manifest.name, mend=mend)
        field = manifest.by_column[column]
        try:
            typed = value_of(field, value)
        except ValueError as error:
            raise UnknownName(f"column '{column}': {error}", asset=manifest.name) from error
        must.append(equal(field, to=typed, schema=index.schema))
    return Lookup(
        query=tantivy.Query.boolean_query([(tantivy.Occur.Must, part) for part in must]),
        terms={column: frozenset(terms) for column, terms in reading.terms.items()},
        analyzers={column: reading.analyzers[manifest.by_column[column].language] for column in reading.text},
    )


class _Reading:
    """One query, read for one index; `terms` are gathered on the way."""

    def __init__(self, query: str, *, index: tantivy.Index, manifest: Manifest) -> None:
        self.query = query
        self.schema = index.schema
        self.searcher = index.searcher()
        self.manifest = manifest
        languages = {field.language for field in manifest.fields if field.is_text}
        self.analyzers = {language: words.analyzer(language) for language in (*languages, None)}
        self.text = [field.column for field in manifest.fields if field.is_text]
        self.filters = [field.column for field in manifest.fields if field.value is not None]
        self.terms: dict[str, set[str]] = {column: set() for column in self.text}

    def of(self, node: Node, *, excluded: bool = False) -> tantivy.Query:
        import tantivy

        match node:
            case All():
                return tantivy.Query.all_query()
            case Not():
                everything = (tantivy.Occur.Must, tantivy.Query.all_query())
                return tantivy.Query.boolean_query(
                    [everything, (tantivy.Occur.MustNot, self.of(node.node, excluded=True))]
                )
            case Both() | Either():
                occur = tantivy.Occur.Must if isinstance(node, Both) else tantivy.Occur.Should
                parts = [self.of(part, excluded=excluded) for part in node.nodes]
                return tantivy.Query.boolean_query([(occur, part) for part in parts])
            case Words():
                return self.words(node, excluded=excluded)

    def words(self, node: Words, *, excluded: bool) -> tantivy.Query:
        import tantivy

        if node.column in self.filters and node.column not in self.text:
            if node.is_prefix:
                raise self.error(node, f"column '{node.column}' is compared as a whole, so a star means nothing")
            filtered = self.manifest.by_column[node.column]
            try:
                value = value_of(filtered, node.text)
            except ValueError as error:
                raise self.error(node, str(error)) from error
            return equal(filtered, to=value, schema=self.schema)
        if node.column is not None and node.column not in self.text:
            known = (*self.text, *self.filters)
            mend = did_you_mean(node.column, known) or self.known()
            raise self.error(node, f"there is no column '{node.column}' in this index", mend=mend)
        anywhere = []
        for column in [node.column] if node.column else self.text:
            query, terms = self.in_field(node, self.manifest.by_column[column])
            anywhere.append((tantivy.Occur.Should, query))
            if not excluded:
                self.terms[column].update(terms)
        return tantivy.Query.boolean_query(anywhere)

    def in_field(self, node: Words, field: Field) -> tuple[tantivy.Query, list[str]]:
        """What finds the words in one field, and the terms that an excerpt marks."""
        import tantivy

        typed = words.typed(node.text, self.analyzers[field.language])
        terms = typed.terms
        if not terms:
            raise self.error(node, f"'{node.text}' holds no letter or digit to look for")
        if node.is_prefix and not typed.is_open:
            terms = self.begun(node, field, typed)
            each = [tantivy.Query.term_query(self.schema, field.words, term) for term in terms]
            return tantivy.Query.boolean_query([(tantivy.Occur.Should, one) for one in each]), terms
        if typed.is_begun and len(terms) == 1:
            return tantivy.Query.regex_query(self.schema, field.words, f"{terms[0]}.?"), terms
        if typed.is_begun:
            return tantivy.Query.phrase_prefix_query(self.schema, field.words, list(terms)), terms
        if len(terms) > 1:
            return tantivy.Query.phrase_query(self.schema, field.words, list(terms)), terms
        return tantivy.Query.term_query(self.schema, field.words, terms[0]), terms

    def begun(self, node: Words, field: Field, typed: Typed) -> list[str]:
        """The words of a field that begin so; of words without their endings, also the one that is typed."""
        if len(typed.terms) > 1:
            raise self.error(node, "a star follows one word")
        [start] = self.analyzers[None].analyze(letters.prepared(node.text))
        begun = self.searcher.terms_with_prefix(field.words, start, limit=PREFIX_WORDS_MAX + 1)
        if len(begun) > PREFIX_WORDS_MAX:
            raise self.error(node, f"more than {PREFIX_WORDS_MAX:,} words begin so", mend="Type more letters.")
        return list({term for term, _ in begun} | {*typed.terms})

    def error(self, node: Words, what: str, *, mend: str | None = None) -> QueryError:
        return QueryError(what, query=self.query, position=node.position, mend=mend)

    def known(self) -> str:
        filters = f"; rows are filtered by {', '.join(self.filters)}" if self.filters else ""
        return f"Text is in {', '.join(self.text)}{filters}."

"""A query's tree as the search library takes it, for one index."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pumphouse.errors import QueryError, UnknownName, did_you_mean
from pumphouse.indexes import letters, values, words
from pumphouse.indexes.alike import Alike
from pumphouse.indexes.estimates import Estimate, estimate
from pumphouse.indexes.excerpts import Marks
from pumphouse.indexes.fields import Field
from pumphouse.indexes.queries import All, Both, Bound, Either, Node, Not, Present, Range, Words, parse
from pumphouse.indexes.synonyms import expanded

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest

LOOSE_WORDS_MAX = 8
"""How many words a phrase may have whose words may lie apart."""
LOOSE_MAX = 12
"""How many words with a star or a ~, and ranges of texts, a query may have: each stands for many of the table's words.

Measured with 300,000 rows of 12 words: 26 of them took 5 s, and 90 of three letters with a ~2 took 15.
"""
FUZZY_CHARACTERS_MAX = 60
"""Words that are longer are not looked for by the letters in which they differ."""

Where = Mapping[str, Any]
"""What filter columns are: a value, several of them, or None for no value; text is as somebody types it.

A column may be followed by `>`, `>=`, `<` or `<=`: {"opened_at >=": "2026-01-03"}.
"""
_COMPARED = re.compile(r"(.*?)\s*(>=|<=|>|<)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What is run, and for each text column what an excerpt marks."""

    query: tantivy.Query
    where: tantivy.Query
    """The filters alone that do not stand in the query's text."""
    marks: Mapping[str, Marks]
    analyzers: Mapping[str, tantivy.TextAnalyzer]
    """By which the words of each of these columns are made."""
    words: tuple[Words, ...]
    """Those that rows have to have."""
    estimate: Estimate
    alike: Alike | None
    """Where one word with a star or a ~ is all that scores rows."""

    @property
    def is_scored(self) -> bool:
        """Whether some rows match better than others."""
        return bool(self.words)


def lookup(query: str, *, index: tantivy.Index, manifest: Manifest, where: Where) -> Lookup:
    """What the query asks of this index. Raises QueryError, which points at the character, and UnknownName."""
    import tantivy

    reading = _Reading(query, index=index, manifest=manifest)
    tree = expanded(parse(query), manifest.synonyms, query=query, columns=reading.text)
    parts = [(node, reading.of(node)) for node in (tree.nodes if isinstance(tree, Both) else (tree,))]
    filters = [reading.filter(column, value) for column, value in where.items()]
    asked = [*(query for _, query in parts), *filters]
    return Lookup(
        query=values.every(asked) if len(asked) > 1 else asked[0],
        where=values.filtering(values.every(filters or [tantivy.Query.all_query()])),
        marks=reading.marks(),
        analyzers={column: reading.analyzers[manifest.by_column[column].language] for column in reading.text},
        words=tuple(reading.found),
        estimate=estimate(tree, searcher=index.searcher(), manifest=manifest, analyzers=reading.analyzers),
        alike=reading.alone(parts, filters),
    )


class _Reading:
    """One query, read for one index; what is looked for is gathered on the way."""

    def __init__(self, query: str, *, index: tantivy.Index, manifest: Manifest) -> None:
        self.query = query
        self.index = index
        self.schema = index.schema
        self.manifest = manifest
        languages = {field.language for field in manifest.fields if field.is_text}
        self.analyzers = {language: words.analyzer(language) for language in (*languages, None)}
        self.text = [field.column for field in manifest.fields if field.is_text]
        self.filters = [field.column for field in manifest.fields if field.value is not None]
        self.found: list[Words] = []
        self.loose = 0
        self.terms: dict[str, set[str]] = {column: set() for column in self.text}
        self.starts: dict[str, set[str]] = {column: set() for column in self.text}
        self.like: dict[str, set[tuple[str, int]]] = {column: set() for column in self.text}
        self.steps: dict[Words, list[list[tantivy.Query]]] = {}
        self.itself: dict[Words, tantivy.Query] = {}

    def marks(self) -> dict[str, Marks]:
        return {
            column: Marks(
                terms=frozenset(self.terms[column]),
                starts=frozenset(self.starts[column]),
                like=frozenset(self.like[column]),
            )
            for column in self.text
        }

    def alone(self, parts: Sequence[tuple[Node, tantivy.Query]], filters: Sequence[tantivy.Query]) -> Alike | None:
        """What scores rows where that is one word with a star or a ~."""
        scoring = [node for node, _ in parts if not self.is_filter(node)]
        if len(scoring) != 1 or not isinstance(word := scoring[0], Words):
            return None
        steps = self.steps.get(word, [])
        if len(steps) < (len(self.text) if word.column is None else 1):
            return None
        itself = self.itself.get(word)
        return Alike(
            steps=steps,
            itself=itself,
            is_nested=len(steps) == 1 and not (word.is_prefix and itself is not None),
            rest=[*(query for node, query in parts if node is not word), *filters],
        )

    def is_filter(self, node: Node) -> bool:
        """Whether it adds nothing to the score of a row."""
        match node:
            case Words(column=str(column)):
                return not self.manifest.by_column[column].is_text
            case Range() | Present() | Not():
                return True
            case _:
                return False

    def of(self, node: Node, *, excluded: bool = False) -> tantivy.Query:
        import tantivy

        match node:
            case All():
                return tantivy.Query.all_query()
            case Not():
                return values.without(self.of(node.node, excluded=True))
            case Both():
                return values.every([self.of(part, excluded=excluded) for part in node.nodes])
            case Either():
                return values.any_of([self.of(part, excluded=excluded) for part in node.nodes])
            case Words():
                return self.words(node, excluded=excluded)
            case Present():
                return values.present(self.schema, self.field(node))
            case Range():
                return self.range(node)

    def filter(self, column: str, value: object) -> tantivy.Query:
        """Rows by a filter beside the query's text."""
        compared = None if column in self.filters else _COMPARED.fullmatch(column)
        column, sign = (compared[1], compared[2]) if compared else (column, "")
        if column not in self.filters:
            mend = did_you_mean(column, self.filters) or self.known()
            raise UnknownName(f"rows can't be filtered by '{column}'", asset=self.manifest.name, mend=mend)
        field = self.manifest.by_column[column]
        if sign and (value is None or isinstance(value, list | tuple | set | frozenset)):
            raise UnknownName(f"column '{column}' is compared by '{sign}' with one value", asset=self.manifest.name)
        try:
            if sign:
                of = values.lowest if sign[0] == ">" else values.highest
                end = of(field, values.typed(value), is_included=len(sign) == 2)
                low, high = (end, None) if sign[0] == ">" else (None, end)
                return values.within(self.index, field, low=low, high=high)
            found = [
                values.same(self.schema, field, None)
                if one is None
                else values.equal(self.schema, field, values.typed(one))
                for one in values.several(value)
            ]
        except ValueError as error:
            raise UnknownName(f"column '{column}': {error}", asset=self.manifest.name) from error
        return values.any_of(found)

    def range(self, node: Range) -> tantivy.Query:
        field = self.field(node)
        if field.value is None:
            raise self.error(
                node,
                f"only the words of column '{field.column}' are searched",
                mend=f'To compare it as a whole, declare it: ph.search(..., filter=["{field.column}"]).',
            )
        if field.value == "text":
            self.loosely(node)
        low = None if node.low is None else self.end(node.low, field, values.lowest)
        high = None if node.high is None else self.end(node.high, field, values.highest)
        return values.within(self.index, field, low=low, high=high)

    def end(self, bound: Bound, field: Field, of: Callable[..., values.End]) -> values.End:
        try:
            return of(field, bound.text, is_included=bound.is_included)
        except ValueError as error:
            raise self.error(bound, str(error)) from error

    def words(self, node: Words, *, excluded: bool) -> tantivy.Query:
        if node.column is not None and not (field := self.field(node)).is_text:
            return self.value(node, field)
        if node.column is None and node.text.endswith(":") and node.text[:-1] in (*self.text, *self.filters):
            raise self.error(node, f"a value is missing after {node.text}", mend="Leave no space after the colon.")
        if node.is_prefix or node.distance:
            self.loosely(node)
        anywhere = [
            self.in_field(node, self.manifest.by_column[column], excluded=excluded)
            for column in ([node.column] if node.column else self.text)
        ]
        if not excluded:
            self.found.append(node)
        return anywhere[0] if len(anywhere) == 1 else values.any_of(anywhere)

    def loosely(self, node: Words | Range) -> None:
        """Count what stands for many words."""
        self.loose += 1
        if self.loose > LOOSE_MAX:
            what = f"a search has at most {LOOSE_MAX} words with a star or a ~, and ranges of texts"
            raise self.error(node, what, mend="Look for whole words, or search several times.")

    def value(self, node: Words, field: Field) -> tantivy.Query:
        """Rows whose value as a whole is this one."""
        if node.slop or node.distance:
            raise self.error(node, f"column '{field.column}' is compared as a whole, so a ~ means nothing")
        if node.is_prefix and field.value != "text":
            raise self.error(node, f"column '{field.column}' holds no text, so a star means nothing")
        if node.is_prefix:
            self.loosely(node)
            return values.begun(self.schema, field, node.text)
        try:
            return values.equal(self.schema, field, node.text)
        except ValueError as error:
            raise self.error(node, str(error)) from error

    def in_field(self, node: Words, field: Field, *, excluded: bool) -> tantivy.Query:
        """What finds the words in one field; what an excerpt marks is remembered."""
        import tantivy

        typed = words.typed(node.text, self.analyzers[field.language])
        terms = typed.terms
        if not terms:
            raise self.error(node, f"'{node.text}' holds no letter or digit to look for")
        if (node.is_prefix and not typed.is_open) or node.distance:
            if len(terms) > 1 or typed.is_open:
                raise self.error(node, f"a {'star' if node.is_prefix else '~'} follows one word")
            return self.alike(node, field, terms[0], excluded=excluded)
        if not excluded:
            self.terms[field.column].update(terms)
        if typed.is_begun and len(terms) == 1:
            return tantivy.Query.regex_query(self.schema, field.words, f"{terms[0]}.?")
        if typed.is_begun:
            return tantivy.Query.phrase_prefix_query(self.schema, field.words, list(terms))
        if len(terms) == 1:
            return tantivy.Query.term_query(self.schema, field.words, terms[0])
        if not node.slop or len(terms) == 2:
            return tantivy.Query.phrase_query(self.schema, field.words, list(terms), slop=node.slop)
        return self.apart(node, field, terms)

    def alike(self, node: Words, field: Field, term: str, *, excluded: bool) -> tantivy.Query:
        """Words that begin so, or differ in so many letters; those that differ least count most."""
        import tantivy

        if node.is_prefix:
            # Of words without their endings, also the one that is typed.
            [start] = self.analyzers[None].analyze(letters.prepared(node.text))
            if not excluded:
                self.starts[field.column].add(start)
                self.terms[field.column].add(term)
            begun = tantivy.Query.fuzzy_term_query(self.schema, field.words, start, distance=0, prefix=True)
            self.steps.setdefault(node, []).append([begun])
            if term.startswith(start):
                return begun
            self.itself[node] = tantivy.Query.term_query(self.schema, field.words, term)
            return values.any_of([begun, self.itself[node]])
        if len(term) > FUZZY_CHARACTERS_MAX:
            raise self.error(node, f"a word with a ~ has at most {FUZZY_CHARACTERS_MAX} letters")
        if not excluded:
            self.like[field.column].add((term, node.distance))
        found = [
            tantivy.Query.fuzzy_term_query(self.schema, field.words, term, distance=distance)
            for distance in range(1, node.distance + 1)
        ]
        self.steps.setdefault(node, []).append(found)
        self.itself[node] = tantivy.Query.term_query(self.schema, field.words, term)
        return values.any_of([*found, self.itself[node]])

    def apart(self, node: Words, field: Field, terms: Sequence[str]) -> tantivy.Query:
        """Each two of the words at most so many places further apart than they stand in the phrase.

        The library knows more than two words that lie apart too, and does not find them all.
        """
        import tantivy

        if len(terms) > LOOSE_WORDS_MAX:
            raise self.error(node, f"a phrase with a ~ has at most {LOOSE_WORDS_MAX} words")
        return values.every(
            [
                tantivy.Query.phrase_query(
                    self.schema, field.words, [(0, one), (second - first, other)], slop=node.slop
                )
                for (first, one), (second, other) in combinations(enumerate(terms), 2)
            ]
        )

    def field(self, node: Words | Range | Present) -> Field:
        """The field of a node's column."""
        field = self.manifest.by_column.get(node.column or "")
        if field is None:
            known = (*self.text, *self.filters)
            mend = did_you_mean(node.column or "", known) or self.known()
            raise self.error(node, f"there is no column '{node.column}' in this index", mend=mend)
        return field

    def error(self, node: Words | Range | Present | Bound, what: str, *, mend: str | None = None) -> QueryError:
        return QueryError(what, query=self.query, position=node.position, mend=mend)

    def known(self) -> str:
        filters = f"; rows are filtered by {', '.join(self.filters)}" if self.filters else ""
        return f"Text is in {', '.join(self.text)}{filters}."

"""Which words of a column look like shorthand that no dictionary has yet, and what they might stand for.

There is no list of words behind it. A word is told of where its shape says so (no vowels, digits inside, capitals, a
full stop inside sentences). An expansion is proposed only where it stands in the same column, again and again, fits the
letters, is much more frequent than any other that does, and has the same words beside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pumphouse.cleaning.dictionaries.dictionary import Dictionary
from pumphouse.cleaning.dictionaries.words import cut, folded, is_mark, is_opaque, is_spaceless, normalised

COUNT_MIN = 3
"""Less frequent words and phrases say nothing."""
RATIO_MIN = 3
"""So many times as frequent as the next that fits is what is proposed."""
NEIGHBOURS_MIN = 2
"""Different words that stand beside both the shorthand and what it may stand for."""
SHARE_MIN = 0.8
"""Of a word's places: those in capitals, or before a full stop in a sentence."""
LENGTH_MAX = 12
LETTERS_MIN = 3
"""Of a shorthand that an expansion is proposed for: two letters fit too much."""
PLAIN_MIN = 4
"""Of one whose shape says nothing."""
INITIALS_MAX = 6
PHRASE_SHARE_MIN = 0.1
"""How often a phrase stands there, for each time that its first letters do."""
EXAMPLES_MAX = 3
AROUND_MAX = 8
"""Tokens shown on each side of an example."""
VOWELS = frozenset("aeiouyàáâäãåæèéêëìíîïòóôöõøœùúûüыаеёиоуэюя")
ORDINAL = re.compile(r"\d+(st|nd|rd|th|am|pm|[a-z])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a word may stand for, and why."""

    expansion: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word that looks like shorthand."""

    term: str
    count: int
    why: tuple[str, ...]
    examples: tuple[str, ...]
    """Where it stands, with the words around, on one line each."""
    proposal: Proposal | None


@dataclass(slots=True)
class Seen:
    """What is known of one word or phrase."""

    count: int = 0
    capitals: int = 0
    stopped: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    beside: Counter[tuple[str, str]] = field(default_factory=Counter)


Words = list[tuple[str, int]]
"""The words of a text with their places among its tokens."""


def terms(
    texts: Sequence[tuple[str, int]], dictionary: Dictionary, *, refused: frozenset[tuple[str, str]] = frozenset()
) -> list[Term]:
    """The words that look like shorthand, most frequent first, of texts with how often each stands in the column."""
    parts = [(cut(normalised(text))[0], count) for text, count in texts]
    words = [_words(tokens) for tokens, _ in parts]
    seen = _seen(parts, words)
    known = _known(dictionary) | {folded(shorthand) for shorthand, expansion in refused if not expansion}
    candidates = {
        word: one
        for word, one in seen.items()
        if one.count >= COUNT_MIN and word not in known and 2 <= len(word) <= LENGTH_MAX and any(map(str.isalpha, word))
    }
    shapes = {word: shape for word, one in candidates.items() if (shape := tuple(_shape(word, one)))}
    phrases = _phrases(parts, words, [word for word in candidates if word in shapes or len(word) >= PLAIN_MIN])
    by_first: dict[str, list[str]] = defaultdict(list)
    for word, one in seen.items():
        if one.count >= COUNT_MIN:
            by_first[word[0]].append(word)
    found = []
    for word, one in candidates.items():
        fitting = {
            phrase: of
            for phrase, of in phrases.get(word, {}).items()
            if of.count >= PHRASE_SHARE_MIN * one.count and (_form(one), phrase) not in refused
        }
        longer = {
            other: seen[other]
            for other in by_first[word[0]]
            if word in shapes and _abbreviates(word, other, shapes[word]) and (_form(one), other) not in refused
        }
        proposal = _surest(one, fitting, "the first letters of '{}', which stands there {} times") or _surest(
            one, longer, "letters of '{}', which stands there {} times"
        )
        if proposal or word in shapes:
            found.append((word, one, proposal))
    found.sort(key=lambda term: (-term[1].count, term[0]))
    examples = _examples(parts, words, {word for word, _, _ in found})
    return [
        Term(
            term=_form(one),
            count=one.count,
            why=shapes.get(word, ()),
            examples=tuple(examples[word]),
            proposal=proposal,
        )
        for word, one, proposal in found
    ]


def _words(tokens: list[str]) -> Words:
    return [
        (folded(token), place)
        for place, token in enumerate(tokens)
        if not token.isspace() and not is_mark(token) and not is_opaque(token) and not is_spaceless(token)
    ]


def _known(dictionary: Dictionary) -> set[str]:
    """The words of shorthands and of expansions, which nobody needs to be told of."""
    return {
        folded(token)
        for entry in dictionary.entries
        for text in (entry.shorthand, entry.expansion)
        for token in cut(text)[0]
    }


def _seen(parts: list[tuple[list[str], int]], words: list[Words]) -> dict[str, Seen]:
    seen: dict[str, Seen] = defaultdict(Seen)
    for (tokens, times), listed in zip(parts, words, strict=True):
        loud = all(token == token.upper() for token in tokens)
        for number, (word, place) in enumerate(listed):
            one, token = seen[word], tokens[place]
            one.count += times
            one.forms[token] += times
            one.capitals += times * (not loud and token.isupper() and len(token) > 1)
            after = tokens[place + 1 : place + 4]
            one.stopped += times * (
                len(after) == 3 and after[0] == "." and after[1].isspace() and after[2][0].islower()
            )
            _beside(one, listed, number, number, times)
    return seen


def _beside(one: Seen, listed: Words, first: int, last: int, times: int) -> None:
    if first > 0:
        one.beside["before", listed[first - 1][0]] += times
    if last + 1 < len(listed):
        one.beside["after", listed[last + 1][0]] += times


def _form(one: Seen) -> str:
    """As it is mostly written; in small letters where capitals only begin sentences, so that it matches in any case."""
    form = one.forms.most_common(1)[0][0]
    return form if one.capitals >= SHARE_MIN * one.count else form.lower()


def _shape(word: str, one: Seen) -> Iterator[str]:
    letters = [letter for letter in word if letter.isalpha()]
    plain = {unicodedata.normalize("NFD", letter)[0] for letter in letters}
    if len(letters) == len(word) and not plain & VOWELS and all(letter in _CASED for letter in plain):
        yield "no vowels"
    if any(map(str.isdigit, word)) and word.isalnum() and not ORDINAL.fullmatch(word) and len(word) <= LENGTH_MAX // 2:
        yield "digits inside"
    if one.capitals >= SHARE_MIN * one.count and len(word) <= INITIALS_MAX and len(letters) == len(word):
        yield "in capitals"
    if one.stopped >= max(COUNT_MIN, SHARE_MIN * one.count / 2):
        yield "a full stop after it inside sentences"


_CASED = frozenset("abcdefghijklmnopqrstuvwxyzßабвгдеёжзийклмнопрстуфхцчшщъыьэюя")
"""Letters of scripts in which vowels are written."""


def _phrases(
    parts: list[tuple[list[str], int]], words: list[Words], candidates: Iterable[str]
) -> dict[str, dict[str, Seen]]:
    """For each candidate, the phrases whose first letters it is."""
    wanted = {word for word in candidates if LETTERS_MIN <= len(word) <= INITIALS_MAX}
    lengths = {len(word) for word in wanted}
    found: dict[str, dict[str, Seen]] = defaultdict(lambda: defaultdict(Seen))
    for (tokens, times), listed in zip(parts, words, strict=True):
        initials = "".join(word[0] for word, _ in listed)
        for first in range(len(listed)):
            for length in lengths:
                word = initials[first : first + length]
                if len(word) < length or word not in wanted:
                    continue
                place, end = listed[first][1], listed[first + length - 1][1]
                between = tokens[place + 1 : end : 2]
                if end - place == 2 * (length - 1) and all(map(str.isspace, between)):
                    one = found[word][" ".join(part for part, _ in listed[first : first + length])]
                    one.count += times
                    _beside(one, listed, first, first + length - 1, times)
    return found


def _abbreviates(word: str, longer: str, shape: tuple[str, ...]) -> bool:
    """Whether the word is what is left of a longer one: its consonants, its beginning, or its beginning and end."""
    if not longer.isalpha() or not word.isalpha() or not LETTERS_MIN <= len(word) < len(longer):
        return False
    left = longer[0] + "".join(letter for letter in longer[1:] if letter not in VOWELS)
    once = re.sub(r"(.)\1", r"\1", left)
    if "no vowels" in shape and word in (left, once):
        return True
    is_cut = any(longer.startswith(word[:at]) and longer.endswith(word[at:]) for at in range(2, len(word) + 1))
    return is_cut and len(longer) >= len(word) + LETTERS_MIN and bool({*shape} & _OF_CUT_WORDS)


_OF_CUT_WORDS = frozenset({"no vowels", "a full stop after it inside sentences"})


def _surest(one: Seen, fitting: dict[str, Seen], why: str) -> Proposal | None:
    """The expansion that is much more frequent than any other that fits, and stands beside the same words."""
    order = sorted(fitting.items(), key=lambda item: (-item[1].count, item[0]))[:2]
    if not order or order[0][1].count < COUNT_MIN:
        return None
    if len(order) > 1 and order[0][1].count < RATIO_MIN * order[1][1].count:
        return None
    expansion, best = order[0]
    if len(one.beside.keys() & best.beside.keys()) < NEIGHBOURS_MIN:
        return None
    return Proposal(expansion=expansion, why=why.format(expansion, best.count))


def _examples(parts: list[tuple[list[str], int]], words: list[Words], wanted: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {word: [] for word in wanted}
    for (tokens, _), listed in zip(parts, words, strict=True):
        for word, place in listed:
            examples = found.get(word)
            if examples is not None and len(examples) < EXAMPLES_MAX:
                start, end = max(0, place - AROUND_MAX), place + AROUND_MAX + 1
                shown = " ".join("".join(tokens[start:end]).split())
                line = ("… " if start else "") + shown + (" …" if end < len(tokens) else "")
                if line not in examples:
                    examples.append(line)
    return found

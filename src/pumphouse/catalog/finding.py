"""Finding an asset by what is said of it: its name, columns, docs, owner, tags, kind, where it comes from, its values.

Ranks go by where a word stands and how near it is, then by use. Nothing in them depends on what else there is, so that
somebody who may see a part of the catalogue is answered as if there were no more.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from pumphouse.catalog.access import REMEMBERED, Reads, last_read, people
from pumphouse.catalog.words import ago, counted, plain
from pumphouse.declare.asset import Asset, Kind

What = Literal["name", "column", "tag", "owner", "doc", "column doc", "value", "kind", "source"]
WEIGHTS: Mapping[What, float] = {
    "name": 10.0, "tag": 6.0, "column": 5.0, "owner": 5.0, "doc": 4.0, "value": 3.0, "column doc": 3.0, "kind": 3.0,
    "source": 2.0,
}  # fmt: skip
"""What a word found there counts."""
EXACT, BEGINNING, PART, TYPO, TYPOS = 1.0, 0.7, 0.45, 0.35, 0.2
"""What of that a word counts which is that one, begins so, has it as a part, or is it but for one or two letters."""
TYPO_CHARACTERS_MIN, TYPOS_CHARACTERS_MIN = 4, 8
"""Of how many letters a word has to be for one or two of them to be wrong."""
DEPRECATED = "deprecated"
"""The tag of what nobody should begin to use."""
LOWERED: Mapping[str, float] = {"deprecated": 0.3, "unread": 0.8, "fact": 0.6}
FACTS = frozenset({"check", "contract", "bet"})
QUERY_CHARACTERS_MAX = 200
WORDS_MAX = 12
REASONS_MAX = 4
EXCERPT_CHARACTERS_MAX = 160
LIMIT_MAX = 200
_MONTH = timedelta(days=30)
_WORD = re.compile(r"[^\W_]+")
_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that is said of an asset; `column` where it is of one of its columns."""

    asset: str
    what: What
    text: str
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What of an asset somebody may be told. None of `columns` is all."""

    columns: frozenset[str] | None = None
    is_whole: bool = True
    """Whether they see all of it, unmasked: then also its values and its use."""
    sees_origin: bool = True
    """Whether they may know what it is made from."""

    def has(self, said: Said) -> bool:
        """Whether this may be said to them."""
        if said.what == "value":
            return self.is_whole
        if said.what == "source":
            return self.is_whole and self.sees_origin
        return not said.column or self.columns is None or said.column in self.columns


WHOLE = Sight()
"""All of it."""


class Texts(Protocol):
    """Texts of which those are found that hold a word, as `indexes.short_texts` does it."""

    def words_of(self, text: str) -> tuple[str, ...]: ...
    def with_word(self, word: str) -> frozenset[int]: ...
    def with_beginning(self, word: str) -> frozenset[int]: ...
    def with_part(self, word: str) -> frozenset[int]: ...
    def with_typo(self, word: str, *, distance: int) -> frozenset[int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How people used an asset in the last 30 days; `last` is the newest read within a year."""

    people: int
    reads: int
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an asset was found: pieces of what is said of it, each with whether it is a word that was looked for."""

    what: What
    column: str
    pieces: tuple[tuple[str, bool], ...]

    @property
    def where(self) -> str:
        """Where it is said, in words: "column", "doc of amount", "value of status"."""
        if self.what == "column doc":
            return f"doc of {self.column}"
        return f"value of {self.column}" if self.what == "value" else self.what

    @property
    def text(self) -> str:
        """The pieces as one text."""
        return "".join(text for text, _ in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """An asset that was found, with all reasons that count."""

    asset: str
    kind: Kind
    doc: str
    """The first line of what it is."""
    owner: str | None
    tags: tuple[str, ...]
    score: float
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    """Words that are not said of it."""
    used: Used | None
    """None where that may not be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """What a search of the catalogue came to, the best first. `total` counts all."""

    query: str
    hits: tuple[Find, ...]
    total: int
    snapshot: int
    now: datetime

    @property
    def values(self) -> Mapping[str, int]:
        """How many values of each asset are shown: they are rows that somebody reads."""
        counts = {hit.asset: sum(one.what == "value" for one in hit.reasons) for hit in self.hits}
        return {asset: count for asset, count in counts.items() if count}

    def to_dict(self) -> dict[str, Any]:  # values of JSON; times as ISO 8601
        """The same as plain values, for JSON."""
        return {name: plain(value) for name, value in asdict(self).items()}

    def to_text(self) -> str:
        """The same as lines that a person reads; words that were found stand in `[` and `]`."""
        lines = [line for hit in self.hits for line in _lines(hit, now=self.now)]
        if self.total > len(self.hits):
            lines.append(f"and {self.total - len(self.hits):,} more")
        return "\n".join(lines) or f"Nothing is called or described like '{self.query}'."


def said_of(
    asset: Asset,
    *,
    columns: Mapping[str, str],
    values: Mapping[str, Sequence[str]],
) -> Iterable[Said]:
    """All that is said of an asset. `columns` are those of its table, each with what it means."""
    name, common = asset.name, asset.common
    yield Said(asset=name, what="name", text=name)
    yield Said(asset=name, what="kind", text=asset.kind)
    if common.doc.strip():
        yield Said(asset=name, what="doc", text=common.doc.strip())
    if common.owner:
        yield Said(asset=name, what="owner", text=common.owner)
    for tag in common.tags:
        yield Said(asset=name, what="tag", text=tag)
    for source in dict.fromkeys([*asset.inputs, *_origins(asset), asset.place.file]):
        yield Said(asset=name, what="source", text=source)
    for column, doc in columns.items():
        yield Said(asset=name, what="column", text=column, column=column)
        if doc:
            yield Said(asset=name, what="column doc", text=doc, column=column)
    for column, texts in values.items():
        yield from (Said(asset=name, what="value", text=text, column=column) for text in texts)


def find(
    query: str,
    *,
    said: Sequence[Said],
    texts: Texts,
    assets: Mapping[str, Asset],
    sight: Callable[[str], Sight | None],
    used: Mapping[str, Used],
    limit: int,
    snapshot: int,
    now: datetime,
) -> Finds:
    """Assets of which the words of a query are said, the best first. `texts` are those of `said`, in its order.

    Where no asset has all the words, those that have the most. `sight` is None for what is not there for whoever asks.
    """
    query = query[:QUERY_CHARACTERS_MAX]
    asked = texts.words_of(query)[:WORDS_MAX]
    seen: dict[str, Sight | None] = {}

    def visible(numbers: frozenset[int]) -> list[int]:
        for number in numbers:
            if said[number].asset not in seen:
                seen[said[number].asset] = sight(said[number].asset)
        found = ((number, seen[said[number].asset]) for number in numbers)
        return [number for number, sees in found if sees is not None and sees.has(said[number])]

    by_asset: dict[str, dict[str, dict[int, float]]] = {}
    for word in asked:
        for number, nearness in _near(word, texts, visible).items():
            by_asset.setdefault(said[number].asset, {}).setdefault(word, {})[number] = nearness
    most = max(map(len, by_asset.values()), default=0)
    ranked = sorted(
        ((-_score(assets[name], found, said, used.get(name)), name) for name, found in by_asset.items()
         if len(found) == most),
    )  # fmt: skip
    hits = tuple(
        _hit(
            assets[name],
            by_asset[name],
            said,
            asked,
            score=-score,
            used=used.get(name) if (sees := seen[name]) is not None and sees.is_whole else None,
        )
        for score, name in ranked[: max(1, min(limit, LIMIT_MAX))]
    )
    return Finds(query=query, hits=hits, total=len(ranked), snapshot=snapshot, now=now)


def uses(lake_reads: Reads, names: Iterable[str]) -> dict[str, Used]:
    """How people used each of these assets."""
    found = {}
    for name in names:
        recent = lake_reads.within(_MONTH, name)
        last = last_read(lake_reads.within(REMEMBERED, name))
        found[name] = Used(
            people=len(people(recent)), reads=sum(one.reads for one in recent), last=last.at if last else None
        )
    return found


def _origins(asset: Asset) -> Iterable[str]:
    """Where an asset comes from or goes to, as its spec names it."""
    for name in ("connection", "table", "pattern", "path", "to", "url", "model", "asset"):
        value = getattr(asset.spec, name, None)
        if isinstance(value, str) and value:
            yield value


def _near(word: str, texts: Texts, visible: Callable[[frozenset[int]], list[int]]) -> dict[int, float]:
    """Texts that hold a word, each with how near it is; those that hold one like it where none holds it."""
    found = dict.fromkeys(visible(texts.with_beginning(word)), BEGINNING)
    for form in _forms(word):
        found |= dict.fromkeys(visible(texts.with_word(form)), EXACT)
    ways: list[tuple[float, Callable[[], frozenset[int]]]] = [(PART, lambda: texts.with_part(word))]
    if len(word) >= TYPO_CHARACTERS_MIN:
        ways.append((TYPO, lambda: texts.with_typo(word, distance=1)))
    if len(word) >= TYPOS_CHARACTERS_MIN:
        ways.append((TYPOS, lambda: texts.with_typo(word, distance=2)))
    for nearness, way in ways:
        if found:
            break
        found = dict.fromkeys(visible(way()), nearness)
    return found


def _forms(word: str) -> set[str]:
    """The word, and what it is without the ending of a plural."""
    forms = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    if len(word) > 4 and word.endswith("ies"):
        forms.add(f"{word[:-3]}y")
    return forms


def _score(asset: Asset, found: Mapping[str, Mapping[int, float]], said: Sequence[Said], used: Used | None) -> float:
    score, in_name = 0.0, 0.0
    for numbers in found.values():
        score += max(WEIGHTS[said[number].what] * nearness for number, nearness in numbers.items())
        in_name += max((near for number, near in numbers.items() if said[number].what == "name"), default=0.0)
    parts = len(_WORD.findall(_BORDERS.sub(" ", asset.name)))
    score *= 1 + min(1.0, in_name / max(1, parts))  # twice as much for what has no other name
    if used is not None:
        score *= 1 + 0.25 * math.log2(1 + used.people) + 0.05 * math.log2(1 + used.reads)
    if used is None or used.last is None:
        score *= LOWERED["unread"]
    if asset.kind in FACTS:
        score *= LOWERED["fact"]
    if DEPRECATED in asset.common.tags:
        score *= LOWERED["deprecated"]
    return score


def _hit(
    asset: Asset,
    found: Mapping[str, Mapping[int, float]],
    said: Sequence[Said],
    asked: Sequence[str],
    *,
    score: float,
    used: Used | None,
) -> Find:
    worth: dict[int, float] = {}
    words: dict[int, list[tuple[str, float]]] = {}
    for word, numbers in found.items():
        for number, nearness in numbers.items():
            worth[number] = worth.get(number, 0.0) + WEIGHTS[said[number].what] * nearness
            words.setdefault(number, []).append((word, nearness))
    best = sorted(worth, key=lambda number: (-worth[number], number))
    chosen = best[:REASONS_MAX]
    for word, numbers in found.items():  # each word has a reason that is shown
        if not any(word == one for number in chosen for one, _ in words[number]):
            chosen.append(next(number for number in best if number in numbers))
    return Find(
        asset=asset.name,
        kind=asset.kind,
        doc=next(iter(asset.common.doc.strip().splitlines()), ""),
        owner=asset.common.owner,
        tags=asset.common.tags,
        score=round(score, 3),
        reasons=tuple(
            Reason(what=said[n].what, column=said[n].column, pieces=_marked(said[n].text, words[n])) for n in chosen
        ),
        missing=tuple(word for word in asked if word not in found),
        used=used,
    )


def _marked(text: str, words: Sequence[tuple[str, float]]) -> tuple[tuple[str, bool], ...]:
    """The text in pieces, with the words in it that are meant; of a long one the part around the first of them."""
    tokens = [
        (match.start() + at, part)
        for match in _WORD.finditer(text)
        for at, part in _parts(match.group())
    ]  # fmt: skip
    spans = sorted({span for word, nearness in words for span in _spans(word, nearness, tokens)})
    start = 0
    if len(text) > EXCERPT_CHARACTERS_MAX and spans:
        start = max(0, min(spans[0][0] - EXCERPT_CHARACTERS_MAX // 3, len(text) - EXCERPT_CHARACTERS_MAX))
    end = min(len(text), start + EXCERPT_CHARACTERS_MAX)
    pieces = [("…", False)] if start else []
    at = start
    for first, last in spans:
        if first < at or last > end:
            continue
        pieces += [(text[at:first], False), (text[first:last], True)]
        at = last
    pieces.append((text[at:end] + ("…" if end < len(text) else ""), False))
    return tuple((" ".join(part.split("\n")), marked) for part, marked in pieces if part)


def _parts(word: str) -> Iterable[tuple[int, str]]:
    """The parts of a name in camel case, each with where it begins."""
    at = 0
    for part in _BORDERS.split(word):
        yield at, part
        at += len(part)


def _spans(word: str, nearness: float, tokens: Sequence[tuple[int, str]]) -> Iterable[tuple[int, int]]:
    forms = _forms(word)
    folded = [(at, part, _folded(part)) for at, part in tokens]
    if nearness >= BEGINNING:
        meant = [one for one in folded if one[2] in forms or one[2].startswith(word)]
    elif nearness == PART:
        meant = [one for one in folded if word in one[2]]
    else:
        near = difflib.get_close_matches(word, [one[2] for one in folded], n=1, cutoff=0.5)
        meant = [one for one in folded if one[2] in near]
    yield from ((at, at + len(part)) for at, part, _ in meant)


def _folded(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))


def _lines(hit: Find, *, now: datetime) -> Iterable[str]:
    facts = [hit.kind, *([f"of {hit.owner}"] if hit.owner else []), *hit.tags]
    yield f"{hit.asset} ({', '.join(facts)}){f': {hit.doc}' if hit.doc else ''}"
    for reason in hit.reasons:
        if (reason.what, reason.text) != ("doc", hit.doc):
            said = "".join(f"[{text}]" if marked else text for text, marked in reason.pieces)
            yield f"  {reason.where}: {said}"
    if hit.used is not None:
        yield f"  {used_in_words(hit.used, now=now)}"
    if hit.missing:
        yield f"  nothing of: {', '.join(hit.missing)}"


def used_in_words(used: Used, *, now: datetime) -> str:
    """How an asset was used: "2 people in 30 days, 5 reads; last yesterday"."""
    if used.last is None:
        return "no read within the last year"
    last = ago(used.last, now=now)
    if not used.people:
        return f"last read {last}"
    return f"{counted(used.people, 'person', 'people')} in 30 days, {counted(used.reads, 'read')}; last {last}"

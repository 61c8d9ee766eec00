"""Words and phrases that mean the same: a file says so, and a query for one of them finds the others too.

Only the query changes, so another file needs no other index.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pumphouse.errors import BuildError, Place
from pumphouse.indexes import words
from pumphouse.indexes.queries import Both, Either, Node, Not, Words

GROUPS_MAX = 20_000
MEMBERS_MAX = 50
WORDS_MAX = 8
"""Of one phrase."""

Synonyms = dict[str, dict[str, tuple[str, ...]]]
"""By language ("" for none), by the words of a text with a space between: the texts that mean the same."""


def read(path: Path, *, name: str, languages: Collection[str | None]) -> Synonyms:
    """What a CSV file says: each line has texts that mean the same. One in several lines means what all of them say.

    Raises BuildError, which names the line. `name` is what the project calls the file.
    """
    groups = list(_groups(path, name))
    analyzers = {language: words.analyzer(language) for language in languages}
    made: Synonyms = {}
    for language, analyzer in analyzers.items():
        same = made.setdefault(language or "", {})
        for line, group in groups:
            terms = [words.typed(text, analyzer).terms for text in group]
            for text, own in zip(group, terms, strict=True):
                if not own or len(own) > WORDS_MAX:
                    what = f"has more than {WORDS_MAX} words" if own else "holds no letter or digit"
                    raise BuildError(f"'{text}' {what}", place=Place(file=name, line=line))
                others = [other for other, other_terms in zip(group, terms, strict=True) if other_terms != own]
                same[" ".join(own)] = tuple(dict.fromkeys([*same.get(" ".join(own), ()), *others]))
    return made


def expanded(node: Node, synonyms: Synonyms, *, query: str, columns: Collection[str]) -> Node:
    """The query with what means the same beside its words, in columns of text. What stands in quotes stays as it is."""
    match node:
        case Words():
            return _together([node], synonyms, query=query, columns=columns)[0]
        case Both():
            nodes: list[Node] = []
            left = list(node.nodes)
            while left:
                run = _run(left, query)
                if run:
                    nodes += _together(run, synonyms, query=query, columns=columns)
                    left = left[len(run) :]
                else:
                    nodes.append(expanded(left.pop(0), synonyms, query=query, columns=columns))
            return nodes[0] if len(nodes) == 1 else Both(tuple(nodes))
        case Either():
            return Either(tuple(expanded(one, synonyms, query=query, columns=columns) for one in node.nodes))
        case Not():
            return Not(expanded(node.node, synonyms, query=query, columns=columns))
        case _:
            return node


def _run(nodes: Sequence[Node], query: str) -> list[Words]:
    """The words at the beginning that stand beside each other and are asked of the same column."""
    run: list[Words] = []
    for node in nodes:
        if not isinstance(node, Words) or not _is_plain(node, query) or (run and node.column != run[0].column):
            break
        run.append(node)
    return run


def _is_plain(node: Words, query: str) -> bool:
    return not node.is_prefix and not node.distance and query[node.position : node.position + 1] != '"'


def _together(run: Sequence[Words], synonyms: Synonyms, *, query: str, columns: Collection[str]) -> list[Node]:
    """Words that stand beside each other; the longest phrases that are known come with what means the same."""
    first = run[0]
    if not _is_plain(first, query) or (first.column is not None and first.column not in columns):
        return list(run)
    nodes: list[Node] = []
    at = 0
    while at < len(run):
        for end in range(min(len(run), at + WORDS_MAX), at, -1):
            chosen = run[at:end]
            same = _same(" ".join(one.text for one in chosen), synonyms)
            if same:
                plain = chosen[0] if len(chosen) == 1 else Both(tuple(chosen))
                others = [
                    Words(text=text, column=first.column, is_prefix=False, position=run[at].position) for text in same
                ]
                nodes.append(Either((plain, *others)))
                break
        else:
            end = at + 1
            nodes.append(run[at])
        at = end
    return nodes


def _same(text: str, synonyms: Synonyms) -> tuple[str, ...]:
    """What means the same as a text, in whatever language."""
    found: dict[str, None] = {}
    for language, same in synonyms.items():
        terms = words.typed(text, words.analyzer(language or None)).terms
        found |= dict.fromkeys(same.get(" ".join(terms), ()))
    return tuple(found)


def _groups(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that say something, with their number."""
    count = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            for line in lines:
                texts = list(dict.fromkeys(text for one in line if (text := one.strip())))
                if not texts:
                    continue
                count += 1
                place = Place(file=name, line=lines.line_num)
                if len(texts) == 1:
                    mend = "Put what means the same into one line, with commas between."
                    raise BuildError(f"nothing means the same as '{texts[0]}' here", place=place, mend=mend)
                if len(texts) > MEMBERS_MAX or count > GROUPS_MAX:
                    what = f"at most {MEMBERS_MAX} texts mean the same, and there are at most {GROUPS_MAX:,} such lines"
                    raise BuildError(what, place=place)
                yield lines.line_num, texts
    except csv.Error as error:
        raise BuildError(f"this is no CSV: {error}", place=Place(file=name, line=lines.line_num)) from error
    except UnicodeDecodeError as error:
        raise BuildError(f"'{name}' is not UTF-8", place=Place(file=name, line=1), mend="Save it as UTF-8.") from error
    except OSError as error:
        raise BuildError(f"'{name}' can't be read: {error.strerror}", place=Place(file=name, line=1)) from error

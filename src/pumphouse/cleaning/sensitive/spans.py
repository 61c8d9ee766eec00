"""A part of a text that must not be seen, and the text without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

PASSES_MAX = 20
"""Times that a text is looked through: without a part, what stood around it may be one. Each pass hides some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` up to, without, `end` there is something of `kind`, and `shown` is what may stand there."""

    start: int
    end: int
    kind: str
    shown: str


Finder = Callable[[str], Iterable[Span]]


def named(start: int, end: int, kind: str) -> Span:
    """A span in whose place its kind may stand: `[email]`."""
    return Span(start=start, end=end, kind=kind, shown=f"[{kind}]")


def apart(spans: Iterable[Span]) -> list[Span]:
    """The spans in their order, each but those that overlap with one before; of two from one place the longer."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def hidden(text: str, find: Finder) -> str:
    """The text without what is found in it; nothing is found in that."""
    for _ in range(PASSES_MAX):
        spans = apart(find(text))
        if not spans:
            return text
        parts, place = [], 0
        for span in spans:
            parts += [text[place : span.start], span.shown]
            place = span.end
        text = "".join([*parts, text[place:]])
    return "[hidden]" if apart(find(text)) else text

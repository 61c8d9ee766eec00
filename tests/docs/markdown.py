"""The pages of the documentation, and what stands in them: examples, commands and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)((?:    [^\n]+\n)+)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A fenced block. `line` is that of its first line, `rest` what stands after the language."""

    page: str
    line: int
    language: str
    rest: str
    body: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A call of `pumphouse` as a reader would type it, without the word itself."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} pumphouse {shlex.join(self.words)}"


def pages() -> tuple[str, ...]:
    """Every page of the documentation, relative to the repository."""
    found = [REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/**/README.md")]
    return tuple(sorted(path.relative_to(REPOSITORY).as_posix() for path in found))


def text_of(page: str) -> str:
    """The page's Markdown."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def examples(page: str) -> tuple[Example, ...]:
    """The page's fenced blocks in order."""
    text = text_of(page)
    found = []
    for fence in _FENCE.finditer(text):
        language, _, rest = fence["info"].strip().partition(" ")
        line = _line(text, fence.start()) + 1
        found.append(Example(page=page, line=line, language=language, rest=rest.strip(), body=fence["body"]))
    return tuple(found)


def commands(page: str) -> Iterator[Command]:
    """Each `pumphouse ...` of the page: in a sentence between backticks, in a block, after a `$`."""
    text = text_of(page)
    blank = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for found in re.finditer(r"`pumphouse ([^`]+)`", blank):
        yield Command(page=page, line=_line(text, found.start()), words=tuple(shlex.split(found[1])))
    blocks = [(found.start("body"), found["body"]) for found in _FENCE.finditer(text)]
    blocks += [(found.start(), found[0]) for found in _INDENTED.finditer(blank)]
    for start, block in blocks:
        for found in re.finditer(r"^\s*(?:\$ )?pumphouse ((?:[^\n]*\\\n)*[^\n]*)", block, re.MULTILINE):
            words = shlex.split(found[1].replace("\\\n", " "), comments=True)
            yield Command(page=page, line=_line(text, start + found.start()), words=tuple(words))


def links(page: str) -> tuple[str, ...]:
    """Where the page's links lead."""
    return tuple(_LINK.findall(_FENCE.sub("", text_of(page))))


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page may end in, after the #."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1

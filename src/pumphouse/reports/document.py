"""A report's text as a document: prose, blocks of SQL, charts, and values within sentences.

A block is a fence that stands on its own, not within a list or a quote. The first word after its backticks says what it
is and the second what it is called: ```` ```sql weekly ````, ```` ```chart weekly_sales ````; without a name it is
called by its number, `sql_2`. A fence that begins with another word is shown as code. `{{ weekly.revenue }}` in a
sentence is the value of a one-row block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra, Place, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_VALUE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAMES = re.compile(r"\s*(\w+)\.(\w+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fence with a name. `kind` is "sql" or "chart"; `line` is the line of the file on which its text begins."""

    kind: str
    name: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """`{{ block.column }}` in a sentence."""

    block: str
    column: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a report is made of; `html` puts it together once its blocks have their results."""

    blocks: tuple[Block, ...]
    values: tuple[Value, ...]
    has_heading: bool
    """Whether the text brings its own first-level heading."""
    tokens: Sequence[Token]
    markdown: MarkdownIt

    def html(self, *, blocks: Mapping[tuple[str, str], str], values: Mapping[tuple[str, str], str]) -> str:
        """The text as HTML, given the HTML of each block by kind and name, and of each value by block and column."""
        environment = {"blocks": blocks, "values": values}
        return str(self.markdown.renderer.render(self.tokens, self.markdown.options, environment))


def parse(text: str, *, file: str) -> Document:
    """The document in a report's text. HTML in it is text. Raises BuildError naming the line that is wrong."""
    markdown = _markdown()
    tokens = markdown.parse(text)
    blocks = tuple(_blocks(tokens, file))
    values = tuple(_values(tokens, file))
    _refuse_images(tokens, file)
    queries = {block.name for block in blocks if block.kind == "sql"}
    for value in values:
        if value.block not in queries:
            raise BuildError(
                f"'{value.block}' in {{{{ {value.block}.{value.column} }}}} is no SQL block of this report",
                place=Place(file=file, line=value.line),
                mend=did_you_mean(value.block, queries) or f"Write a block that begins with ```sql {value.block}",
            )
    return Document(
        blocks=blocks,
        values=values,
        has_heading=any(token.type == "heading_open" and token.tag == "h1" for token in tokens),
        tokens=tokens,
        markdown=markdown,
    )


def _blocks(tokens: Sequence[Token], file: str) -> list[Block]:
    found: dict[tuple[str, str], Block] = {}  # by the name in lower case, as SQL and file systems compare it
    for token in tokens:
        kind, name = _kind_and_name(token)
        if not kind:
            continue
        name = name or f"{kind}_{sum(block.kind == kind for block in found.values()) + 1}"
        place = Place(file=file, line=_first_line(token))
        if token.level:
            raise BuildError(
                f"a {kind} block stands within a list or a quote", place=place, mend="Let it begin at the margin."
            )
        if not re.fullmatch(r"[^\W\d]\w*", name):
            what = f"'{name}' is no name for a {kind} block"
            raise BuildError(what, place=place, mend=f"Write ```{kind} and one word of letters, digits and _.")
        if (kind, name.lower()) in found:
            before = found[kind, name.lower()].line - 1
            raise BuildError(f"two {kind} blocks are called '{name}' (the other: line {before})", place=place)
        token.meta = {"block": (kind, name)}
        found[kind, name.lower()] = Block(kind=kind, name=name, text=token.content, line=place.line + 1)
    return list(found.values())


def _values(tokens: Sequence[Token], file: str) -> list[Value]:
    values = []
    for token in tokens:
        line = _first_line(token)
        for child in token.children or ():
            if child.type in ("softbreak", "hardbreak"):
                line += 1
            elif child.type == "value":
                names = _NAMES.fullmatch(child.content)
                if not names:
                    raise BuildError(
                        f"{{{{{child.content}}}}} is not of the form {{{{ block.column }}}}",
                        place=Place(file=file, line=line),
                        mend="Braces that are meant as text go between backticks.",
                    )
                child.meta = {"value": (names[1], names[2])}
                values.append(Value(block=names[1], column=names[2], line=line))
    return values


def _refuse_images(tokens: Sequence[Token], file: str) -> None:
    for token in tokens:
        for child in token.children or ():
            if child.type == "image" and not str(child.attrs["src"]).startswith("data:"):
                raise BuildError(
                    f"the image '{child.attrs['src']}' is somewhere else, and a report's page asks nobody for anything",
                    place=Place(file=file, line=_first_line(token)),
                    mend="Give it as a data: address, or draw a chart block.",
                )


def _kind_and_name(token: Token) -> tuple[str, str]:
    """What a block's fence says of it; two empty texts for any other token."""
    kind, _, name = token.info.strip().partition(" ")
    known = token.type == "fence" and kind.lower() in ("sql", "chart")
    return (kind.lower(), name.strip()) if known else ("", "")


def _first_line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _markdown() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
        from markdown_it.common.utils import escapeHtml
    except ImportError as error:
        raise MissingExtra("markdown-it-py", extra="reports", purpose="a report") from error

    def fence(_self: Any, tokens: Sequence[Token], index: int, _options: Any, environment: Any) -> str:  # markdown-it's
        block = tokens[index].meta.get("block")
        if block is None:
            return f"<pre><code>{escapeHtml(tokens[index].content)}</code></pre>\n"
        return str(environment["blocks"][block])

    def value(_self: Any, tokens: Sequence[Token], index: int, _options: Any, environment: Any) -> str:  # markdown-it's
        return str(environment["values"][tokens[index].meta["value"]])

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.inline.ruler.before("escape", "value", _scan_value)
    markdown.add_render_rule("fence", fence)
    markdown.add_render_rule("value", value)
    return markdown


def _scan_value(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it calls it by position
    found = _VALUE.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("value", "", 0).content = found[1]
    state.pos = found.end()
    return True

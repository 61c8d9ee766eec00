"""HTML as the text that a person reads. Only what is HTML for sure is taken for it: `a < b` and `<3` are text.

A parser of HTML would take `x<y>z` for an element `y` and lose it; here only HTML's own names are tags, and only whole.
"""

from __future__ import annotations

import html
import re

BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head",
    "header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section", "select",
    "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
))  # fmt: skip
"""Elements that begin and end a line."""
CELLS = frozenset(("td", "th"))
INLINE = frozenset((
    "a", "abbr", "acronym", "area", "audio", "b", "base", "bdi", "bdo", "big", "button", "canvas", "cite", "code",
    "col", "colgroup", "data", "datalist", "del", "dfn", "em", "embed", "font", "i", "iframe", "img", "input", "ins",
    "kbd", "label", "link", "map", "mark", "meta", "meter", "noscript", "object", "optgroup", "output", "param",
    "picture", "progress", "q", "rp", "rt", "ruby", "s", "samp", "small", "source", "span", "strike", "strong", "sub",
    "sup", "svg", "textarea", "time", "track", "tt", "u", "var", "video", "wbr",
))  # fmt: skip
HIDDEN = ("script", "style", "template")

ATTRIBUTES = r"""(?>(?:\s|/)(?>[^<>"']+|"[^"]*"|'[^']*')*+)?+"""
_NAMES = "|".join(sorted((*BLOCKS, *CELLS, *INLINE), key=len, reverse=True))
TAG = re.compile(f"<(/?)({_NAMES}){ATTRIBUTES}>", re.IGNORECASE)
OPENED = re.compile(f"<({'|'.join(HIDDEN)}){ATTRIBUTES}>|<!--|<!doctype[^<>]*>|<[?]xml[^<>]*>", re.IGNORECASE)
"""What is not shown begins here. (A document's type and an XML declaration end in themselves.)"""
SPACES = re.compile(r"\s+")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
"""With its semicolon: `?a=1&copy=2` is an address of a page."""


def text_of_html(written: str) -> str | None:
    """The text of HTML, with entities left as they are. Text without a tag stays as it is.

    None where something that is not shown has no end.
    """
    shown = _shown(written)
    if shown is None or (shown == written and not TAG.search(written)):
        return shown
    parts: list[str] = []
    place = kept = 0  # `kept`: how many elements are open in which lines are lines
    for tag in TAG.finditer(shown):
        if between := _between(shown[place : tag.start()], is_kept=kept > 0):
            parts.append(between)
        place = tag.end()
        name, is_end = tag[2].lower(), bool(tag[1])
        if name in ("pre", "textarea"):
            kept = max(0, kept + (-1 if is_end else 1))
        if name == "br" or (name in BLOCKS and next((part for part in reversed(parts) if part != " "), "\n") != "\n"):
            parts.append("\n")  # blocks that end and begin are one line end
        elif name in CELLS:
            parts.append(" ")
    parts.append(_between(shown[place:], is_kept=kept > 0))
    return "".join(parts)


def unescaped(text: str) -> str:
    """The text with entities as the characters they stand for: once."""
    return ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def reads_as_markup(text: str) -> bool:
    """Whether there is something that would be taken for HTML."""
    return "<" in text and (TAG.search(text) is not None or OPENED.search(text) is not None)


def _between(text: str, *, is_kept: bool) -> str:
    """Text between tags: its line ends are spaces, but where lines are kept."""
    return text if is_kept else SPACES.sub(" ", text)


def _shown(written: str) -> str | None:
    """The text without scripts, styles and comments; None where one has no end."""
    parts: list[str] = []
    place = 0
    while opened := OPENED.search(written, place):
        parts.append(written[place : opened.start()])
        place = opened.end()
        if opened[0] == "<!--":
            end = written.find("-->", place)
            if end < 0:
                return None
            place = end + len("-->")
        elif opened[1]:
            closed = re.compile(rf"</{opened[1]}\s*>", re.IGNORECASE).search(written, place)
            if closed is None:
                return None
            place = closed.end()
    parts.append(written[place:])
    return "".join(parts)

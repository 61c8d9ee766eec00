"""How help is laid out: names beside what they mean under bold headings, without boxes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

WIDTH_MAX = 100
NAMES_WIDTH_MAX = 24
"""What a longer name means begins on the next line."""
INDENT = "  "


class Layout:
    """A help formatter, as Cyclopts' protocol of that name has it."""

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:  # rich's Text
        """Print how the command is called."""
        _print(console, f"Usage: {usage}".rstrip())

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:  # InlineText
        """Print what the command does. Indented lines stay as they are."""
        console.print()
        for line in str(description.primary_renderable).strip().splitlines():
            _print(console, line if line.startswith(" ") else textwrap.fill(line, min(console.width, WIDTH_MAX)))

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a heading with its arguments, options or commands."""
        if not panel.entries:
            return
        names = [", ".join(entry.display_labels_with_metavar) for entry in panel.entries]
        column = min(NAMES_WIDTH_MAX, max(map(len, names)))
        console.print()
        console.print(panel.title, style="bold", highlight=False, markup=False)
        for name, entry in zip(names, panel.entries, strict=True):
            meaning = textwrap.wrap(_meaning(entry), min(console.width, WIDTH_MAX) - column - 2 * len(INDENT)) or [""]
            if len(name) > column:
                meaning.insert(0, "")
            for label, line in zip([name] + [""] * (len(meaning) - 1), meaning, strict=True):
                _print(console, f"{INDENT}{label:<{column}}{INDENT}{line}".rstrip())


def _meaning(entry: HelpEntry) -> str:
    parts = [str(entry.description.primary_renderable).strip()]
    if entry.choices:
        parts.append(f"One of {', '.join(entry.choices)}.")
    if entry.default not in (None, "False", '""'):
        parts.append(f"Default: {entry.default}.")
    if entry.required and not entry.positional_label:
        parts.append("Required.")
    return " ".join(parts)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)

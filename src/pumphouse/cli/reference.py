"""The reference page of the command line, made of every command's own help: `python -m pumphouse.cli.reference`."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console

from pumphouse.cli.main import COMMANDS, application

WIDTH = 80
HEAD = """\
# The command line

What `pumphouse COMMAND --help` says, made by `python -m pumphouse.cli.reference`.
"""


def commands() -> Iterator[tuple[str, ...]]:
    """Every command by its words: ("run",), ("model", "promote")."""
    for group in COMMANDS.values():
        for name, target in group.items():
            yield from [(name,)] if isinstance(target, str) else [(name, part) for part in target]


def help_of(*words: str) -> str:
    """What a terminal of WIDTH columns shows for `--help`."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True)
    with console.capture() as printed:
        application().meta([*words, "--help"], console=console)
    return printed.get().strip()


def page() -> str:
    """The page in Markdown."""
    sections = [("pumphouse", help_of()), *((f"pumphouse {' '.join(words)}", help_of(*words)) for words in commands())]
    return "\n".join([HEAD, *(f"## {title}\n\n```text\n{text}\n```\n" for title, text in sections)])


if __name__ == "__main__":
    print(page(), end="")

"""A terminal for the examples of the docs: runs commands, and holds what they print against what the page shows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pumphouse.cli import main

COMMAND_S_MAX = 60.0
VARYING = {
    r"\b\d+(\.\d+)? s\b": "SECONDS",
    r"\bsnapshot \d+": "SNAPSHOT",
}
"""What differs from run to run: how long something took, and which snapshot it was."""


@dataclass(slots=True)
class Shell:
    """`folder` is where it is; `names` are texts of the page with what stands for them here, as a port."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    names: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> str:
        """What the command prints, on both streams. Raises AssertionError where it fails."""
        for written, meant in self.names.items():
            command = command.replace(written, meant)
        words = shlex.split(command, comments=True)
        match words:
            case ["cd", folder]:
                self.folder = (self.folder / folder).resolve(strict=True)
                return ""
            case ["export", *assignments]:
                for assignment in assignments:
                    name, _, value = assignment.partition("=")
                    self.environment[name] = re.sub(r"\$(\w+)", lambda found: self._variable(found[1]), value)
                return ""
            case ["pumphouse", *arguments]:
                return self._pumphouse(command, arguments)
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=COMMAND_S_MAX,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """This process in the shell's folder, with its environment."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with contextlib.chdir(self.folder):
                yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _variable(self, name: str) -> str:
        return str(self.folder) if name == "PWD" else self.environment.get(name, "")

    def _pumphouse(self, command: str, arguments: list[str]) -> str:
        """In this process, since a new one loads DuckDB and Arrow each time."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with self.here(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main.call(arguments)
        assert isinstance(out.buffer, io.BytesIO)
        printed = out.buffer.getvalue().decode()
        assert code == 0, f"$ {command}\n{printed}"
        return printed


def typed(console: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what the page shows below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        end = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\\n"))
        yield "".join(lines[:end]).strip(), "".join(lines[end:]).strip("\n")


def unlike(shown: str, printed: str) -> str | None:
    """The first shown line that was not printed after the ones before it, or what was printed besides; else None.

    `…` stands for anything in a line, and for any lines where it is alone. Blanks, and what VARYING names, may differ.
    """
    left, skips = _lines(printed), False
    for line in _lines(shown):
        if line == "…":
            skips = True
            continue
        pattern = re.escape(line).replace("…", ".*")
        places = [number for number, candidate in enumerate(left) if re.fullmatch(pattern, candidate)]
        if not places or (places[0] > 0 and not skips):
            return line
        del left[: places[0] + 1]
        skips = False
    return None if skips or not left else f"(also printed: {left[0]})"


def _lines(text: str) -> list[str]:
    for varying, stands_for in VARYING.items():
        text = re.sub(varying, stands_for, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]

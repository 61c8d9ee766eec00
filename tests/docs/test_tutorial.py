"""docs/tutorial.md: everything on the page is done in order, on the shop that `make demo` leaves behind."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.docs.markdown import Example, examples
from tests.docs.shell import Shell, typed, unlike

from pumphouse.cli.demo import run_demo
from shop_world import running

DEMO, WORLD, SERVE = "make demo", "cd examples && ../.venv/bin/python -m shop_world", "pumphouse serve"
EXAMPLES = examples("docs/tutorial.md")


@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOP_URL", "SHOP_API", "SHOP_DATABASE", "PUMPHOUSE_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    with Reader(folder=tmp_path) as reader:
        for example in EXAMPLES:
            reader.do(example)


@dataclass(slots=True)
class Reader:
    """Somebody with a clone in `folder` who does what the page says."""

    folder: Path
    shell: Shell = field(init=False)
    names: dict[str, Any] = field(default_factory=dict)
    """Of the Python that was typed so far."""
    server: subprocess.Popen[str] | None = None
    open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Reader:
        self.shell = Shell(folder=self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_serving()
        for name in ("p", "api"):
            if name in self.names:
                self.names[name].close()
        self.open.close()

    def do(self, example: Example) -> None:
        match example.language:
            case "console":
                self.stop_serving()
                for command, shown in typed(example.body):
                    printed = self.printed(command)
                    difference = unlike(shown, printed)
                    assert difference is None, f"{example}: $ {command}\n{difference}\n\nIt printed:\n{printed}"
            case "python" if ">>>" in example.body:
                self.type_python(example)
            case "diff":
                self.edit(example)
            case "python" | "sql":
                self.look_up_or_write(example)
            case other:
                pytest.fail(f"{example}: nothing does {other}")

    def printed(self, command: str) -> str:
        if command == DEMO:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                run_demo(self.folder / "demo", Console(file=out, width=200))
            return out.getvalue()
        if command.startswith(WORLD):
            world = self.open.enter_context(running(self.folder / "demo" / "world"))
            self.shell.names["http://127.0.0.1:8997"] = world.url
            return f'{{"url": "http://127.0.0.1:8997", "database": "{world.database}"}}'
        if command == SERVE:
            return self.serve()
        return self.shell.run(command)

    def serve(self) -> str:
        """As in a second terminal, on a free port."""
        code = "import sys; from pumphouse.cli.main import call; sys.exit(call(['serve', '--port', '0']))"
        self.server = subprocess.Popen(
            [sys.executable, "-c", code], cwd=self.shell.folder, env=self.shell.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.server.stdout is not None
        lines = self.server.stdout.readline() + self.server.stdout.readline()
        address = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)", lines)
        assert address, lines
        self.shell.names |= {"http://127.0.0.1:8484": address[1], "TOKEN": address[2]}
        return lines.replace(address[1], "http://127.0.0.1:8484")

    def stop_serving(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate()  # a run that is due is ended first
            self.server = None

    def type_python(self, example: Example) -> None:
        code = example.body
        for written, meant in self.shell.names.items():
            code = code.replace(written, meant)
        test = doctest.DocTestParser().get_doctest(code, self.names, example.page, example.page, example.line - 1)
        with self.shell.here():
            result = doctest.DocTestRunner().run(test, clear_globs=False)
        self.names = test.globs
        assert result.failed == 0, str(example)

    def look_up_or_write(self, example: Example) -> None:
        """A block with the name of a file shows a part of it, or, where there is none, is that file."""
        path = self.shell.folder / example.rest
        if path.exists():
            assert example.body in path.read_text(encoding="utf-8"), f"{example} is not in {example.rest}"
        else:
            path.write_text(example.body, encoding="utf-8")

    def edit(self, example: Example) -> None:
        path = self.shell.folder / example.rest
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@\n", example.body, flags=re.MULTILINE):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(old) == 1, f"{example}: {example.rest} has not just one\n{old}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def test_the_commands_that_stand_apart_are_on_the_page() -> None:
    commands = [command for example in EXAMPLES if example.language == "console" for command, _ in typed(example.body)]
    assert commands[0] == DEMO
    assert [command for command in commands if command.startswith(WORLD)] == [commands[1]]
    assert SERVE in commands

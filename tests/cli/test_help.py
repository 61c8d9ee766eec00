from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from pumphouse.cli import reference
from pumphouse.cli.main import application, call

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
ALL = [pytest.param(words, id=" ".join(words)) for words in reference.commands()]


def command_of(words: tuple[str, ...]) -> App:
    app: Any = application()
    for word in words:
        app = app[word]
    return app


def test_what_is_asked_wrongly_is_sent_to_the_help_of_its_own_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["model", "promote", "returns@2", "--shar", "0.1"]) == 2
    assert "See: pumphouse model promote --help" in capsys.readouterr().err


def test_the_page_of_the_reference_is_what_help_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "python -m pumphouse.cli.reference > docs/reference/cli.md"
    )


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_an_example_that_calls_it(words: tuple[str, ...]) -> None:
    text = reference.help_of(*words)
    assert "For example:" in text
    examples = [line.strip() for line in text.splitlines() if line.startswith("    pumphouse ")]
    assert f"pumphouse {' '.join(words)}" in " ".join(examples)


@pytest.mark.parametrize("words", ALL)
def test_every_argument_and_option_says_what_it_is(words: tuple[str, ...]) -> None:
    command = command_of(words)
    arguments = command.assemble_argument_collection(parse_docstring=True)
    assert [argument.name for argument in arguments if argument.show and not argument.parameter.help] == []


@pytest.mark.parametrize("words", ALL)
def test_the_first_line_of_a_commands_docstring_is_a_sentence(words: tuple[str, ...]) -> None:
    first = (inspect.getdoc(command_of(words).default_command) or "").splitlines()[0]
    assert first.endswith(".")


@pytest.mark.parametrize("words", ALL)
def test_help_fits_a_terminal_of_80_columns(words: tuple[str, ...]) -> None:
    assert [line for line in reference.help_of(*words).splitlines() if len(line) > reference.WIDTH] == []


def test_help_loads_no_engine_and_no_room() -> None:
    code = "import sys\nfrom pumphouse.cli.main import call\ncall(['--help'])\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: pumphouse COMMAND" in done.stdout
    loaded = set(done.stderr.split())
    assert not loaded & {"duckdb", "pyarrow", "httpx", "sqlglot", "msgspec", "pumphouse.project", "pumphouse.lake"}


def test_help_in_a_pipe_has_no_escape_codes() -> None:
    done = subprocess.run([PUMPHOUSE, "model", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: pumphouse model COMMAND")
    assert "\x1b" not in done.stdout


def test_no_command_at_all_shows_the_help(pumphouse: Any) -> None:
    done = pumphouse()
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: pumphouse COMMAND")


def test_version_is_printed(pumphouse: Any) -> None:
    assert pumphouse("--version").out.strip()[0].isdigit()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], 'Did you mean "run"'),
        (["run", "--ful"], "--full"),
        (["restore", "orders"], "--to"),
        (["query", "SELECT 1", "--format", "xml"], "xml"),
        (["run", "--from", "yesterday"], "yesterday"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_so(pumphouse: Any, arguments: list[str], said: str) -> None:
    done = pumphouse(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "Traceback" not in done.err

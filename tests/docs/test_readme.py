"""README.md: its project is built from the page, its commands and its Python are run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.docs.markdown import REPOSITORY, Example, examples, text_of
from tests.docs.shell import Shell, typed

import pumphouse

EXAMPLES = examples("README.md")
PURCHASES = """\
customer_id,bought_at,amount_usd
1,1997-01-06,11.77
2,1997-01-12,12.00
2,1997-01-13,77.00
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The page's project: each block that begins with a file's name is that file."""
    written = 0
    for example in EXAMPLES:
        if name := file_of(example):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(example.body)
            written += 1
    assert written == 2
    folder = tmp_path / "shop"
    (folder / "pumphouse.toml").write_text("")
    (folder / "purchases").mkdir()
    (folder / "purchases" / "1997.csv").write_text(PURCHASES)
    return folder


def file_of(example: Example) -> str | None:
    named = re.match(r"(?:#|--) ([\w/]+\.(?:py|sql|md))\n", example.body)
    return named[1] if named else None


def test_commands_and_python_do_what_the_page_says(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(folder=shop.parent)
    (console,) = [example.body for example in EXAMPLES if example.language == "console"]
    printed = {command.split("  ")[0].strip(): shell.run(command) for command, _ in typed(console)}
    assert list(printed)[:3] == ["cd shop", "pumphouse plan", "pumphouse run"]
    assert "2 builds" in printed["pumphouse plan"]
    assert "2 built" in printed["pumphouse run"]
    (query,) = [out for command, out in printed.items() if command.startswith("pumphouse query")]
    assert "1997-01-13" in query
    assert "77" in query
    assert "Nothing to do" in shell.run("pumphouse run")

    monkeypatch.chdir(shop.parent)
    names: dict[str, Any] = {"ph": pumphouse}
    (opened,) = [example.body for example in EXAMPLES if example.language == "python" and not file_of(example)]
    exec(compile(opened, "README.md", "exec"), names)
    assert names["p"].sql("SELECT sum(revenue_usd) AS revenue_usd FROM weekly_sales").rows == [{"revenue_usd": 100.77}]
    names["p"].close()


def test_its_two_commands_are_the_makefiles() -> None:
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"`?\bmake ([a-z]+)", text_of("README.md"))
    assert said[:2] == ["demo", "test"]
    assert set(said) - {"demo", "test"} == {"check", "bench"}
    assert set(said) <= set(targets)


def test_it_says_the_pythons_that_are_supported() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11"' in project
    assert "Python 3.11 or later" in text_of("README.md")

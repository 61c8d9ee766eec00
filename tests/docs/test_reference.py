"""The reference is what the code says, and everything public is in it."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import textwrap
import tomllib
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from tests.docs.markdown import REPOSITORY

import pumphouse
import pumphouse_client
from pumphouse import checks, cleaning, errors, questions
from pumphouse.graph.headers import KEYS, declared, read_page_header, read_sql_header
from pumphouse.project import config

REFERENCE = REPOSITORY / "docs" / "reference"
make = SimpleNamespace(**runpy.run_path(str(REFERENCE / "make.py")))
PAGES: dict[str, str] = make.pages()
FUNCTIONS = {
    **{f"ph.{name}": getattr(pumphouse, name) for name in pumphouse.__all__},
    **{name: getattr(checks, name) for name in checks.__all__},
    **{name: getattr(cleaning, name) for name in cleaning.__all__},
    **{name: getattr(questions, name) for name in questions.__all__},
}
FUNCTIONS = {name: function for name, function in FUNCTIONS.items() if inspect.isfunction(function)}


@pytest.mark.parametrize("file", sorted(PAGES))
def test_page_is_what_the_code_says(file: str) -> None:
    said = (REFERENCE / file).read_text(encoding="utf-8")
    assert said == PAGES[file], "make it anew: python docs/reference/make.py"


def test_every_page_is_made() -> None:
    pages = {"checks.md", "cleaning.md", "errors.md", "headers.md", "project.md", "python.md", "questions.md"}
    pages |= {"settings.md", "client.md"}
    assert set(PAGES) == pages
    assert {path.name for path in REFERENCE.glob("*.md")} == pages | {"cli.md"}  # which the command line makes


def test_every_public_name_is_in_it() -> None:
    assert sorted(name for names in make.NAMES.values() for name in names) == sorted(pumphouse.__all__)
    assert [name for name in checks.__all__ if f"## `{name}`" not in PAGES["checks.md"]] == []
    assert [name for name in cleaning.__all__ if f"## `{name}`" not in PAGES["cleaning.md"]] == []
    assert [name for name in questions.__all__ if f"## `{name}`" not in PAGES["questions.md"]] == []


@pytest.mark.parametrize(("kind", "page"), [("Project", "project.md"), ("Table", "client.md")])
def test_every_public_method_of_a_project_and_its_tables_is_in_it_with_words(kind: str, page: str) -> None:
    members = {
        name: member
        for name, member in vars(vars(make)[kind]).items()
        if not name.startswith("_") and not inspect.ismemberdescriptor(member)  # a dataclass's fields
    }
    assert {"graph", "run", "hide"} <= set(members) or {"to_polars", "where"} <= set(members)
    assert [name for name in members if f".{name}" not in PAGES[page]] == []
    assert [name for name, member in members.items() if not inspect.getdoc(member)] == []


def test_every_public_name_of_the_client_is_in_it() -> None:
    assert [name for name in pumphouse_client.__all__ if f"`{name}`" not in PAGES["client.md"]] == []


def test_every_error_is_in_it() -> None:
    raised = [name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, Exception)]
    assert [name for name in raised if f"`{name}`" not in PAGES["errors.md"]] == []


def test_every_key_of_a_header_is_in_it_and_its_example_is_read() -> None:
    assert set(make.HEADER_KEYS) == {key for keys in KEYS.values() for key in keys}
    needed = {"feature": ["entity"], "label": ["entity", "matures"], "sql": [], "report": []}
    for kind, keys in KEYS.items():
        for key in keys:
            wanted = dict.fromkeys([*needed[kind], *(["slice"] if key == "lookback" else []), key])
            lines = [make.HEADER_KEYS[one][1] for one in wanted]
            lines += [f'kind = "{kind}"'] if kind in ("feature", "label") else []
            toml = "\n".join(lines)
            if kind == "report":
                header, _, faults = read_page_header(f"<!-- pumphouse\n{toml} -->\n")
            else:
                header, _, faults = read_sql_header(f"/* pumphouse\n{toml} */\n")
            assert faults == []
            assert header is not None
            assert declared(header, kind="report" if kind == "report" else "sql")[1] == [], (kind, key)


def test_every_setting_is_in_the_example_and_the_example_is_read(tmp_path: Path) -> None:
    (tmp_path / config.FILE).write_text(make.SETTINGS_EXAMPLE, encoding="utf-8")
    prod, dev = config.read_config(tmp_path), config.read_config(tmp_path, env="dev")
    assert prod.connections["shop_api"]["auth"] == {"bearer": "secret:SHOP_API"}
    assert dev.inputs_from == (prod.lake,)
    assert dev.settings == {"cohort_end": date(1997, 2, 1)}
    said = tomllib.loads(make.SETTINGS_EXAMPLE)
    assert set(said) == set(config._KEYS)
    assert set(said["engine"]) == set(config._ENGINE_KEYS)
    assert set(said["failures"]) == set(config._FAILURE_KEYS)
    assert set(said["access"]) == set(config._ACCESS_KEYS)
    assert set(said["server"]) == set(config._SERVER_KEYS)
    assert (prod.server.rows, dev.server.seconds, dev.server.memory) == (10_000_000, 10, "1GB")
    assert set(said["sign_in"]) == set(config._SIGN_IN_KEYS)
    assert prod.access.groups == {"analysts": ("ann", "bob"), "staff": ()}
    assert set(said["env"]["dev"]) == set(config._ENV_KEYS)


def test_every_option_of_a_connection_that_is_read_is_in_the_example() -> None:
    said = tomllib.loads(make.SETTINGS_EXAMPLE)["connections"].values()
    known = {option for connection in said for option in connection}
    code = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "src").rglob("*.py")]
    read = {name for text in code for name in re.findall(r"onnection\.options(?:\.get\(|\[)\"(\w+)\"", text)}
    assert {"auth", "password"} <= read
    assert read <= known


def test_every_environment_variable_that_is_read_is_in_it() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "src").rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', code)) | set(re.findall(r'_VARIABLE = "(\w+)"', code))
    # The demo sets its own world's variables, and says which.
    assert {name for name in read if not name.startswith("SHOP_")} <= set(re.findall(r"`(\w+)`", PAGES["settings.md"]))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_docstring_has_an_example_that_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shorthand.csv").write_text("shorthand,expansion,note\npls,please,\nasap,as soon as possible,\n")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "pumphouse.toml").write_text("")
    (shop / "orders.sql").write_text("SELECT 1 AS order_id")
    names: dict[str, Any] = {
        "ph": pumphouse, "pl": pl, "date": date, "LogisticRegression": LogisticRegression,
        **{one: getattr(checks, one) for one in checks.__all__},
        **{one: getattr(cleaning, one) for one in cleaning.__all__},
    }  # fmt: skip
    if name in (*questions.__all__, "ph.survey"):  # its `date` asks for one
        names |= {one: getattr(questions, one) for one in questions.__all__}
    for example in examples_of(inspect.getdoc(FUNCTIONS[name]) or ""):
        tree = ast.parse(example)
        if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            value = eval(compile(ast.Expression(tree.body[0].value), name, "eval"), names)
            assert value is not False, example
        else:
            exec(compile(tree, name, "exec"), names)
        if "p" in names:
            names["p"].close()


def examples_of(docstring: str) -> list[str]:
    """The block after "For example", or else the code of the last line, which has nothing else. One at least."""
    block = re.search(r"For example[^\n]*:\n\n((?:    .*\n?|\n)+)", docstring)
    found = [textwrap.dedent(block[1])] if block else re.findall(r"`([^`]+)`", docstring.splitlines()[-1])
    assert found
    return found

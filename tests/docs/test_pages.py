"""The house rule for documentation: every example is a test, every command exists, every link leads somewhere."""

from __future__ import annotations

import ast
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest
import sqlglot
from cyclopts import CycloptsError
from tests.docs.markdown import REPOSITORY, Command, Example, anchors, commands, examples, links, pages, text_of

from pumphouse.cli.main import application

TESTED_BY = {
    "README.md": "tests/docs/test_readme.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
    "docs/guides/answers.md": "tests/sources/surveys/test_guide.py",
    "docs/guides/apis.md": "tests/sources/http/test_guide.py",
    "docs/guides/catalog.md": "tests/catalog/test_guide.py",
    "docs/guides/client.md": "tests/client/test_guide.py",
    "docs/guides/duplicates.md": "tests/cleaning/test_guide.py",
    "docs/guides/checks.md": "tests/checks/test_guide.py",
    "docs/guides/cleaning.md": "tests/cleaning/test_guide.py",
    "docs/guides/contracts.md": "tests/sources/test_contracts.py",
    "docs/guides/contacts.md": "tests/cleaning/test_guide.py",
    "docs/guides/personal-data.md": "tests/cleaning/test_guide.py",
    "docs/guides/gaps-and-outliers.md": "tests/cleaning/test_guide.py",
    "docs/guides/dates-and-numbers.md": "tests/cleaning/test_guide.py",
    "docs/guides/deliver.md": "tests/deliveries/test_guide.py",
    "docs/guides/online.md": "tests/features/online/test_guide.py",
    "docs/guides/experiments.md": "tests/experiments/test_guide.py",
    "docs/guides/features.md": "tests/features/test_guide.py",
    "docs/guides/gather.md": "tests/sources/test_guide.py",
    "docs/guides/files.md": "tests/sources/test_guide.py",
    "docs/guides/models.md": "tests/models/test_guide.py",
    "docs/guides/monitoring.md": "tests/models/test_monitoring_guide.py",
    "docs/guides/http.md": "tests/server/test_guide.py",
    "docs/guides/predictions.md": "tests/server/test_guide.py",
    "docs/guides/quarantine.md": "tests/cleaning/test_guide.py",
    "docs/guides/reports.md": "tests/reports/test_guide.py",
    "docs/guides/rollouts.md": "tests/models/test_rollouts_guide.py",
    "docs/guides/text-and-codes.md": "tests/cleaning/test_guide.py",
    "docs/guides/phones-and-ips.md": "tests/cleaning/test_guide.py",
    "docs/guides/search.md": "tests/indexes/test_guide.py",
    "docs/guides/tables.md": "tests/tables/test_guide.py",
    "docs/guides/layout.md": "tests/tables/test_layout_guide.py",
    "docs/guides/flight.md": "tests/server/test_guide.py",
    "docs/guides/postgres.md": "tests/server/test_guide.py",
    "docs/guides/serve.md": "tests/server/test_guide.py",
    "docs/guides/shorthand.md": "tests/cleaning/test_guide.py",
    "docs/guides/survey.md": "tests/server/test_guide.py",
    "docs/guides/external.md": "tests/sources/external/test_guide.py",
    "docs/guides/databases.md": "tests/sources/databases/test_guide.py",
    "docs/guides/permissions.md": "tests/server/access/test_guide.py",
    "docs/guides/upkeep.md": "tests/cli/test_upkeeping.py",
    "docs/guides/websites.md": "tests/sources/websites/test_guide.py",
    "docs/guides/other-tools.md": "tests/sources/messages/test_guide.py",
    "docs/reference/checks.md": "tests/docs/test_reference.py",
    "docs/reference/cleaning.md": "tests/docs/test_reference.py",
    "docs/reference/client.md": "tests/docs/test_reference.py",
    "docs/reference/cli.md": "tests/cli/test_help.py",
    "docs/reference/errors.md": "tests/docs/test_reference.py",
    "docs/reference/headers.md": "tests/docs/test_reference.py",
    "docs/reference/project.md": "tests/docs/test_reference.py",
    "docs/reference/questions.md": "tests/docs/test_reference.py",
    "docs/reference/python.md": "tests/docs/test_reference.py",
    "docs/reference/settings.md": "tests/docs/test_reference.py",
}
"""Each page with examples, and the test that runs them; each page of the reference, and the test that makes it anew."""
RUN = {"python", "sql", "toml", "console", "diff", "markdown", "json", "sh", "ts"}
"""Languages of examples. `text` is what comes out, or a drawing; a `chart` is part of a report."""
SHOWN = {"text", "chart"}

EXAMPLES = {str(example): example for page in pages() for example in examples(page)}
COMMANDS = {str(command): command for page in pages() for command in commands(page)}


def test_every_page_with_examples_and_all_of_the_reference_has_a_test_that_names_it() -> None:
    with_examples = {page for page in pages() if any(example.language in RUN for example in examples(page))}
    assert with_examples | {page for page in pages() if page.startswith("docs/reference/")} == set(TESTED_BY)
    for page, test in TESTED_BY.items():
        assert Path(page).name in (REPOSITORY / test).read_text(encoding="utf-8"), f"{test} does not name {page}"


def test_every_block_says_what_it_is() -> None:
    assert [str(example) for example in EXAMPLES.values() if example.language not in RUN | SHOWN] == []


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_example_can_be_read(example: Example) -> None:
    match example.language:
        case "python" if ">>>" not in example.body:
            ast.parse(example.body)
        case "toml":
            tomllib.loads(example.body)
        case "sql":
            assert len(sqlglot.parse(example.body, dialect="duckdb")) == 1


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_command_exists_with_these_options(command: Command) -> None:
    """Words in capitals stand for something: a number will do for all of them."""
    words = takewhile(lambda word: word not in ("|", ">"), command.words)
    tokens = ["1" if word.isupper() else word for word in words]
    if "--help" in tokens or tokens == ["1"]:
        return
    try:
        application().parse_args(tokens, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        pytest.fail(f"{command}: {error}")


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    folder = (REPOSITORY / page).parent
    for link in links(page):
        address, _, anchor = link.partition("#")
        if address.startswith(("https://", "http://")):
            continue
        target = (folder / address).resolve() if address else REPOSITORY / page
        assert target.exists(), f"{page} links {link}, which is not there"
        assert REPOSITORY in target.parents
        if anchor:
            assert anchor in anchors(target.relative_to(REPOSITORY).as_posix()), f"{page} links {link}"


def test_guides_are_linked_from_the_readme() -> None:
    guides = sorted(path.name for path in (REPOSITORY / "docs" / "guides").glob("*.md"))
    assert [guide for guide in guides if f"docs/guides/{guide}" not in text_of("README.md")] == []

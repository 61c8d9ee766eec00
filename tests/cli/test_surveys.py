from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def asking(shop: Path) -> Path:
    (shop / "exit.json").write_text('{"elements": [{"type": "text", "name": "why"}]}', encoding="utf-8")
    declared = 'import pumphouse as ph\n\nexit_survey = ph.survey("exit.json", access="invited", quota=500)\n'
    (shop / "ask.py").write_text(declared, encoding="utf-8")
    return shop


def test_links_are_made_for_nobody_in_particular_and_shown_once(pumphouse: Any, asking: Path) -> None:
    made = pumphouse("survey", "invite", "exit_survey", "--count", "3", "--at", "https://ask.example/", cwd=asking)
    links = made.out.split()
    assert len(set(links)) == 3
    assert all(link.startswith("https://ask.example/surveys/exit_survey#") for link in links)
    told = pumphouse("survey", "show", "exit_survey", "--json", cwd=asking)
    assert (told.json["invited"], told.json["answers"], len(told.json["waiting"])) == (3, 0, 3)
    assert not any(link.partition("#")[2] in told.out for link in links)


def test_list_of_people_comes_back_with_a_link_for_each(pumphouse: Any, asking: Path) -> None:
    (asking / "people.csv").write_text('name,mail\n"Ada, née X",ada@x.example\nBob,\n', encoding="utf-8")
    made = pumphouse("survey", "invite", "exit_survey", "--to", "people.csv", cwd=asking)
    lines = made.out.splitlines()
    assert lines[0] == "name,mail,link"
    assert lines[1].startswith('"Ada, née X",ada@x.example,http://127.0.0.1:8484/surveys/exit_survey#')
    told = pumphouse("survey", "show", "exit_survey", cwd=asking)
    assert "Ada, née X" in told.out
    assert "500" in told.out


@pytest.mark.parametrize(
    "words",
    [[], ["--count", "0"], ["--count", "3", "--to", "people.csv"], ["--to", "nobody.csv"], ["--count", "1000000"]],
)
def test_what_is_no_list_of_people_is_refused(words: list[str], pumphouse: Any, asking: Path) -> None:
    refused = pumphouse("survey", "invite", "exit_survey", *words, cwd=asking)
    assert refused.code == 2
    assert refused.err.startswith("error: ")

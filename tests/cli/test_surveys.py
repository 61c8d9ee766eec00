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


def test_answers_of_a_file_are_taken_once_and_what_does_not_hold_comes_back(pumphouse: Any, asking: Path) -> None:
    (asking / "exit.json").write_text(
        '{"elements": [{"type": "text", "name": "why", "isRequired": true}, {"type": "rating", "name": "recommend"}]}',
        encoding="utf-8",
    )
    (asking / "paper.csv").write_text("why,recommend,Note\nprice,5,\nmoved,9,x\n", encoding="utf-8")
    words = ("survey", "import", "exit_survey", "paper.csv", "--by", "ada", "--mode", "paper", "--on", "2026-05-03")
    refused = pumphouse(*words, cwd=asking)
    assert refused.code == 1
    assert "--map 'Note='" in refused.err
    taken = pumphouse(*words, "--map", "Note=", cwd=asking)
    assert "2 rows of the file: 1 taken, 0 here already, 1 refused" in taken.out
    assert "row 3: recommend: Choose one of the ratings." in taken.out
    again = pumphouse(*words, "--map", "Note=", "--json", cwd=asking)
    assert (again.json["taken"], again.json["already"], again.json["refused"][0]["row"]) == (0, 1, 3)
    assert (asking / "paper.refused.csv").exists()


@pytest.mark.parametrize("words", [["--map", "why"], ["--on", "in May"]])
def test_what_says_nothing_of_a_file_is_refused(words: list[str], pumphouse: Any, asking: Path) -> None:
    (asking / "paper.csv").write_text("why\nprice\n", encoding="utf-8")
    refused = pumphouse("survey", "import", "exit_survey", "paper.csv", "--by", "ada", *words, cwd=asking)
    assert refused.code == 2

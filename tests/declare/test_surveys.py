from __future__ import annotations

from typing import Any

import pytest

from pumphouse.declare.surveys import survey


def test_survey_names_its_files_and_who_may_answer() -> None:
    declared = survey("exit.json", access="invited", closes="2026-12-31", quota=500, consent="consent.md")
    assert declared.files == ("exit.json", "consent.md")
    assert (declared.spec.access, declared.spec.closes, declared.spec.quota) == ("invited", "2026-12-31", 500)
    assert survey("exit.json").files == ("exit.json",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"access": "all"}, "'open' or 'invited'"),
        ({"quota": 0}, "from 1 up"),
        ({"quota": True}, "from 1 up"),
        ({"closes": "in May"}, "a day or a moment"),
    ],
)
def test_survey_that_could_not_be_held_to_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        survey("exit.json", **given)

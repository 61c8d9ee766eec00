from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from pumphouse.cleaning import pseudonym
from pumphouse.cleaning.step import Resources, Step, one
from pumphouse.errors import ConfigError

KEY = "a key that only tests know"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets.toml").write_text(
        f'PSEUDONYM_KEY = "{KEY}"\nPSEUDONYM_OLD = "another key that tests know"\nPSEUDONYM_SHORT = "x"\n',
        encoding="utf-8",
    )
    return tmp_path


def made(step: Step, written: str, folder: Path) -> str:
    cell = one(step, written, {}, resources=Resources(folder=folder))
    assert isinstance(cell.value, str)
    assert cell.reason is None
    return cell.value


def test_a_pseudonym_does_not_change_from_release_to_release(folder: Path) -> None:
    assert made(pseudonym(), "max@example.com", folder) == "bja7npb7hvh5mbkcysyivtgj"


def test_the_same_text_has_the_same_pseudonym_and_another_has_another(folder: Path) -> None:
    step = pseudonym()
    assert made(step, "Mu\u0308ller", folder) == made(step, " M\u00fcller ", folder)
    assert made(step, "Muller", folder) != made(step, "M\u00fcller", folder)
    assert made(step, "Max", folder) != made(pseudonym(key="secret:PSEUDONYM_OLD"), "Max", folder)


def test_a_pseudonym_is_known_by_the_key_alone(folder: Path) -> None:
    own = made(pseudonym(), "Max", folder)
    assert made(pseudonym(), own, folder) == own
    # What only looks like one, and one of another key, is a text like any other.
    forged = own[:-1] + ("a" if own[-1] != "a" else "b")
    assert made(pseudonym(), forged, folder) != forged
    foreign = made(pseudonym(key="secret:PSEUDONYM_OLD"), "Max", folder)
    assert made(pseudonym(), foreign, folder) != foreign


@pytest.mark.parametrize("length", [20, 24, 60])
def test_a_pseudonym_is_as_long_as_asked_for(length: int, folder: Path) -> None:
    assert len(made(pseudonym(length=length), "Max", folder)) == length


def test_a_missing_key_says_where_it_was_looked_for(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"PSEUDONYM_NONE.*environment variable.*secrets\.toml") as raised:
        pseudonym(key="secret:PSEUDONYM_NONE").load(Resources(folder=folder))
    assert KEY not in str(raised.value)


def test_a_key_that_can_be_guessed_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="can be guessed") as raised:
        pseudonym(key="secret:PSEUDONYM_SHORT").load(Resources(folder=folder))
    assert '"x"' not in str(raised.value)


@pytest.mark.parametrize("key", [KEY, "secret:SHOP_DB", "PSEUDONYM_KEY"])
def test_a_key_is_the_name_of_a_secret_that_is_kept_for_it(key: str) -> None:
    with pytest.raises(ValueError, match="secret:PSEUDONYM_KEY") as raised:
        pseudonym(key=key)
    assert KEY not in str(raised.value)


def test_nothing_shows_the_key(folder: Path) -> None:
    step = pseudonym()
    function = step.load(Resources(folder=folder))
    assert KEY not in f"{step!r}{asdict(step)}{function!r}{function.answer.__self__!r}"
    assert KEY not in f"{function.places!r}{function.answers!r}"
    assert pickle.loads(pickle.dumps(function)).answer("Max") == function.answer("Max")

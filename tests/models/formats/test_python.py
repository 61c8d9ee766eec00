from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pumphouse.errors import BuildError
from pumphouse.graph.modules import import_modules
from pumphouse.models.estimators import described, keep, load, parameters, predictions

RULES = '''
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from {package}.scale import SCALE


def often(frame):
    """Half of what it says is a comment."""
    return (frame["spend"].fillna(0) / SCALE).clip(0, 1)


def centred(frame):
    return 0.5 + (frame["days"] - frame["days"].mean()) / 1000


def fails(frame):
    return frame["nothing"]


def from_a_file(frame):
    return [json.loads((Path(__file__).parent / "share.json").read_text())] * len(frame)


@dataclass(frozen=True)
class Table:
    shares: dict[str, float] = field(default_factory=dict)
    other: float = 0.1

    def __call__(self, frame):
        return frame["channel"].map(self.shares).fillna(self.other)


@dataclass
class Loose:
    share: float = 0.5

    def __call__(self, frame):
        return [self.share] * len(frame)


def nested():
    return lambda frame: [0.5] * len(frame)
'''


class Club:
    """A project's folder with its own functions; `write` changes a file of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("rules.py", RULES.replace("{package}", folder.name))
        self.write("scale.py", "SCALE = 400.0\nUNUSED = 1\n")
        self.write("share.json", "0.25")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    @property
    def rules(self):
        modules, faults = import_modules(self.folder, ["rules.py"])
        assert not faults
        return modules["rules.py"]


@pytest.fixture
def club(tmp_path: Path):
    folder = tmp_path / "club_of_rules"
    folder.mkdir()
    yield Club(folder)
    sys.path.remove(str(tmp_path))


def test_a_function_says_the_same_when_it_comes_back(club, data):
    kept = keep(club.rules.often, data.X, task="chance")
    assert kept.format == "python"
    assert b"club_of_rules.rules" in kept.data
    answers = predictions(load(kept.data, format="python"), data.X, format="python", task="chance")
    assert np.array_equal(answers, club.rules.often(data.X))


def test_a_dataclass_comes_back_with_its_fields(club, data):
    given = club.rules.Table(shares={"web": 0.7, "shop": 1 / 3})
    kept = keep(given, data.X, task="chance")
    back = load(kept.data, format="python")
    assert back == given
    assert parameters(given, format="python") == {"shares": {"web": 0.7, "shop": 1 / 3}, "other": 0.1}
    assert described(given, format="python").startswith("Table(shares=")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("rules.py", "clip(0, 1)", "clip(0, 0.9)"), ("scale.py", "400.0", "401.0"), ("share.json", "0.25", "0.3")],
)
def test_it_is_not_asked_once_its_code_or_what_that_needs_has_changed(club, data, file: str, old: str, new: str):
    function = club.rules.from_a_file if file == "share.json" else club.rules.often
    kept = keep(function, data.X, task="chance")
    club.write(file, (club.folder / file).read_text().replace(old, new))
    with pytest.raises(BuildError, match=r"club_of_rules\.rules\.\w+, whose code has changed since it was kept"):
        load(kept.data, format="python")
    club.write(file, (club.folder / file).read_text().replace(new, old))
    load(kept.data, format="python")


def test_a_comment_or_code_that_it_does_not_need_changes_nothing(club, data):
    kept = keep(club.rules.often, data.X, task="chance")
    club.write("scale.py", "# in dollars\nSCALE = 400.0\nUNUSED = 2\n")
    load(kept.data, format="python")


def test_code_that_is_gone_is_named(club, data):
    kept = keep(club.rules.often, data.X, task="chance")
    club.write("rules.py", "")
    with pytest.raises(BuildError, match=r"'club_of_rules\.rules' has no 'often' any more"):
        load(kept.data, format="python")


def halves(frame):
    return [0.5] * len(frame)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (lambda rules: rules.nested(), "has no name of its own"),
        (lambda rules: rules.Loose(), r"nobody knows what it holds.*frozen=True"),
        (
            lambda rules: rules.Table(shares=dict.fromkeys(["web", "shop", "phone"], 0.5), other=object()),
            "a field that JSON has no form for",
        ),
        (lambda rules: rules.fails, r"rules\.fails can't answer: KeyError: 'nothing'"),
        (lambda rules: rules.centred, r"for a row among others and 0.5 for it alone"),
        (lambda rules: np.sin, "can't answer"),
        (lambda rules: halves, "which is no code of the project"),
    ],
)
def test_what_nobody_could_make_again_or_ask_is_refused(club, data, given, reason: str):
    with pytest.raises(BuildError, match=reason):
        keep(given(club.rules), data.X, task="chance")

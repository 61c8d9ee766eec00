from __future__ import annotations

import doctest
import random
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pumphouse as ph
from pumphouse.models.card import card
from pumphouse.models.diff import difference, difference_text
from pumphouse.models.registry import versions

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "models.md"


def write_project(folder: Path, guide: str) -> None:
    """The guide's files, and what it speaks of: 300 customers of January 1997, some of them more eager than others."""
    for name, text in re.findall(r"```\w+\n(?:#|--) (\w+\.\w+)\n(.*?)```", guide, re.DOTALL):
        (folder / name).write_text(text)
    (folder / "pumphouse.toml").write_text('name = "club"\nlake = "lake/"\n')
    chance = random.Random(1997)
    eager = {customer: chance.random() ** 3 for customer in range(1, 301)}
    lines = [
        f"{customer},{date(1997, month, chance.randint(1, 28))},{chance.randint(8, 40)}.50"
        for customer, share in eager.items()
        for month in range(1, 13)
        if month == 1 or chance.random() < share
    ]
    (folder / "purchases.csv").write_text("\n".join(["customer_id,bought_at,amount_usd", *lines]) + "\n")


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    write_project(tmp_path, guide)
    with ph.open(tmp_path) as project:
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "models.md", str(GUIDE), 0)
        assert len(test.examples) == 13
        assert doctest.DocTestRunner().run(test).failed == 0
        shown = re.search(r"prints it:\n\n```text\n(.*?)```", guide, re.DOTALL)
        assert shown
        told = card(project.lake, project.graph.assets, project.graph.assets["returns"])
        for line in shown[1].splitlines():
            assert line in told, told


def test_the_difference_it_shows_is_the_one_that_is_told(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    write_project(tmp_path, guide)
    with ph.open(tmp_path) as project:
        assert project.run(now=datetime(1997, 9, 1, 9, tzinfo=UTC)).ok
        assert project.run("returns", now=datetime(1997, 11, 1, 9, tzinfo=UTC)).ok
        told = difference_text(difference(project.lake, *versions(project.lake, "returns")))
    shown = re.search(r"```text\n(returns@1 -> returns@2\n.*?)```", guide, re.DOTALL)
    assert shown
    assert told.startswith(shown[1]), told

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "upkeep.md"


def test_upkeep_says_what_it_would_free_and_frees_it(pumphouse: Any, shop: Path) -> None:
    foreseen = pumphouse("upkeep", "--dry-run", cwd=shop)
    assert foreseen.code == 0
    assert foreseen.out == (
        'No snapshot leaves without a retention: [upkeep] retention = "30 days" in pumphouse.toml.\n'
        "0 files of 0 bytes would go now: they are in no snapshot.\n"
    )
    with (shop / "pumphouse.toml").open("a") as file:
        file.write('[upkeep]\nretention = "30 days"\n')
    done = pumphouse("upkeep", "--json", cwd=shop).json
    assert (done["files"], done["expiry"]["snapshots"], done["expiry"]["kept"]) == (0, [], [])
    assert pumphouse("query", "SELECT count(*) AS n FROM orders", "--format", "json", cwd=shop).json == [{"n": 4}]


def test_a_retention_that_is_none_or_too_short_is_told_how_to_say_it(pumphouse: Any, shop: Path) -> None:
    wrong = pumphouse("upkeep", "--retention", "a while", cwd=shop)
    assert wrong.err == "error: 'a while' is no retention\n  Say it in days or weeks: \"30 days\".\n"
    assert "too short" in pumphouse("upkeep", "--retention", "0 days", "--dry-run", cwd=shop).err


def test_the_examples_of_the_guide_run(pumphouse: Any, shop: Path) -> None:
    blocks = dict.fromkeys(re.findall(r"```(sh|toml)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    with (shop / "pumphouse.toml").open("a") as file:
        file.write("".join(text for language, text in blocks if language == "toml"))
    for command in "".join(text for language, text in blocks if language == "sh").splitlines():
        done = pumphouse(*shlex.split(command)[1:], cwd=shop)
        assert done.code == 0, done.err
        assert "0 snapshots" in done.out

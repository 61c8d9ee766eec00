from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


EXAMPLES = [
    ("serve.md", 16),
    ("http.md", 13),
    ("flight.md", 6),
    ("postgres.md", 16),
    ("survey.md", 6),
    ("predictions.md", 7),
]


@pytest.mark.parametrize(("guide", "examples"), EXAMPLES)
def test_what_the_guide_shows_is_what_comes_out(guide: str, examples: int, served: Any) -> None:
    text = (GUIDES / guide).read_text(encoding="utf-8")
    names = {"url": served.url, "token": served.serving.token, "lake": served.shop.lake}
    names["uri"], names["address"] = (door.url for door in served.serving.doors)
    # To a doctest, the fence that closes an example would be part of its output.
    test = doctest.DocTestParser().get_doctest(text.replace("\n```", "\n\n```"), names, guide, guide, 0)
    assert len(test.examples) == examples
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    for name in ("api", "his"):
        if name in test.globs:
            test.globs[name].close()


def test_the_clients_that_the_guide_shows_get_an_answer(served: Any) -> None:
    text = (GUIDES / "predictions.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"```(sh|ts)\n(.*?)```", text, re.DOTALL))
    for language, command in (("sh", ["sh", "-c"]), ("ts", ["node", "--input-type=module", "-e"])):
        if shutil.which("node" if language == "ts" else "curl") is None:
            pytest.skip(f"nothing here runs {language}")
        said = subprocess.run(
            [*command, shown[language]],
            env={**os.environ, "URL": served.url, "TOKEN": served.serving.token},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert json.loads(said)["prediction"] == 0.25

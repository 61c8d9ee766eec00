from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from tests.server.conftest import Served

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "client.md"


@pytest.mark.usefixtures("home")
def test_what_the_guide_shows_is_what_comes_out(served: Served) -> None:
    text = GUIDE.read_text(encoding="utf-8").replace("\n```", "\n\n```")  # the fence is no output
    names = {"url": served.url, "token": served.serving.token}
    test = doctest.DocTestParser().get_doctest(text, names, GUIDE.name, str(GUIDE), 0)
    assert len(test.examples) == 17
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


@pytest.mark.parametrize(("guide", "examples"), [("serve.md", 15), ("survey.md", 6)])
def test_what_the_guide_shows_is_what_comes_out(guide: str, examples: int, served: Any) -> None:
    text = (GUIDES / guide).read_text(encoding="utf-8")
    names = {"url": served.url, "token": served.serving.token, "lake": served.shop.lake}
    # To a doctest, the fence that closes an example would be part of its output.
    test = doctest.DocTestParser().get_doctest(text.replace("\n```", "\n\n```"), names, guide, guide, 0)
    assert len(test.examples) == examples
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    for name in ("api", "his"):
        if name in test.globs:
            test.globs[name].close()

"""Every example of checks.md gives what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from pumphouse.declare.asset import Declaration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "checks.md"
EXAMPLES = 15


def test_every_example_gives_what_it_says() -> None:
    test = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) == EXAMPLES
    assert doctest.DocTestRunner().run(test).failed == 0


def test_its_declarations_declare() -> None:
    (code,) = re.findall(r"```python\n(# shop/rules.py.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert sum(isinstance(value, Declaration) for value in names.values()) == 9

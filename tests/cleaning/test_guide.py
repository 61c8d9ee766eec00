from __future__ import annotations

import doctest
import re
from pathlib import Path

import pumphouse.cleaning
from pumphouse.cleaning.trying import STEPS
from pumphouse.declare.asset import Declaration

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "cleaning.md"


def test_every_example_of_the_guide_gives_what_it_says() -> None:
    # To a doctest, the fence that closes an example would be part of its output.
    examples = GUIDE.read_text(encoding="utf-8").replace("\n```", "\n\n```")
    test = doctest.DocTestParser().get_doctest(examples, {}, "cleaning.md", str(GUIDE), 0)
    assert len(test.examples) == 10
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_guides_declaration_declares() -> None:
    code = re.findall(r"```python\n(from .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    assert isinstance(names["customers"], Declaration)


def test_every_name_that_users_import_is_in_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    public = set(pumphouse.cleaning.__all__) - {"sql_functions"}
    assert [name for name in sorted(public | set(STEPS)) if name not in guide] == []

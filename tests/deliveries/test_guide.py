from __future__ import annotations

import doctest
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import Declaration
from pumphouse.deliveries.build import build
from pumphouse.lake.context import Connection

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "deliver.md"


def test_the_guides_deliveries_are_made_and_its_examples_are_true(yard: Any, postgres: str) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    code = re.search(r"```python\n(import .*?)```", guide, re.DOTALL)
    assert code
    declared: dict[str, Any] = {}
    exec(compile(code[1], str(GUIDE), "exec"), declared)
    yard.table("customers", pa.table({"customer_id": [2, 1, 3], "phone": ["", "+4930901820", None]}))
    yard.connections["warehouse"] = Connection(name="warehouse", url=postgres)
    deliveries = {name: one for name, one in declared.items() if isinstance(one, Declaration)}
    assert list(deliveries) == ["to_buyers", "to_shop", "to_warehouse"]
    read = yard.lake.snapshot()
    for name, one in deliveries.items():
        asset = replace(yard.delivery("folder:x"), name=name, spec=one.spec, common=one.common)
        assert build(asset, yard.context(snapshot=read)).counts.rows_out == 3
    examples = doctest.DocTestParser().get_doctest(
        guide.replace("\n```", "\n\n```"), {"lake": yard.lake, "folder": yard.folder}, "deliver.md", str(GUIDE), 0
    )
    assert len(examples.examples) == 3
    assert doctest.DocTestRunner().run(examples).failed == 0

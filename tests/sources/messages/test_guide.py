from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

from tests.sources.messages.test_build import STATE, lines, record

from pumphouse.sources.messages.receiving import receive

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "other-tools.md"


def test_the_guides_sources_take_what_other_tools_give(works, monkeypatch):
    import dlt

    issues = dlt.resource(lambda updated_since: iter([{"id": 1, "updated_at": "2026-01-01"}]), name="issues")
    monkeypatch.setitem(sys.modules, "tracker", SimpleNamespace(issues=issues))
    declared: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), declared)
    shop = [works.asset(declared["shop"], name) for name in ("shop_orders", "shop_staff")]
    sent = lines(record(id=1, updated_at="2026-01-01"), record("staff", id=1), STATE)
    receive(works.lake, [asset for asset, _ in shop], sent)
    for made in shop:
        works.run(made)
    works.run(works.asset(declared["raw_issues"], "raw_issues", services={"since": "Cursor"}))
    works.run(works.asset(declared["raw_numbers"], "raw_numbers"))
    for table, rows in (("shop_orders", 1), ("shop_staff", 1), ("raw_issues", 1), ("raw_numbers", 100)):
        assert len(works.rows(table)) == rows

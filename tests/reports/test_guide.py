from __future__ import annotations

import datetime as dt
import doctest
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import BuildError
from pumphouse.graph.headers import read_page_header
from pumphouse.reports.build import build

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "reports.md"


def test_the_guides_report_is_built_and_its_examples_are_true(desk: Any) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    found = re.search(r"````markdown\n(.*?)````", guide, re.DOTALL)
    assert found
    header, text, faults = read_page_header(found[1])
    assert not faults
    assert header is not None
    assert header.values == {"title": "Weekly sales", "every": "mon 07:00"}
    weeks = [dt.date(1997, 1, 6) + dt.timedelta(weeks=week) for week in range(20)]
    desk.table("weekly_sales", pa.table({"week": weeks, "purchases": range(20), "revenue_usd": [9.5] * 20}))
    build(desk.report(text, "weekly_sales"), desk.context())
    html = desk.lake.blobs.get(desk.lake.artefacts("weekly")[0].sha).decode()
    assert ">19 May 1997</span>" in html
    assert "Best weeks" in html

    examples = doctest.DocTestParser().get_doctest(
        guide.replace("\n```", "\n\n```"), {"lake": desk.lake}, "reports.md", str(GUIDE), 0
    )
    assert len(examples.examples) == 1
    assert doctest.DocTestRunner().run(examples).failed == 0

    with pytest.raises(BuildError) as raised:
        build(
            desk.report(text.replace("SELECT week, purchases,", "SELECT wek, purchases,"), "weekly_sales"),
            desk.context(),
        )
    assert f"```text\n{raised.value}\n```" in guide

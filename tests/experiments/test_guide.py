from __future__ import annotations

import doctest
import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pumphouse as ph

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "experiments.md"


def write_project(folder: Path, guide: str) -> None:
    """The guide's file, and what 2,000 customers paid and got back in the weeks after March 1, 2026."""
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", guide, re.DOTALL):
        (folder / name).write_text(text)
    (folder / "pumphouse.toml").write_text('name = "club"\nlake = "lake/"\n')
    chance = random.Random(2026)
    for table, share in (("orders", 0.6), ("refunds", 0.1)):
        lines = ["customer_id,paid_at,amount_usd"]
        for customer in range(1, 2001):
            while chance.random() < share:
                paid_at = datetime(2026, 3, 1) + timedelta(hours=chance.randint(1, 600))  # noqa: DTZ001  # as in the file
                lines.append(f"{customer},{paid_at.isoformat(sep=' ')},{chance.lognormvariate(3, 0.8):.2f}")
        (folder / f"{table}.csv").write_text("\n".join(lines) + "\n")


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    write_project(tmp_path, guide)
    with ph.open(tmp_path) as project:
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "experiments.md", str(GUIDE), 0)
        assert len(test.examples) == 9
        assert doctest.DocTestRunner().run(test).failed == 0

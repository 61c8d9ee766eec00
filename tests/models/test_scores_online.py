"""Scores as a feature: published to an online store, and never seen before they were made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.models.test_guide import GUIDE, write_project

import pumphouse as ph

SEPTEMBER = datetime(1997, 9, 1, 9, tzinfo=UTC)
ONLINE = """import pumphouse as ph

customers_online = ph.online(["chance"])
"""


def test_scores_are_published_as_a_feature_is_and_expire(tmp_path: Path) -> None:
    write_project(tmp_path, GUIDE.read_text(encoding="utf-8"))
    guide = (GUIDE.parent / "online.md").read_text(encoding="utf-8")
    chance = re.search(r"```sql\n-- chance.sql\n(.*?)```", guide, re.DOTALL)
    assert chance
    (tmp_path / "chance.sql").write_text(chance[1])
    (tmp_path / "online.py").write_text(ONLINE)
    with ph.open(tmp_path) as project:
        assert project.run(now=SEPTEMBER).ok
        scored = {row["customer_id"]: (row["prediction"], row["version"]) for row in project["returns_scores"].rows}
        assert len(scored) == 300
        store = project.online("customers_online")
        for customer, (prediction, version) in scored.items():
            found = store.get({"customer_id": customer}, now=SEPTEMBER)
            assert found.values == {"chance": prediction, "chance_by": version}
        late = store.get({"customer_id": 1}, now=SEPTEMBER + timedelta(days=2))
        assert late.states == {"chance": "expired", "chance_by": "expired"}
        store.close()
        known = project.sql("SELECT DISTINCT as_of, _known_at FROM returns_scores").rows
        trained = datetime(1997, 9, 1, 9, tzinfo=UTC)
        assert known == [{"as_of": datetime(1997, 9, 1, tzinfo=UTC), "_known_at": trained}]

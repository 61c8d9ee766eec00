from __future__ import annotations

import doctest
from pathlib import Path

from tests.catalog.conftest import DAY, Shop

from pumphouse.catalog.adoption import adoption
from pumphouse.declare.facts import Bet

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "catalog.md"


def test_what_the_guide_shows_is_what_comes_out(shop: Shop) -> None:
    bet = Bet(
        asset="weekly_sales",
        users=("buyer-1", "buyer-2", "buyer-3"),
        decision="which titles to reorder",
        check_after="30 days",
    )
    shop.add("weekly_bet", "bet", "weekly_sales", spec=bet)
    now = shop.build_all() + 40 * DAY
    shop.read("weekly_sales", "buyer-1", now - 20 * DAY)
    shop.read("weekly_sales", "buyer-2", now - DAY)
    guide = GUIDE.read_text(encoding="utf-8")
    assert f"```text\n{adoption(shop.lake, shop.assets, now=now).to_text()}\n```" in guide
    # To a doctest, the fence that closes an example would be part of its output.
    examples = guide.replace("\n```", "\n\n```")
    names = {"lake": shop.lake, "assets": shop.assets, "folder": shop.folder, "now": now}
    test = doctest.DocTestParser().get_doctest(examples, names, "catalog.md", str(GUIDE), 0)
    assert len(test.examples) == 13
    assert doctest.DocTestRunner().run(test).failed == 0

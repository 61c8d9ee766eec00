from __future__ import annotations

import doctest
from pathlib import Path

from tests.features.online.test_publish import MAY, Shop

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "online.md"


def test_the_guides_store_is_published_and_its_examples_are_true(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    guide = GUIDE.read_text(encoding="utf-8")
    assert 'customers_online = ph.online(["spend", "last"], max_age="30 days")' in guide
    shop.run()
    project = shop.project
    names = {"p": project, "now": MAY}
    examples = doctest.DocTestParser().get_doctest(guide.replace("\n```", "\n\n```"), names, GUIDE.name, GUIDE.name, 0)
    assert len(examples.examples) == 10
    assert doctest.DocTestRunner().run(examples).failed == 0
    project.online("customers_online").close()
    shop.close()

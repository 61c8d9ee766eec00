"""What the guide shows of permissions is what comes out."""

from __future__ import annotations

import doctest
import re
import threading
from pathlib import Path

import pumphouse as ph
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "permissions.md"
ORDERS = """order_id,country,email,phone,paid_on
1,DE,ann@shop.example,+49 30 901807,2026-03-04
2,FR,bob@shop.example,+33 1 4020,2026-03-05
3,DE,eve@shop.example,030 33,2026-04-30
"""


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    files = ("shop.py", "pumphouse.toml")
    code, settings = (re.search(rf"```\w+\n# {name}\n(.*?)```", text, re.DOTALL) for name in files)
    assert code
    assert settings
    (tmp_path / "shop.py").write_text(code[1], encoding="utf-8")
    (tmp_path / "pumphouse.toml").write_text(settings[1], encoding="utf-8")
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    project = ph.open(str(tmp_path))
    project.run()
    ready: list[Serving] = []
    is_ready = threading.Event()
    options = {"port": 0, "on_ready": lambda serving: (ready.append(serving), is_ready.set())}
    thread = threading.Thread(target=serve, args=(Served(project),), kwargs=options)
    thread.start()
    assert is_ready.wait(120)
    try:
        names = {"url": ready[0].url, "lake": project.lake}
        test = doctest.DocTestParser().get_doctest(text.replace("\n```", "\n\n```"), names, "guide", str(GUIDE), 0)
        assert len(test.examples) == 6
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
    finally:
        ready[0].stop()
        thread.join(20)
        project.lake.close()

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.sources.conftest import Reply, html_reply

from pumphouse.lake.context import Connection

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "websites.md"
PRODUCT = """<main data-sku="A-1"><h1>Tea</h1></main>
<script type="application/ld+json">{"@type": "Product", "offers": {"price": "4.50"}}</script>"""


def test_the_guides_websites_are_read(works, world):
    guide = GUIDE.read_text(encoding="utf-8")
    declared: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), declared)
    for name, given in tomllib.loads(re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)[0])["connections"].items():
        works.connections[name] = Connection(name=name, url=given.pop("url").replace("https://shop.example", world.url))
    sitemap = "".join(f"<url><loc>{world.url}{path}</loc></url>" for path in ("/help/a", "/about"))
    world.replies |= {
        "/": html_reply('<a class="product" href="/a">A</a>'),
        "/a": html_reply(PRODUCT),
        "/reviews": html_reply(
            '<div class=review data-stars=5><p>good<a href="/a">tea</a></p></div><div class=review><p>no stars</div>'
        ),
        "/sitemap.xml": Reply(f"<urlset>{sitemap}</urlset>".encode()),
        "/help/a": html_reply(f"<h1>Help</h1><article><p>{'How to make tea, in some words. ' * 9}</p></article>"),
    }
    for name in ("raw_products", "raw_reviews", "raw_articles"):
        works.run(works.asset(declared[name], name))
    assert works.rows("raw_products") == [("A-1", "Tea", "4.50", f"{world.url}/a")]
    assert works.rows("raw_reviews") == [("5", "goodtea", f"{world.url}/a")]
    ((url, title, text),) = works.rows("raw_articles")
    assert (url, title) == (f"{world.url}/help/a", "Help")
    assert text.startswith("How to make tea")
    assert "/about" not in world.asked

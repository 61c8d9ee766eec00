from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.declare.websites import website
from pumphouse.sources.http.asking import Answer
from pumphouse.sources.websites.pages import page_of

URL = "http://shop.example/list/"
SHOP = """<base href="/goods/"><title> Fine
 goods</title>
<script type="application/ld+json">{"@graph": [{"@type": "WebPage", "name": "page"},
 {"@type": ["Thing", "schema:Product"], "name": "Tea", "offers": [{"price": 4.50, "seller": {"name": "Ann"}}],
  "isRelatedTo": {"@type": "Book", "name": "Inner"}}]}</script>
<script type="application/ld+json">{broken</script>
<ul><li class=p data-id=1><h2>One</h2><a href="one.html">more</a><b itemprop="price" content="1.00">a dollar</b></li>
<li class=p data-id=2><h2>Two</h2><a href="/two">more</a></li><li class=p><h2>None</h2></li></ul>
<div itemscope itemtype="https://schema.org/Person"><i itemprop="name">Bob</i></div>
<div itemscope itemtype="https://schema.org/Product"><i itemprop="name brand"> Tea
 pot</i><time itemprop=made datetime="2026-01-02">x</time><img itemprop=image src="t.png">
<meta itemprop=sku content=S1></div>
"""


def items(html: str, item: dict, **options: object) -> list[dict]:
    spec = website("site", item=item, **options).spec
    body = html.encode(errors="surrogatepass")
    return list(page_of(Answer(url=URL, status=200, headers={}, body=body)).items(spec))


def one(how: object, html: str = SHOP) -> str | None:
    found = items(html, {"value": how})
    return found[0]["value"] if found else None


@pytest.mark.parametrize(
    ("how", "value"),
    [
        ("li h2", "One"),
        ("li[data-id]", "1"),
        ({"link": "li a"}, "http://shop.example/goods/one.html"),
        ({"json_ld": "name"}, "page"),
        ({"json_ld": "name", "type": "Product"}, "Tea"),
        ({"json_ld": "offers.price", "type": "Product"}, "4.5"),
        ({"json_ld": "offers.seller.name"}, "Ann"),
        ({"json_ld": "offers.seller"}, '{"name":"Ann"}'),
        ({"json_ld": "name", "type": "Book"}, "Inner"),
        ({"json_ld": "name", "type": "Movie"}, None),
        ({"json_ld": "name.more"}, None),
        ({"microdata": "name"}, "Bob"),
        ({"microdata": "name", "type": "Product"}, "Tea pot"),
        ({"microdata": "brand"}, "Tea pot"),
        ({"microdata": "made"}, "2026-01-02"),
        ({"microdata": "image"}, "http://shop.example/goods/t.png"),
        ({"microdata": "sku"}, "S1"),
        ({"microdata": "sku", "type": "Person"}, None),
        ({"page": "url"}, URL),
        ({"page": "title"}, "Fine goods"),
    ],
)
def test_a_value_is_found_where_it_is_said_to_stand(how, value):
    assert one(how) == value


def test_each_element_is_an_item_of_its_own():
    item = {"id": "[data-id]", "name": "h2", "url": {"link": "a"}, "price": {"microdata": "price"}}
    assert items(SHOP, item, each=".p") == [
        {"id": "1", "name": "One", "url": "http://shop.example/goods/one.html", "price": "1.00"},
        {"id": "2", "name": "Two", "url": "http://shop.example/two", "price": None},
    ]


@pytest.mark.parametrize(
    "how", [{"json": "name"}, {"page": "body"}, {"link": "a", "type": "x"}, {}, {"json_ld": "a", "kind": "b"}, 7]
)
def test_a_value_that_nobody_knows_how_to_find_is_refused_when_it_is_declared(how):
    with pytest.raises(TypeError, match="item 'value' of a website is"):
        one(how)


@pytest.mark.parametrize("bounds", [{"pages_max": 0}, {"depth_max": "2"}])
def test_bounds_that_are_none_are_refused_when_they_are_declared(bounds):
    with pytest.raises(TypeError):
        website("site", item={"a": "b"}, bounds=bounds)


HOW = [{"json_ld": "a.b"}, {"microdata": "a"}, {"microdata": "a", "type": "T"}, {"page": "main_text"}, {"link": "a"}]
BITS = ["<div itemscope itemtype=T>", "<a itemprop=a href='", "</div>", "[", "{", '{"a":', "}", "]", '"', "x", "\ud800"]
BITS += ["<script type='application/ld+json'>", "</script>", "<base href='http://[::1'>", "<p>" * 50, "\x00", "é"]


@given(st.lists(st.sampled_from(BITS)), st.sampled_from(HOW))
def test_no_page_breaks_a_walk(bits, how):
    found = one(how, "".join(bits))
    assert found is None or found.strip()

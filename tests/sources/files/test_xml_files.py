from __future__ import annotations

import datetime as dt
import tracemalloc

import pytest
from lxml import etree

from pumphouse.declare.formats import xml
from pumphouse.errors import ConfigError, SourceError

ORDERS = """<?xml version="1.0"?>
<!-- an export -->
<shop xmlns="http://shop.example/1" xmlns:x="http://shop.example/2">
  <head><order>not one of the orders</order></head>
  <orders>
    <order id="007" x:paid="true"><total currency="EUR">1.50</total><day>2024-01-02</day>
      <item>a</item><item>b</item></order>
    <order id="008"><total currency="EUR">2</total><day/><item>c</item><id>9</id>said &amp; done</order>
  </orders>
</shop>"""


def test_elements_at_a_path_are_rows_and_what_is_nested_is_json(desk):
    came = desk.read({"a.xml": ORDERS.encode()}, xml(records="orders/order"))
    assert [dict(zip(came.types, row, strict=True)) for row in came.rows] == [
        {
            "total": '{"@currency":"EUR","#text":"1.50"}',
            "day": dt.date(2024, 1, 2),
            "item": '["a","b"]',
            "id": "007",
            "paid": True,
            "id_attribute": None,
            "text": None,
        },
        {
            "total": '{"@currency":"EUR","#text":"2"}',
            "day": None,
            "item": "c",
            "id": "9",
            "paid": None,
            "id_attribute": "008",
            "text": "said & done",
        },
    ]


def test_what_lxml_writes_is_read_in_its_encoding(desk):
    root = etree.Element("rows")
    for number in range(3):
        etree.SubElement(etree.SubElement(root, "row"), "name").text = f"Jürgen {number}"
    for encoding in ("utf-8", "utf-16", "iso-8859-1", "cp1252"):
        body = etree.tostring(root, encoding=encoding, xml_declaration=True)
        assert desk.read({"a.xml": body}, xml(records="row")).rows == [(f"Jürgen {number}",) for number in range(3)]


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]><rows><row><a>&lol1;</a></row></rows>"""
FETCHES = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rows><row><a>&x;</a></row></rows>'
PARAMETER = '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><rows><row><a>1</a></row></rows>'


@pytest.mark.parametrize("body", [LAUGHS, FETCHES, PARAMETER])
def test_entities_are_refused_and_never_expanded(desk, body):
    with pytest.raises(SourceError, match=r"a\.xml: it declares an entity \('(lol|x)'\)"):
        desk.read({"a.xml": body.encode()}, xml(records="row"))


def test_a_document_type_that_is_elsewhere_is_not_fetched(desk):
    body = b'<!DOCTYPE rows SYSTEM "http://127.0.0.1:9/rows.dtd"><rows><row><a>1</a></row></rows>'
    assert desk.read({"a.xml": body}, xml(records="row")).rows == [(1,)]
    with pytest.raises(SourceError, match="it is no whole XML"):
        desk.read({"a.xml": body.replace(b">1<", b">&other;<")}, xml(records="row"))


def test_what_is_cut_off_or_holds_no_record_is_told(desk):
    with pytest.raises(SourceError, match=r"a\.xml: it is no whole XML"):
        desk.read({"a.xml": ORDERS.encode()[:-20]}, xml(records="order"))
    with pytest.raises(SourceError, match=r"it has no element 'Order'; it has .*order \(3\).*Did you mean 'order'"):
        desk.read({"a.xml": ORDERS.encode()}, xml(records="Order"))
    with pytest.raises(SourceError, match="nothing in it"):
        desk.read({"a.xml": b"<orders/>"}, xml(records="order"))
    with pytest.raises(ConfigError, match="is no path of elements"):
        desk.read({"a.xml": b"<a/>"}, xml(records="a//b"))
    with pytest.raises(ConfigError, match=r"ph\.xml"):
        desk.read({"a.xml": b"<a/>"})
    came = desk.read({"a.xml": b"<rows><row/><row><a>1</a></row></rows>"}, xml(records="row"))
    assert (came.rows, came.withheld) == ([(1,)], [("<row/>", "row 1 of a.xml has nothing in it")])


def test_a_long_document_is_read_in_little_memory(desk):
    row = b"<row n='1'><a>some text that is not short</a><skip>x</skip></row>\n<other>y</other>"
    body = b"<rows>" + row * 20_000 + b"</rows>"
    tracemalloc.start()
    came = desk.read({"a.xml": body}, xml(records="row"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(came.rows) == 20_000
    assert peak < 40_000_000

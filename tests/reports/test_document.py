from __future__ import annotations

import pytest

from pumphouse.errors import BuildError
from pumphouse.reports.document import Value, parse


def test_blocks_have_kind_name_text_and_line() -> None:
    document = parse("# Sales\n\n```sql weekly\nSELECT 1\n```\n\n~~~~chart top\ndata = 'weekly'\n~~~~\n", file="a.md")
    assert [(block.kind, block.name, block.text, block.line) for block in document.blocks] == [
        ("sql", "weekly", "SELECT 1\n", 4),
        ("chart", "top", "data = 'weekly'\n", 8),
    ]
    assert document.has_heading


def test_a_block_without_a_name_is_called_by_its_number() -> None:
    document = parse("```sql\nSELECT 1\n```\n```sql b\nSELECT 2\n```\n```SQL\nSELECT 3\n```", file="a.md")
    assert [block.name for block in document.blocks] == ["sql_1", "b", "sql_3"]


def test_another_fence_is_code_that_is_shown() -> None:
    document = parse("```python\nprint('<b>')\n```\n\n    ```sql a\n", file="a.md")
    assert document.blocks == ()
    html = document.html(blocks={}, values={})
    assert "<pre><code>print('&lt;b&gt;')" in html.replace("&#x27;", "'").replace("&#39;", "'")
    assert "```sql a" in html


def test_html_in_a_report_is_text() -> None:
    html = parse("a <script>alert(1)</script> <!-- x -->\n\n<div>b</div>", file="a.md").html(blocks={}, values={})
    assert "<script" not in html
    assert "<div" not in html
    assert "&lt;script&gt;" in html


def test_a_link_that_runs_something_is_no_link() -> None:
    html = parse("[a](javascript:alert(1)) [b](https://example.org)", file="a.md").html(blocks={}, values={})
    assert "javascript:" not in html.replace("(javascript:alert(1))", "")
    assert '<a href="https://example.org">b</a>' in html


def test_values_are_found_in_prose_headings_and_tables_but_not_in_code() -> None:
    text = (
        "## {{ a.n }}\n\nText\nmore *{{a.big_n}}* `{{ a.n }}`\n\n| x |\n|---|\n| {{ a.n }} |\n\n```sql a\nSELECT 1\n```"
    )
    document = parse(text, file="a.md")
    assert document.values == (
        Value(block="a", column="n", line=1),
        Value(block="a", column="big_n", line=4),
        Value(block="a", column="n", line=8),
    )
    html = document.html(blocks={("sql", "a"): ""}, values={("a", "n"): "1", ("a", "big_n"): "<i>2</i>"})
    assert "<h2>1</h2>" in html
    assert "<em><i>2</i></em>" in html
    assert "<code>{{ a.n }}</code>" in html
    assert "<td>1</td>" in html


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("x\n\n- ```sql a\n  SELECT 1\n  ```", 3, "within a list or a quote"),
        ("> ```chart a\n> x\n> ```", 1, "within a list or a quote"),
        ("```sql two words\n```", 1, "'two words' is no name"),
        ("```sql a\n```\n```sql A\n```", 3, "two sql blocks are called 'A' (the other: line 1)"),
        ("one\ntwo {{ weekley.n }}\n```sql weekly\n```", 2, "Did you mean 'weekly'?"),
        ("one\n\n{{ n }}", 3, "not of the form {{ block.column }}"),
        ("\n![logo](https://example.org/logo.png)", 2, "asks nobody for anything"),
    ],
)
def test_what_is_wrong_names_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(BuildError) as raised:
        parse(text, file="a.md")
    assert said in str(raised.value)
    assert f"(a.md:{line})" in str(raised.value)

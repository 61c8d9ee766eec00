from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, plain_text

TRICKY = st.lists(
    st.sampled_from([*"<>/&;#ab p\"'=\n\r\t!-[", "br", "script", "amp;", "lt;", "<b>", "</b>", "&amp;", "&#60;", "Ã",
    "©", "â", "€", "\u200b", "\ufeff", "\u0301", "\u00a0", "\x1b[", "ｶ", "ﾞ", "１", "：", "“", "ก", "ש", "\u200f",
                     "\u202e", "🙈"]),
    max_size=30,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("cafÃ©", "café"),
        ("â€œhiâ€\x9d", "“hi”"),
        ("voilÃ\u00a0 le", "voilà le"),
        ("e\u0301", "é"),
        ("\u212b", "Å"),
        ("İstanbul", "İstanbul"),
        ("\ufeffa\u00a0\u3000 b\u200b ", "a b"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("one \n\n\n\n two", "one\n\ntwo"),
        ("a\x00b\x1b[31mred\x1b[0m", "abred"),
        ("co\u00adoperate", "cooperate"),
        ("\u202a+49 30\u202c", "+49 30"),
        ("x", "x"),
    ],
)
def test_what_nobody_typed_is_mended(written: str, text: str) -> None:
    assert plain_text().one(written) == Cell(value=text)


@pytest.mark.parametrize(
    "written",
    [
        "<3", "a < b > c", "<b>bold</b> &amp;", "N/A", "NA", "None", "-", "10³ m²", "ﬁne", "Ｆｕｌｌ",
        "“quoted” it’s «so»",
        "naïve Ñandú Ã São", "ÅÄÖ", "L’été à l’Étang", "Straße", "Ελλάδα", "Привет, мир", "東京都、日本。",
        "สวัสดี\u200bครับ",
        "שלום\u200f, 1", "می\u200cخواهم", "👩\u200d💻 🇩🇪", "हिन्दी", "한국어", "C++11", "¿Qué?", "50 € – 60 £", "�",
    ],
)  # fmt: skip
def test_prose_in_any_script_stays_as_it_is(written: str) -> None:
    assert plain_text().one(written) == Cell(value=written)


@pytest.mark.parametrize("written", ["", " ", "\ufeff", "\u200b\u00a0", "\u200f", "\x00"])
def test_text_that_nobody_can_see_is_a_gap(written: str) -> None:
    assert plain_text().one(written) == Cell(value=None)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("<p>Fish &amp;\nchips</p><p>Tea</p>", "Fish & chips\nTea"),
        ("<div><div>a</div></div><ul><li>b<li>c</ul>", "a\nb\nc"),
        ("a<br><br/>b", "a\n\nb"),
        ("<table><tr><td>1</td><td>2</td></tr>\n<tr><td>3</table>", "1 2\n3"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("<script>if (a < b) x('</p>')</script><style>p {}</style>a<!-- <b> -->b", "ab"),
        ("<!DOCTYPE html><html><body>a</body></html>", "a"),
        ("<a href='x>y' title=\"<b>\">link</a>", "link"),
        ("AT&amp;amp;T &amp;#39;s", "AT&T 's"),
        ("&amp;amp;lt;3", "<3"),
        ("&Atilde;&copy;t&Atilde;&copy;", "été"),
        ("line one\nline two &nbsp; end", "line one\nline two end"),
        (
            "i <3 u, a < b, x<y>z, <ann@example.com>, ?a=1&copy=2",
            "i <3 u, a < b, x<y>z, <ann@example.com>, ?a=1&copy=2",
        ),
    ],
)
def test_html_becomes_what_a_person_reads(written: str, text: str) -> None:
    assert plain_text(html=True).one(written) == Cell(value=text)


@pytest.mark.parametrize("written", ["i <3 u, a < b", "x<y>z", "<ann@example.com>", "?a=1&copy=2", "AT&T", "a <b"])
def test_what_is_no_html_for_sure_stays(written: str) -> None:
    assert plain_text(html=True).one(written) == Cell(value=written)


@pytest.mark.parametrize("written", ["&lt;b&gt;", "use the &lt;br&gt; <i>tag</i>", "<<b>b>", "<<!-- -->script>x"])
def test_what_would_read_as_html_once_more_is_declined(written: str) -> None:
    reason = "what is left reads as HTML once more: markup that was escaped, or text about markup"
    assert plain_text(html=True).one(written) == Cell(value=None, reason=reason)


@pytest.mark.parametrize("written", ["a<script>b", "a<!-- b", "<style>"])
def test_what_is_hidden_without_an_end_is_declined(written: str) -> None:
    assert plain_text(html=True).one(written).reason == "a script, a style or a comment in it has no end"


def test_entities_within_entities_are_undone_up_to_a_bound() -> None:
    assert plain_text(html=True).one("&" + "amp;" * 8 + "lt;").value == "<"
    assert plain_text(html=True).one("&" + "amp;" * 100 + "lt;").reason == "still changing after it was mended 12 times"


def test_quotes_are_straightened_where_asked() -> None:
    assert plain_text(straight_quotes=True).one("“a” „b‟ ‘c’ it’s «d»").value == '"a" "b" \'c\' it\'s «d»'


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Ｐｕｍｐ－１＠ａ．ｃｏｍ", "Pump-1@a.com"),
        ("１０：３０　１，０００", "10:30 1,000"),
        ("東京、日本。すごい！（ほんと？）", "東京、日本。すごい！（ほんと？）"),
        ("ﾎﾟﾝﾌﾟ ｶﾞｽ", "ポンプ ガス"),
        ("コーヒー", "コーヒー"),
    ],
)
def test_widths_are_made_one_where_asked(written: str, text: str) -> None:
    assert plain_text(half_width=True).one(written) == Cell(value=text)


@pytest.mark.parametrize(
    "piece", ["<a ", "<a b='\"", "&amp;", "<", "Ã©", " \n", "<p>é", "<!doctype", "<script></scrip", "e\u0301"]
)
def test_a_cell_of_300_000_characters_is_cleaned(piece: str) -> None:
    cell = plain_text(html=True, straight_quotes=True, half_width=True).one(piece * (300_000 // len(piece)))
    assert cell.value is None or cell.reason is None


@given(TRICKY, st.booleans(), st.booleans())
def test_cleaning_again_changes_nothing(written: str, html: bool, others: bool) -> None:
    step = plain_text(html=html, straight_quotes=others, half_width=others)
    once = step.one(written)
    assert step.one(once.value) == Cell(value=once.value)
    if once.value is not None:
        assert unicodedata.is_normalized("NFC", once.value)
        assert not any(unicodedata.category(letter) == "Cc" and letter != "\n" for letter in once.value)

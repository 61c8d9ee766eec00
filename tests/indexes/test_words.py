from __future__ import annotations

import hashlib
import re
from typing import Any
from unicodedata import category, normalize

import duckdb
import pyarrow as pa
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from pumphouse.declare.facts import LANGUAGES, search
from pumphouse.errors import ConfigError
from pumphouse.indexes import letters, words
from pumphouse.indexes.build import build
from pumphouse.indexes.excerpts import Marks, excerpt
from pumphouse.indexes.manifest import current
from pumphouse.indexes.searching import search as searched

UNSPACED = "東京都日本語のガーがき々한국어를어ㄱ"
LETTERS = "aZ9éßﬁİıΆςσЁйжüñøłशरनमสวสดกعربيםא１Ａ"
BETWEEN = " .,'-_/@:!😀👍🏽\x00\x01\n\t。、"
MARKS = "\u0301\u0308\u0327\u3099\u200d\u00ad\ufe0f"
mixed = st.text(st.sampled_from(UNSPACED + LETTERS + BETWEEN + MARKS + "ｶﾞﾊﾟᄒ\u1161\u11abﾡￂ"), max_size=40)
anything = st.one_of(mixed, st.text(max_size=30))


def terms(text: str, language: str | None = None) -> list[str]:
    return words.analyzer(language).analyze(letters.prepared(text))


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@given(texts=st.lists(anything, min_size=1, max_size=30))
def test_rows_and_queries_are_prepared_alike(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    texts_table = pa.table({"text": texts})  # noqa: F841 - DuckDB finds it by its name
    prepared = connection.execute(f"SELECT {letters.prepared_sql('text')} FROM texts_table").fetchall()
    assert [text for (text,) in prepared] == [letters.prepared(text) for text in texts]


def test_no_single_letter_is_prepared_otherwise_in_rows(connection: duckdb.DuckDBPyConnection) -> None:
    # Not those that no Unicode of Python 3.11 knows: a newer one may compose them.
    texts = [f"a{chr(code)}b" for code in range(0x3400) if category(chr(code)) not in ("Cn", "Cs")]
    texts_table = pa.table({"text": texts})  # noqa: F841
    prepared = connection.execute(f"SELECT {letters.prepared_sql('text')} FROM texts_table").fetchall()
    assert [text for (text,) in prepared] == [letters.prepared(text) for text in texts]


def test_every_letter_that_is_made_alike_is_noticed() -> None:
    for code in (*range(0x3400), *range(0xF900, 0x12000), *range(0x1D000, 0x1D200), *range(0x2F800, 0x2FA20)):
        letter = chr(code)
        if letters.folded(letter) not in (letter, " "):
            assert letters.is_special(letter), hex(code)
        parts = normalize("NFD", letter)
        if len(parts) > 1 and normalize("NFC", parts) == letter:
            assert letters.is_special(parts), hex(code)
            assert letters.traced(parts)[0] == letters.folded(letter)


def test_no_mark_splits_a_word_and_every_letter_without_spaces_is_one() -> None:
    analyzer = words.analyzer()
    for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x12000), *range(0x1B000, 0x1B130)):
        letter = chr(code)
        if category(letter).startswith("M"):
            assert len(analyzer.analyze(letters.prepared(f"a{letter}b"))) == 1, hex(code)
        elif letters.runs(letter):
            assert analyzer.analyze(letters.prepared(letter)) == [letters.folded(letter)], hex(code)


@given(text=anything, language=st.sampled_from((None, *LANGUAGES)))
@example(text="aￂ\u00ad", language=None)
def test_words_stand_where_they_are_told_to(text: str, language: str | None) -> None:
    analyzer = words.analyzer(language)
    placed = list(words.placed(text, analyzer))
    assert [word for word, _, _ in placed] == analyzer.analyze(letters.prepared(text))
    for word, start, end in placed:
        assert 0 <= start < end <= len(text)
        assert analyzer.analyze(letters.prepared(text[start:end]))[0] == word
    starts = [start for _, start, _ in placed]
    assert starts == sorted(starts)


@given(text=anything)
@example(text="\uff76\u3099\u1161")
@example(text="A\u0338\u0301\u11a8")
def test_folded_letters_are_traced_to_where_they_come_from(text: str) -> None:
    made, source = letters.traced(text)
    assert made == letters.folded(text)
    assert len(source) == len(made) + 1
    assert source == sorted(source)
    for letter, start, end in zip(made, source, source[1:], strict=False):
        if start < end:
            assert letter in letters.folded(text[start:end])


clusters = st.builds(str.__add__, st.sampled_from(LETTERS), st.text("\u0301\u0327\u200d\u00ad\ufe0f", max_size=2))


@given(parts=st.lists(st.one_of(clusters, st.sampled_from(BETWEEN)), max_size=40))
def test_words_are_the_runs_of_letters_digits_and_marks_of_unicode(parts: list[str]) -> None:
    text = "".join(parts)
    found = [text[start:end] for _, start, end in words.placed(text, words.analyzer())]
    runs = [one[0] for one in regex.finditer(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}]*", text)]
    assert [one.rstrip(MARKS) for one in found] == [one.rstrip(MARKS) for one in runs]


@given(text=st.text(UNSPACED + "ab 。", max_size=20), part=st.text(UNSPACED, min_size=1, max_size=5))
def test_a_part_of_a_text_without_spaces_is_found_exactly_where_it_stands(text: str, part: str) -> None:
    typed, kept = words.typed(part, words.analyzer()), terms(text)
    assert typed.is_open
    length = len(typed.terms)
    last = str.startswith if typed.is_begun else str.__eq__
    is_found = any(
        kept[at : at + length - 1] == typed.terms[:-1] and last(kept[at + length - 1], typed.terms[-1])
        for at in range(len(kept) - length + 1)
    )
    assert is_found == (letters.folded(part) in letters.folded(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Café CAFÉ cafe\u0301 ｃａｆé", "cafe cafe cafe cafe"),
        ("Straße ﬁne İstanbul ᾿Αθήνα ΑΘΗΝΑΣ Αθήνας ещё ЕЩЕ", "strasse fine istanbul αθηνα αθηνασ αθηνασ еще еще"),
        ("https://example.org/a_b?q=1#top", "https example org a b q 1 top"),
        ("1.5.5 v2.0-rc1 3,50", "1 5 5 v2 0 rc1 3 50"),
        ("ann.lee+x@example.org", "ann lee x example org"),
        ("don't l’été re-open co\u00adop", "don t l ete re open coop"),
        ("👍🏽 1️⃣ a\x00b", "1 a b"),
        ("東京都 iPhone東京", "東京 京都 都 iphone 東京 京"),
        ("ｶﾞｲﾄﾞ 한국어", "ガイ イド ド 한국 국어 어"),
        ("שָׁלוֹם مُحَمَّد क्या น้ำ", "שלום محمد कया นำ"),
        ("x" * 40_000 + " y " + "z" * 255, "y " + "z" * 255),
        ("", ""),
    ],
)
def test_how_text_becomes_words(text: str, wanted: str) -> None:
    assert terms(text) == [normalize("NFC", one) for one in wanted.split()]


@given(text=st.text("abcéèêüößñçşğıİœ", min_size=1, max_size=10), language=st.sampled_from(LANGUAGES))
def test_a_word_typed_without_its_accents_has_the_same_stem(text: str, language: str) -> None:
    [plain] = terms(text)
    assert terms(text, language) == terms(plain, language)


def test_a_change_of_how_words_are_made_has_another_version() -> None:
    made = letters.prepared_sql("text") + "".join(
        f"{one}:{' '.join(terms('Deliveries, générosité, größere Häuser, заказы, الكتاب, 東京', one))}"
        for one in (None, *LANGUAGES)
    )
    digest = hashlib.sha256(made.encode()).hexdigest()[:12]
    assert (words.VERSION, digest) == (3, "78cc42273bef"), "say how words are made now, and count VERSION up"


def test_a_language_is_declared_for_all_text_or_by_column() -> None:
    assert search("t", text=["a", "b"], language="german").spec.languages == (("a", "german"), ("b", "german"))
    assert search("t", text=["a", "b"], language={"b": "french"}).spec.languages == (("b", "french"),)
    assert search("t", text="a").spec.languages == ()
    with pytest.raises(ConfigError, match=r"no language 'germn'. Did you mean 'german'\? There are arabic, danish"):
        search("t", text="a", language="germn")
    with pytest.raises(ConfigError, match=r"language names 'title', which is not in text\. Text is in a"):
        search("t", text="a", language={"title": "german"})


LETTERS_TO_US = pa.table(
    {
        "ticket_id": [1, 2, 3, 4],
        "subject": ["Deliveries were late", "delivery", "東京都に住む", "iPhone 東京"],
        "body": ["zwei große Häuser", "ein Haus, größer", "京都から東京へ。", "데이터베이스"],
    }
)


@pytest.fixture(scope="module")
def find(shared_desk: Any) -> Any:
    shared_desk.table(LETTERS_TO_US)
    index = shared_desk.index(filter=(), sort=None, languages=(("subject", "english"), ("body", "german")))
    build(index, shared_desk.context())
    return lambda query: searched(shared_desk.lake, index, query)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("delivery", {1, 2}),
        ('"delivery were"', {1}),
        ("delivery*", {1, 2}),
        ("haus", {1, 2}),
        ("subject:haus", set()),
        ("東京", {3, 4}),
        ("京都", {3}),
        ("東京都", {3}),
        ("都東", set()),
        ("都", {3}),
        ("京", {3, 4}),
        ("東京都*", {3}),
        ('"iphone 東"', {4}),
        ('"iphone 京"', set()),
        ("ｉＰｈｏｎｅ", {4}),
        ("베이스", {4}),
        ("へ", {3}),
    ],
)
def test_stems_and_letters_without_spaces_are_found(find: Any, query: str, wanted: set[int]) -> None:
    assert {hit.key[0] for hit in find(query).hits} == wanted


@pytest.mark.parametrize(
    ("query", "number", "column", "wanted"),
    [
        ("delivery late", 1, "subject", "<mark>Deliveries</mark> were <mark>late</mark>"),
        ("haus", 1, "body", "zwei große <mark>Häuser</mark>"),
        ("東京都", 3, "subject", "<mark>東京都</mark>に住む"),
        ("京", 3, "body", "<mark>京</mark>都から東<mark>京</mark>へ。"),
        ("に", 3, "subject", "東京都<mark>に</mark>住む"),
        ("이터", 4, "body", "데<mark>이터</mark>베이스"),
    ],
)
def test_an_excerpt_marks_what_was_found(find: Any, query: str, number: int, column: str, wanted: str) -> None:
    [hit] = [hit for hit in find(query).hits if hit.key == (number,)]
    assert hit.excerpts[column].html == wanted


@given(text=anything, chosen=st.integers(0, 5))
def test_an_excerpt_is_a_part_of_its_text(text: str, chosen: int) -> None:
    known = terms(text)
    found = excerpt(text, marks=Marks(terms=frozenset(known[chosen : chosen + 2])), analyzer=words.analyzer())
    assert (found is None) == (not known[chosen : chosen + 2])
    if found:
        assert "".join(piece for piece, _ in found.pieces) in text
        marked = [piece for piece, is_found in found.pieces if is_found]
        assert marked
        assert all(
            any(part in terms(piece) for part in known[chosen : chosen + 2]) or len(piece) == 1 for piece in marked
        )


def test_an_excerpt_of_a_long_text_is_where_most_different_words_are() -> None:
    text = "late " + "x " * 300 + "a refund that is late, " + "y " * 300
    found = excerpt(text, marks=Marks(terms=frozenset({"late", "refund"})), analyzer=words.analyzer())
    assert found
    assert re.search(r"^x x .*a <mark>refund</mark> that is <mark>late</mark>, y .*y$", found.html)
    assert len("".join(piece for piece, _ in found.pieces)) <= 200


def test_another_language_makes_the_index_anew(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    shapes = []
    for number, language in enumerate([None, "english", "english", "german"]):
        languages = (("body", language),) if language else ()
        build(desk.index(languages=languages), desk.context(run=f"run-{number}"))
        manifest, _ = current(desk.lake, "tickets_search")
        assert manifest
        shapes.append((manifest.shape, len(manifest.states)))
    assert len({shape for shape, _ in shapes}) == 3
    assert {states for _, states in shapes} == {1}

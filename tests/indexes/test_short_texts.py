from __future__ import annotations

from pumphouse.indexes.short_texts import ShortTexts

TEXTS = ShortTexts(["raw_orders", "orderLines", "Größe der Sendung", "HTTPServer", "", "a.*b", "orders " * 3])


def test_words_are_found_whole_by_beginning_by_part_and_with_wrong_letters() -> None:
    assert TEXTS.with_word("orders") == {0, 6}
    assert TEXTS.with_beginning("order") == {0, 1, 6}
    assert TEXTS.with_part("rder") == {0, 1, 6}
    assert TEXTS.with_typo("ordres", distance=1) == {0, 6}
    assert TEXTS.with_typo("sandong", distance=2) == {2}
    assert TEXTS.with_word("grosse") == {2}
    assert TEXTS.with_word("server") == TEXTS.with_word("httpserver") == {3}
    assert TEXTS.with_part("zzz") == TEXTS.with_word("zzz") == TEXTS.with_beginning("zzz") == frozenset()


def test_what_means_something_to_a_pattern_means_nothing_here() -> None:
    assert TEXTS.with_part(".*") == TEXTS.with_part("(((") == TEXTS.with_part("[a") == frozenset()


def test_what_is_typed_comes_apart_like_a_name() -> None:
    assert TEXTS.words_of("rawOrders raw_orders XMLFile") == ("raw", "orders", "xml", "file")
    assert ShortTexts([]).with_word("x") == frozenset()

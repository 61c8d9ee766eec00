from __future__ import annotations

import pyarrow as pa
import pytest

from pumphouse.cleaning import Cell, parse_boolean
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.steps.booleans import WORDS


@pytest.mark.parametrize(
    "written",
    ["yes", "Y", " TRUE ", "t", "1", "1.0", "on", "Ja", "oui", "SÍ", "sì", "да", "はい", "是", "✓", "ｙｅｓ", "evet"],
)
def test_yes_in_any_language_is_true(written: str) -> None:
    assert parse_boolean().one(written) == Cell(value=True)


@pytest.mark.parametrize(
    "written", ["no", "N", "false", "F", "0", "0,0", "off", "nein", "Non", "não", "нет", "いいえ", "否", "HAYIR"]
)
def test_no_in_any_language_is_false(written: str) -> None:
    assert parse_boolean().one(written) == Cell(value=False)


@pytest.mark.parametrize("written", ["maybe", "2", "-1", "x", "N/A", "NA", "yes/no", "o", "s", "j", "10"])
def test_everything_else_is_declined(written: str) -> None:
    assert parse_boolean().one(written) == Cell(value=None, reason="neither a word for yes nor one for no")


def test_only_declared_languages_count() -> None:
    assert parse_boolean("de").one("J").value is True
    assert parse_boolean("fr").one("o").value is True
    assert parse_boolean("de").one("oui").reason is not None
    assert parse_boolean("de").one("true").value is True


def test_a_word_that_declared_languages_read_differently_is_declined() -> None:
    assert parse_boolean("fi", "tr").one("e").reason is not None
    assert parse_boolean("fi", "tr").one("evet").value is True


def test_words_of_ones_own_stand_alone_or_beside_languages() -> None:
    assert parse_boolean(yes="paid|Settled", no="open").one("SETTLED").value is True
    assert parse_boolean(yes="paid", no="open").one("yes").reason is not None
    assert parse_boolean("en", yes="paid", no="open|y").one("no").value is False
    assert parse_boolean("en", yes="paid", no="open|y").one("y").value is False


def test_what_can_not_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no words of 'deu'\. Did you mean 'de'"):
        parse_boolean("deu")
    with pytest.raises(ValueError, match="words for yes and for no"):
        parse_boolean(yes="paid")
    with pytest.raises(ValueError, match="'open' for yes and for no"):
        parse_boolean(yes="paid|Open", no="open")


@pytest.mark.parametrize("language", WORDS)
def test_no_language_says_yes_and_no_in_one_word(language: str) -> None:
    yes, no = (set(words.split()) for words in WORDS[language])
    assert not yes & no
    assert {parse_boolean(language).one(word).value for word in yes} == {True}
    assert {parse_boolean(language).one(word).value for word in no} == {False}


def test_a_column_of_booleans_stays_as_it_is() -> None:
    column = pa.array([True, None, False])
    assert parse_boolean().load(Resources())(column, {}).values.equals(column)
    assert parse_boolean().load(Resources())(pa.array([1.0, 0.0, None]), {}).values.to_pylist() == [True, False, None]

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning.spellings.merges import lines_of, parse_merges, read_merges, written_as
from pumphouse.errors import ConfigError


def test_a_variant_becomes_its_value_and_a_value_stays() -> None:
    merges = parse_merges('variant,value,note\n"Koeln, am Rhein",Köln,seen\n\nKo\u0308ln,Köln\n', file="c.csv")
    assert merges.values == {"Koeln, am Rhein": "Köln", "Köln": "Köln"}
    assert merges.known == {"Köln"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a,b\na,c", r"line 3: 'a' already becomes 'b' \(line 2\)"),
        ("a,b\nb,c", "line 2: 'a' becomes 'b' becomes 'c'"),
        ("a,b\nb,a", "line 2: 'a' becomes 'b', and so on for ever; line 3: 'b' becomes 'a', and so on for ever"),
        ("a,", "line 2: variant or value is empty"),
        ("a", "line 2: 1 fields under 3 columns"),
        ("a,b,c,d", "line 2: 4 fields under 3 columns"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_lines(lines: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_merges(f"variant,value,note\n{lines}\n", file="c.csv")


def test_other_columns_and_no_columns_are_refused() -> None:
    for text in ("from,to\na,b\n", ""):
        with pytest.raises(ConfigError, match="the columns are variant,value,note"):
            parse_merges(text, file="c.csv")


def test_a_file_that_is_not_there_or_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.csv is not there"):
        read_merges(tmp_path / "c.csv")
    (tmp_path / "c.csv").write_bytes(b"variant,value\nM\xfcnchen,x\n")
    with pytest.raises(ConfigError, match=r"c\.csv is not UTF-8"):
        read_merges(tmp_path / "c.csv")
    (tmp_path / "c.csv").write_text("\ufeffvariant,value\na,b\n", encoding="utf-8")
    assert read_merges(tmp_path / "c.csv").values == {"a": "b"}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_lines_that_are_written_are_read_as_they_were(variant: str, value: str) -> None:
    variant, value = written_as(variant), written_as(value)
    if variant and value:
        read = parse_merges("variant,value,note\n" + lines_of([(variant, value, "a, b")]), file="c.csv")
        assert read.values == {variant: value}

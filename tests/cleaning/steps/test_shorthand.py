from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, expand, expansions
from pumphouse.cleaning.dictionaries.dictionary import Dictionary
from pumphouse.cleaning.dictionaries.files import parse_dictionary, read_dictionaries
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.steps.shorthand import ExpandTexts
from pumphouse.errors import ConfigError

DICTIONARY = """shorthand,expansion,note
pls,please,
asap,as soon as possible,
u,you,
r,are,
b4,before,
w/,with,"a mark at its end"
w/o,without,
as far as i know,to my knowledge,the long form is looked for first
as far,so far,
US,United States,only in capitals
us,the team,
usa,USA,
(c),copyright,
eg,"for example,",
tokio,Tōkyō,
東京,Tokyo,
:),smiling,
br,best regards,
amp,ampere,
t,the,
tag,label,
c++,C plus plus,
"""


def dictionary(*entries: tuple[str, str]) -> Dictionary:
    return parse_dictionary("shorthand,expansion\n" + "".join(f'"{a}","{b}"\n' for a, b in entries), file="test.csv")


SHORTHAND = parse_dictionary(DICTIONARY, file="shorthand.csv")


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("pls call asap", "please call as soon as possible"),
        ("Pls call ASAP", "Please call as soon as possible"),
        ("as far as I  know, u r late", "to my knowledge, you are late"),
        ("as far as u know", "so far as you know"),
        ("tea w/ milk, w/o sugar", "tea with milk, without sugar"),
        ("w/milk", "w/milk"),
        ("the US told us", "the United States told the team"),
        ("usa USA Usa", "USA USA USA"),
        ("u.s. u-turn u@u.de http://u.de/u re:u", "u.s. u-turn u@u.de http://u.de/u re:u"),
        ("(u)", "(you)"),
        ("(c) me, (c)lub", "copyright me, (c)lub"),
        ("東京都, 東京", "東京都, Tokyo"),
        ("İ u ı", "İ you ı"),
        ("tokio", "Tōkyō"),
        ("C++11 c++ u", "C++11 C plus plus you"),
        ("u.s. US us", "u.s. United States the team"),
        ("<br>u<br/> br", "<br>you<br/> best regards"),
        ("#tag @tag tag", "#tag @tag label"),
        ("AT&amp;T &amp; t amp", "AT&amp;T &amp; the ampere"),
        ("ok :) fine:) (:)", "ok smiling fine:) (:)"),
        ("东京 東京に 東京", "东京 東京に Tokyo"),
        ("", ""),
    ],
)
def test_only_whole_words_are_written_out_and_the_longest_first(written: str, expanded: str) -> None:
    assert SHORTHAND.expand(written) == expanded


INSIDE = parse_dictionary(
    "shorthand,expansion,inside\n北大,北京大学,yes\n东北大学,东北大学,yes\n東京,Tokyo,yes\n東京都,Tokyo Metropolis,yes"
    "\nasap,尽快,yes\nkub,ครับ,yes\nu,you,\n",
    file="runs.csv",
)


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("我在北大读书", "我在北京大学读书"),
        ("我在东北大学读书", "我在东北大学读书"),
        ("東京都に住む、東京に行く", "Tokyo Metropolisに住む、Tokyoに行く"),
        ("明天asap回复", "明天尽快回复"),
        ("明天asaps回复u", "明天asaps回复u"),
        ("ok東京ok u", "ok Tokyo ok you"),
        ("ไปkub", "ไปครับ"),
    ],
)
def test_an_entry_may_match_inside_a_run_where_it_says_so(written: str, expanded: str) -> None:
    assert INSIDE.expand(written) == expanded
    assert INSIDE.expand(expanded) == expanded


def test_words_that_come_apart_are_expanded_too() -> None:
    found = parse_dictionary("shorthand,expansion,inside\n東,a,yes\nb,c,\n", file="s.csv")
    assert found.expand("b東") == "c a"


def test_a_later_layer_stands_for_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "shorthand.csv").write_text("shorthand,expansion\npt,please tell\nr,are\nu,you\n")
    (tmp_path / "medical.csv").write_text("# owner: ward 3\nshorthand,expansion,owner\nPt,patient,\nPT,x,ann\nr,r,\n")
    (tmp_path / "rx.csv").write_text("shorthand,expansion,note,since\npt,patient,not the verb,2026-11-01\n")
    written = pa.array(["pt r u"])
    layered = expand("shorthand.csv", "rx.csv", "medical.csv")
    assert layered.load(Resources(folder=tmp_path))(written, {}).values.to_pylist() == ["patient r you"]
    assert expand("shorthand.csv").load(Resources(folder=tmp_path))(written, {}).values.to_pylist() == [
        "please tell are you"
    ]
    found = {entry.shorthand: entry for entry in read_dictionaries(tmp_path, layered.files).entries}
    assert (found["pt"].place, found["pt"].since, found["pt"].note) == ("rx.csv:2 pt", "2026-11-01", "not the verb")
    assert (found["Pt"].owner, found["PT"].owner, found["u"].owner) == ("ward 3", "ann", "")


def test_conflicts_are_looked_for_over_all_layers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("shorthand,expansion\nu,you\n")
    (tmp_path / "b.csv").write_text("shorthand,expansion\nyou,thou\n")
    with pytest.raises(ConfigError, match=r"a\.csv:2: 'u' becomes 'you', and 'you' becomes 'thou'"):
        read_dictionaries(tmp_path, ("a.csv", "b.csv"))
    (tmp_path / "b.csv").write_text("shorthand,expansion\nyou,thou\nu,thou\n")
    assert read_dictionaries(tmp_path, ("a.csv", "b.csv")).expand("u you") == "thou thou"


def test_text_comes_back_composed() -> None:
    assert SHORTHAND.expand("cafe\u0301 u") == "café you"


def test_the_step_reads_its_dictionary_from_the_projects_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shorthand.csv").write_text(DICTIONARY, encoding="utf-8-sig")
    cleaned = expand("shorthand.csv").load(Resources(folder=tmp_path))(pa.array(["pls", None, ""]), {})
    assert cleaned.values.to_pylist() == ["please", None, ""]
    assert cleaned.reasons.null_count == 3
    monkeypatch.chdir(tmp_path)
    assert expand("shorthand.csv").one("pls call asap") == Cell(value="please call as soon as possible")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((("u", "you"), ("you", "thou")), "line 2: 'u' becomes 'you', and 'you' becomes 'thou'"),
        ((("a", "b"), ("b", "c x"), ("x", "d a")), "and 'x' becomes 'd a', and so on for ever"),
        ((("u", "you"), ("you all", "everybody")), "'u' becomes 'you', and 'you all' becomes 'everybody'"),
        ((("know", "be aware"), ("i be", "I am")), "'know' becomes 'be aware', and 'i be' becomes 'I am'"),
        ((("x", "y"), ("a y b", "c")), "'x' becomes 'y', and 'a y b' becomes 'c'"),
        ((("usa", "US"), ("US", "United States")), "'usa' becomes 'US', and 'US' becomes 'United States'"),
        ((("x", "y"), ("Y", "z")), "'x' becomes 'y', and 'Y' becomes 'z'"),
        ((("a", "a a"),), "'a' becomes 'a a', and so on for ever"),
        ((("c", "a b"), ("x a", "y")), "'c' becomes 'a b', and 'x a' becomes 'y'"),
        ((("to", "東京"), ("東京 駅", "x")), "'to' becomes '東京', and '東京 駅' becomes 'x'"),
        ((("at", "@"), ("u,@", "x")), "'at' becomes '@', and 'u,@' becomes 'x'"),
    ],
)
def test_an_entry_that_another_would_expand_is_refused_with_the_chain(
    entries: tuple[tuple[str, str], ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        dictionary(*entries)
    assert raised.value.mend == "Write out the last form in each entry, or take one of them out."


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the columns are shorthand,expansion,note (and owner, since, inside) and not none"),
        ("short,long\nu,you\n", 1, "and not short,long"),
        ("shorthand,expansion,notes\n", 1, "and not shorthand,expansion,notes"),
        ("shorthand,expansion\nu\n", 2, "line 2: 1 field under 2 columns"),
        ("shorthand,expansion\n\neg,for example, as such\n", 3, "line 3: 3 fields under 2 columns"),
        ("shorthand,expansion\nu,\n", 2, "shorthand or expansion is empty"),
        ("shorthand,expansion\nu,you\nU,thou\nu,thee\n", 4, "'u' already stands for 'you' (line 2)"),
        ("shorthand,expansion\nu,\u0301a\n", 2, "a combining mark stands at the start"),
        ("shorthand,expansion\nu,<b>\n", 2, "holds < or >"),
        ("# owner: me\nshorthand,expansion,inside\nu,you,no\n", 3, "inside is yes or empty, not 'no'"),
        ("shorthand,expansion,since\nu,you,today\n", 2, "since is a date like 2026-11-29, not 'today'"),
    ],
)
def test_a_dictionary_that_is_wrong_is_refused_with_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        parse_dictionary(text, file="shorthand.csv")
    assert str(raised.value.place) == f"shorthand.csv:{line}"
    assert raised.value.mend == "Mend these lines: an entry is shorthand,expansion,note, the note may be left out."


def test_a_word_that_only_a_run_holds_is_no_conflict() -> None:
    assert dictionary(("tky", "東京"), ("東京都", "Tokyo Metropolis"), ("京", "capital")).expand("tky") == "東京"


def test_every_fault_of_a_dictionary_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"line 2: .*line 3: .*line 4: "):
        parse_dictionary("shorthand,expansion\na\nb\nc\n", file="shorthand.csv")


def test_the_same_line_twice_is_one_entry() -> None:
    assert len(dictionary(("u", "you"), ("u", "you")).entries) == 1


def test_a_missing_or_unreadable_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.csv is not there"):
        expand("nowhere.csv").load(Resources(folder=tmp_path))
    (tmp_path / "latin.csv").write_bytes("shorthand,expansion\nmfg,mit freundlichen Grüßen\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8") as raised:
        expand("latin.csv").load(Resources(folder=tmp_path))
    assert raised.value.place is not None
    assert raised.value.place.line == 2


# Few characters, so that entries, texts and what is beside them often meet.
CHARACTERS = ["a", "b", "A", "B", "é", " ", " ", ".", ",", "-", "(", "@", "\u0301", "\u0338", "<", "ß", "\n", "&", ";"]
PIECES = st.lists(st.sampled_from([*CHARACTERS, "東", "京"]), max_size=8).map("".join)
ENTRIES = st.lists(st.tuples(PIECES, PIECES, st.sampled_from(["", "", "yes"])), max_size=4)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "ab", "bc", "é"]), min_size=1, max_size=3).map(" ".join)


@settings(deadline=None)
@given(
    st.lists(st.tuples(PIECES, PIECES, st.sampled_from(["", "", "yes"])), max_size=4),
    st.lists(PIECES, max_size=4).map("".join),
)
def test_expanding_again_changes_nothing(entries: list[tuple[str, str, str]], written: str) -> None:
    lines = "".join(f'"{a}","{b}",{c}\n' for a, b, c in entries)
    try:
        found = parse_dictionary(f"shorthand,expansion,inside\n{lines}", file="test.csv")
    except ConfigError:
        assume(False)
    once = found.expand(written)
    assert once is None or found.expand(once) == once


@settings(deadline=None)
@given(
    st.dictionaries(WORDS, st.sampled_from(["one", "two words", "x y z"]), max_size=5),
    st.lists(st.sampled_from(["a", "b", "c", "ab", "bc", "é", "A", "AB", ", ", " ", " ", ". "])).map("".join),
)
def test_it_does_what_a_plain_regular_expression_does(entries: dict[str, str], written: str) -> None:
    longest_first = [r"\s+".join(key.split()) for key in sorted(entries, key=len, reverse=True)]
    plain = re.compile(rf"(?<!\w)({'|'.join(longest_first) or '(?!)'})(?!\w)", re.IGNORECASE)

    def replacement(found: re.Match[str]) -> str:
        expansion = entries[" ".join(found[0].lower().split())]
        is_title = found[0][0].isupper() and not any(map(str.isupper, found[0][1:]))
        return expansion[0].upper() + expansion[1:] if is_title else expansion

    assert dictionary(*entries.items()).expand(written) == plain.sub(replacement, written)


SPACED = st.lists(st.sampled_from(["a", "b", "c", "A", ",", " ", " ", "  ", "\n", "<a b>", "東", "&a;"]), max_size=12)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(WORDS, PIECES), st.sampled_from(["x", "y z"]), st.sampled_from(["", "yes"])), max_size=5
    ),
    st.lists(st.one_of(st.none(), SPACED.map("".join)), max_size=6),
)
def test_a_column_is_expanded_as_its_cells_are(entries: list[tuple[str, str, str]], column: list[str | None]) -> None:
    lines = "".join(f'"{a}","{b}",{c}\n' for a, b, c in entries)
    try:
        found = parse_dictionary(f"shorthand,expansion,inside\n{lines}", file="test.csv")
    except ConfigError:
        assume(False)
    cleaned = ExpandTexts(found)(pa.array(column, pa.string()), {})
    assert cleaned.values.to_pylist() == [cell if cell is None else found.expand(cell) for cell in column]


def test_many_texts_that_all_differ_are_expanded_as_each_alone() -> None:
    random = Random(1)
    words = ["pls", "u", "as", "far", "as,", "i", "know", "Us", "US", "", "x\ny", "(c)", "é", "<b", "c>", "w/o", "東京"]
    texts = [f"{' '.join(random.choices(words, k=9))} {number}" for number in range(3_000)]
    cleaned = ExpandTexts(SHORTHAND)(pa.array(texts), {})
    assert cleaned.values.to_pylist() == [SHORTHAND.expand(text) for text in texts]
    assert cleaned.reasons.null_count == 3_000


def test_each_replacement_is_traced_to_its_entry(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("shorthand,expansion\nu,you\nas far,so far\nme,me\n")
    (tmp_path / "b.csv").write_text("shorthand,expansion\nu,thou\n")
    step = expansions("a.csv", "b.csv", into="entries")
    assert step.target("note") == "entries"
    traced = step.load(Resources(folder=tmp_path))(pa.array(["U go as far me", "", None]), {})
    assert traced.values.to_pylist() == [["b.csv:2 u", "a.csv:3 as far"], [], None]


@pytest.mark.realdata
def test_real_messages_lose_nothing_but_their_shorthand(realdata: Path) -> None:
    messages = (realdata / "sms_messages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    expanded = ExpandTexts(SHORTHAND)(pa.array(messages), {}).values.to_pylist()
    assert len(messages) == 5_574
    assert expanded == [SHORTHAND.expand(message) for message in messages]
    assert sum(a != b for a, b in zip(messages, expanded, strict=True)) > 1_000
    assert ExpandTexts(SHORTHAND)(pa.array(expanded), {}).values.to_pylist() == expanded


@pytest.mark.timeout(30)  # of a text without spaces each place was once compared with all that follow: minutes
@pytest.mark.parametrize("mark", ["-", "東京", "<b>", "."])
def test_a_text_of_a_hundred_thousand_marks_is_read_in_one_go(mark: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    function = expand("s.csv").load(Resources(folder=tmp_path))
    assert function(pa.array([mark * 100_000 + " pls"]), {}).values.to_pylist() == [mark * 100_000 + " please"]

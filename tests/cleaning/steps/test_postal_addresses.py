from __future__ import annotations

import pytest

from pumphouse.cleaning import col, postal_address


@pytest.mark.parametrize(
    ("written", "address", "extra"),
    [
        (
            "123 Main St Apt 4, Springfield Illinois 62701",
            "123 Main St Apt 4, Springfield, IL 62701",
            {"number": "123", "street": "Main St", "unit": "Apt 4", "city": "Springfield", "region": "IL",
             "postcode": "62701"},
        ),
        (
            "350 Fifth Avenue, New York, N.Y. 10118, USA",
            "350 Fifth Avenue, New York, NY 10118",
            {"number": "350", "street": "Fifth Avenue", "city": "New York", "region": "NY", "postcode": "10118"},
        ),
        (
            "PO Box 12\nBoston MA",
            "PO Box 12, Boston, MA",
            {"street": "PO Box 12", "city": "Boston", "region": "MA"},
        ),
    ],
)  # fmt: skip
def test_an_address_is_written_on_a_line_and_taken_apart(written: str, address: str, extra: dict[str, str]) -> None:
    cell = postal_address(default="US").one(written)
    assert (cell.value, cell.extra, cell.reason) == (address, extra, None)
    assert postal_address(default="US").one(address).extra == extra


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("123 Main St", "no city"),
        ("123 Main St, Springfield, IL 10001", "a ZIP code that is none of IL"),
        ("123 Main St, Springfield, XX 62701", "no such state"),
        ("Broadway and 5th, New York NY", "no number and street"),
        ("c/o Max, 1 Main St, Boston MA 02101", "more in it than an address"),
        ("x" * 301, "longer than an address"),
    ],
)
def test_what_is_not_sure_is_declined_with_the_reason(written: str, reason: str) -> None:
    assert postal_address(default="US").one(written).reason == reason


def test_addresses_of_other_countries_are_declined_for_what_they_are() -> None:
    step = postal_address(country=col.country, default="US")
    assert step.one("Hauptstr. 5, 10115 Berlin", country="DE").reason == "addresses of DE can't be taken apart for sure"
    assert step.one("1 Main St, Boston MA", country=None).value == "1 Main St, Boston, MA"
    assert postal_address().one("1 Main St, Boston MA").reason == "no country to read it by"
    with pytest.raises(TypeError, match=r"country=col\.country"):
        postal_address(country="US")  # type: ignore[arg-type]

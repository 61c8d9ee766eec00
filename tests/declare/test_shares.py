from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.declare.shares import place, places


@settings(deadline=None)
@given(name=st.text(max_size=20), units=st.lists(st.text(max_size=20), max_size=20))
def test_many_units_lie_where_each_does(name: str, units: list[str]):
    assert places(name, units).tolist() == [place(name, unit) for unit in units]


@given(name=st.text(max_size=20), unit=st.text(max_size=20))
def test_a_place_is_on_the_line(name: str, unit: str):
    assert 0 <= place(name, unit) <= 1


def test_places_are_the_same_for_ever():
    """Computed by hand from SHA-256 of b"returns_live\\x007"."""
    assert place("returns_live", "7") == 0x56A72D7804AEDF4E / 2**64

from __future__ import annotations

import pytest

from pumphouse.cleaning import mask


@pytest.mark.parametrize(
    ("keep", "written", "masked"),
    [
        (4, "4111 1111 1111 1111", "***************1111"),
        (4, "abcd", "**cd"),  # never more than half
        (4, "a", "*"),
        (0, "Max", "***"),
        (2, " 東京都 ", "**都"),
        (4, 4111111111111111, "************1111"),
    ],
)
def test_all_but_the_last_characters_become_stars(keep: int, written: object, masked: str) -> None:
    assert mask(keep=keep).one(written).value == masked


def test_a_gap_stays_one() -> None:
    assert mask().one(" ").value is None


def test_how_much_is_kept_is_bounded() -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        mask(keep=-1)

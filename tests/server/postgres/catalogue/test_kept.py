from __future__ import annotations

import pytest

from pumphouse.server.postgres.catalogue.kept import Kept


def test_what_failed_is_made_again_and_what_was_used_last_is_kept() -> None:
    kept: Kept[str, int] = Kept(most=2)
    made: list[str] = []

    def make(key: str) -> int:
        made.append(key)
        return len(made)

    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: make(key))  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]

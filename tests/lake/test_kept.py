from __future__ import annotations

from pumphouse.lake.kept import Kept


def test_what_was_asked_for_last_is_kept() -> None:
    kept: Kept[str, int] = Kept(2)
    made = [kept.of(name, lambda name=name: ord(name)) for name in "abab"]  # type: ignore[misc]
    assert (made, list(kept)) == ([97, 98, 97, 98], ["a", "b"])
    kept.get("a")
    kept.put("c", 99)
    assert list(kept) == ["a", "c"]
    kept.drop("a")
    kept.drop("a")
    assert (kept.get("a"), list(kept)) == (None, ["c"])

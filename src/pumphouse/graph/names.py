"""Which names assets may have, and that no two have the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pumphouse.errors import Fault
from pumphouse.graph.drafts import Draft
from pumphouse.graph.moments import MOMENTS

RESERVED = frozenset({MOMENTS, "information_schema", "main", "temp"})
"""What a feature is asked about, and DuckDB's own schemas."""
LENGTH_MAX = 100


def name_faults(drafts: Iterable[Draft]) -> Iterator[Fault]:
    """A fault for each name that can't be one, and for each used again. Names differ by more than case, as in SQL."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        what, mend = _wrong(draft.name)
        if what:
            yield Fault(what=what, place=draft.place, mend=mend, asset=draft.name)
        other = first.setdefault(draft.name.lower(), draft)
        if other is not draft:
            spelled = "" if other.name == draft.name else f" as '{other.name}'"
            yield Fault(
                what=f"'{draft.name}' is declared twice: here and at {other.place}{spelled}",
                place=draft.place,
                mend="Rename one of them.",
                asset=draft.name,
            )


def _wrong(name: str) -> tuple[str, str]:
    if name.lower() in RESERVED:
        return f"'{name}' is a reserved name", "Give it another name."
    if name.startswith("_"):
        return (
            f"'{name}' starts with an underscore, as the lake's own columns do",
            f"Name it '{name.strip('_') or 'x'}'.",
        )
    if "__" in name:
        mend = f"Name it '{name.replace('__', '_')}'."
        return f"'{name}' has two underscores in a row, as names that Pumphouse makes do", mend
    if not name.isidentifier():
        return f"'{name}' can't be a name in SQL and Python", "Use letters, digits and single underscores."
    if len(name) > LENGTH_MAX:
        return f"a name has at most {LENGTH_MAX} characters, not {len(name)}", "Shorten it."
    return "", ""

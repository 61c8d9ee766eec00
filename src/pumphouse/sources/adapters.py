"""Rows of other tools' sources, for a function that yields them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def from_dlt(resource: Any) -> Iterator[Any]:  # of a library that is no dependency of ours
    """The rows of a dlt resource: dicts, lists of dicts, or Arrow, as the resource yields them.

    Of a dlt source, name one resource: `from_dlt(github().resources["issues"])`. What dlt keeps for itself (its state,
    its incremental cursor) is not kept: the cursor of the table is given as `since`. Raises TypeError for a source of
    several.

    For example:

        @ph.source(key="id", cursor="updated_at")
        def raw_issues(since: ph.Cursor):
            yield from from_dlt(github_issues(updated_since=str(since)))
    """
    resources = getattr(resource, "selected_resources", None)
    if resources is not None:
        if len(resources) != 1:
            raise TypeError(
                f"a dlt source has {len(resources)} resources; name one of {', '.join(resources)}:"
                ' from_dlt(source.resources["..."])'
            )
        (resource,) = resources.values()
    for rows in resource:
        yield rows.model_dump() if hasattr(rows, "model_dump") else rows

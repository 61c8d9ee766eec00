"""What each column of a table means, where the room that built it knows: carried with the build, as of its snapshot."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.builds import Build
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake

_DETAIL = "column_docs"


def keep_column_docs(commit: Commit, lake: Lake, docs: Mapping[str, str]) -> None:
    """Let a build say what its table's columns mean. The same texts are stored once, however many builds say them."""
    commit.detail(**{_DETAIL: lake.blobs.put(msgspec.json.encode(dict(docs)))})


def column_docs(lake: Lake, build: Build) -> dict[str, str]:
    """What the columns of a build's table mean, by name; of those that nobody described, nothing."""
    sha = build.detail.get(_DETAIL)
    try:
        return msgspec.json.decode(lake.blobs.get(sha), type=dict[str, str]) if sha else {}
    except (UnknownName, LakeError):  # the bytes are gone: the table stands without them
        return {}


def docs_of(lake: Lake, table: str, *, snapshot: int) -> Mapping[str, str]:
    """What a table's columns mean at a snapshot, by name; where this lake did not build it, as the one above says."""
    built = [build for build in lake.history(table) if build.snapshot <= snapshot]
    if built:
        return column_docs(lake, built[-1])
    above = lake.upstream
    if above is None:
        return {}
    return docs_of(above, table, snapshot=above.snapshot() if above.pinned is None else above.pinned)

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

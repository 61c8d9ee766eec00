"""Declaring tables whose rows arrive as messages of Singer or Airbyte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Part, names, place_of_caller, refuse_unknown, time_of

OPTIONS = ("key", "cursor", "time", "required", "doc", "history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Spec of kind "messages": one stream of those that arrive together."""

    stream: str
    cursor: str | None
    history: bool


def messages(streams: Mapping[str, Mapping[str, Any]]) -> Declaration:  # options are as those of other sources
    """Tables from a stream of Singer or Airbyte messages, each an asset named `<variable>_<stream>`.

    `streams` maps the name of a stream to its `key`, `cursor`, `time`, `required`, `history` and `doc`, all optional;
    they mean what they mean for any source. Messages arrive on the standard input of `pumphouse receive VARIABLE`.

    For example, the assets `shop_orders` and `shop_staff`, filled by `tap-shop | pumphouse receive shop`:

        shop = ph.messages({"orders": {"key": "id", "cursor": "updated_at"}, "staff": {}})
    """
    parts = []
    for stream, options in streams.items():
        refuse_unknown(options, OPTIONS, what=f"stream '{stream}' has")
        parts.append(
            Part(
                suffix="".join(char if char.isalnum() else "_" for char in stream),
                spec=Messages(stream=stream, cursor=options.get("cursor"), history=options.get("history", False)),
                common=Common(
                    doc=options.get("doc", ""),
                    key=names(options.get("key")),
                    required=names(options.get("required")),
                    time=time_of(options.get("time")),
                ),
            )
        )
    return Declaration(kind="messages", spec=None, common=Common(), place=place_of_caller(), parts=tuple(parts))

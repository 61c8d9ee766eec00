"""Which format somebody wants: by the ending of the address, or by the headers Accept and Accept-Encoding."""

from __future__ import annotations

from pumphouse.errors import BadRequest, UnknownName, did_you_mean
from pumphouse.server.formats.binary import arrow, parquet
from pumphouse.server.formats.form import Format
from pumphouse.server.formats.text import csv, json, json_lines
from pumphouse.server.formats.xlsx import xlsx
from pumphouse.server.replies import NotAcceptable

ARROW = Format(name="arrow", media="application/vnd.apache.arrow.stream", parts=arrow)
JSON = Format(name="json", media="application/json", parts=json, is_text=True)
FORMATS = (
    JSON,
    ARROW,
    Format(name="csv", media="text/csv", parts=csv, is_text=True),
    Format(
        name="jsonl",
        media="application/x-ndjson",
        aliases=("application/jsonl", "application/x-jsonlines"),
        parts=json_lines,
        is_text=True,
    ),
    Format(
        name="parquet",
        media="application/vnd.apache.parquet",
        aliases=("application/parquet", "application/x-parquet"),
        parts=parquet,
    ),
    Format(
        name="xlsx",
        media="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        parts=xlsx,
    ),
)
COMPRESSIONS = ("lz4", "zstd")
ENCODINGS = ("zstd", "gzip")
RANGES_MAX = 32
"""So many alternatives of a header are looked at."""


def ending_of(name: str) -> tuple[str, Format | None]:
    """The name of an address without the ending that says its format."""
    stem, _, ending = name.rpartition(".")
    found = next((one for one in FORMATS if one.name == ending), None)
    return (stem, found) if found and stem else (name, None)


def no_format(ending: str) -> UnknownName:
    """What to say of an address with an ending that is no format's."""
    names = [one.name for one in FORMATS]
    near = did_you_mean(ending, names)
    mend = f"{near + ' ' if near else ''}There are {', '.join(names)}."
    return UnknownName(f"there is no format '{ending[:40]}'", mend=mend)


def accepted(header: str) -> tuple[Format, str | None]:
    """The format that is wanted most, and Arrow's compression with it. Raises NotAcceptable where we have none."""
    ranges = sorted(_ranges(header or "*/*"), key=lambda one: (-one[2], one[0].endswith("*")))
    for media, parameters, quality in ranges:
        for one in FORMATS:
            if quality > 0 and _matches(media, one):
                compression = parameters.get("codecs") if one is ARROW else None
                return one, None if compression is None else compression_of(compression)
    raise NotAcceptable(
        f"rows can't be had as {header[:80]}",
        mend=f"Accept one of {', '.join(one.media for one in FORMATS)}.",
    )


def compression_of(name: str) -> str:
    """The compression of Arrow's buffers. Raises BadRequest where there is none of this name."""
    if name not in COMPRESSIONS:
        raise BadRequest(f"Arrow can't be compressed by '{name[:40]}'", mend=f"Use {' or '.join(COMPRESSIONS)}.")
    return name


def encoding_of(header: str) -> str | None:
    """How text may be compressed on its way, or None."""
    taken = {name: quality for name, _, quality in _ranges(header)}
    return next((one for one in ENCODINGS if taken.get(one, taken.get("*", 0.0)) > 0), None)


def _matches(media: str, one: Format) -> bool:
    if media.endswith("/*"):
        return media == "*/*" or one.media.startswith(media[:-1])
    return media == one.media or media in one.aliases


def _ranges(header: str) -> list[tuple[str, dict[str, str], float]]:
    """What a header lists, each with its parameters and its quality."""
    found = []
    for part in header.split(",")[:RANGES_MAX]:
        name, *rest = (piece.strip() for piece in part.split(";"))
        pairs = (piece.partition("=") for piece in rest)
        parameters = {key.strip().lower(): value.strip().strip('"').lower() for key, _, value in pairs}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        found.append((name.lower(), parameters, quality))
    return found

"""A whole column of numbers at once: digits, one decimal mark, groups of thousands, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pumphouse.cleaning.dates.columns import Parts, mask
from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.libraries import numpy
from pumphouse.cleaning.numbers.reader import LENGTH_MAX, MARKS, SPACES

if TYPE_CHECKING:
    import pyarrow as pa

AROUND_MAX, FRAMES_MAX, DIGITS_MAX = 8, 1_000, 15
"""Letters around a number; different texts around numbers; and digits that every DOUBLE holds."""
FRAMED = re.compile(
    rf"(?P<before>[^0-9]{{0,{AROUND_MAX}}})"
    rf"(?P<number>[0-9](?:[0-9.,' {''.join(map(chr, SPACES))}]*[0-9])?)"
    rf"(?P<after>[^0-9]{{0,{AROUND_MAX}}})",
    re.DOTALL,
)
BETWEEN = "1"
GROUPS = {".": ", '", ",": ". '"}
"""The marks that may stand between thousands, by the decimal mark."""


class Plain(NamedTuple):
    """By row the number that is written there, where that is sure, without its sign. All are numpy's arrays."""

    where: Any
    digits: Any  # whole numbers
    places: Any  # how many of the digits are decimals
    frames: list[str]
    """What stands around numbers, with a 1 in place of each: "(1)", "-1 USD"."""
    codes: Any
    """Where in `frames` a row's own stands."""
    only: dict[str, Any]
    """By decimal mark the rows that can only have been written with it."""


def plain_numbers(written: pa.Array, *, decimal: str | None) -> Plain:
    """The numbers of a column of text, without their signs, as the decimal mark says, or both of them."""
    import pyarrow.compute as pc

    np = numpy("number")
    short = pc.if_else(pc.less_equal(pc.utf8_length(written), LENGTH_MAX), written, None)
    framed = Parts(pc.utf8_trim(short, characters=AROUND), FRAMED)
    frames = pc.binary_join_element_wise(framed.text("before"), framed.text("after"), BETWEEN).dictionary_encode()
    number = framed.text("number")
    for space, plain in SPACES.items():
        if not pc.all(pc.string_is_ascii(number), min_count=0).as_py():
            number = pc.replace_substring(number, chr(space), plain)
    readings = {mark: _by_mark(number, mark) for mark in MARKS if decimal in (mark, None)}
    first, *others = readings.values()
    where, digits, places = first.where, first.digits, first.places
    for other in others:
        same = (other.digits == digits) & (other.places == places)
        where = np.where(other.reads, other.where & (~first.reads | (same & where)), where)
        digits, places = (np.where(first.reads, *both) for both in ((digits, other.digits), (places, other.places)))
    codes = frames.indices.fill_null(0).to_numpy(zero_copy_only=False)
    listed = frames.dictionary
    where = where & (codes < FRAMES_MAX)
    only = {
        mark: where & one.reads & ~np.logical_or.reduce([its.reads for its in readings.values() if its is not one])
        for mark, one in readings.items()
    }
    return Plain(where, digits, places, listed[:FRAMES_MAX].to_pylist(), np.minimum(codes, FRAMES_MAX - 1), only)


def signs_of(plain: Plain, read: Callable[[str], Decimal | None]) -> Any:
    """By row 1 or -1, and 0 where what stands around the number is more than a sign, as `read` has it."""
    signs = [int(value) if (value := read(frame)) in (1, -1) else 0 for frame in plain.frames]
    return numpy("number").array(signs or [0])[plain.codes]


class Reading(NamedTuple):
    """The numbers by one decimal mark: which are some, and which of these are sure to be held."""

    reads: Any
    where: Any
    digits: Any
    places: Any


def _by_mark(number: pa.Array, mark: str) -> Reading:
    import pyarrow as pa
    import pyarrow.compute as pc

    np = numpy("number")
    groups = "|".join(f"(?:{re.escape(group)}[0-9]{{3}})+" for group in GROUPS[mark])
    lakh = "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if mark == "." else ""
    pattern = rf"(?P<whole>[0-9]+|[1-9][0-9]{{0,2}}(?:{groups}){lakh})(?:{re.escape(mark)}(?P<fraction>[0-9]+))?"
    parts = Parts(number, re.compile(pattern))
    zero = np.zeros(len(number), dtype=np.int64)
    if not parts.fits.any():
        return Reading(parts.fits, parts.fits, zero, zero)
    whole, fraction = parts.text("whole"), parts.text("fraction")
    for group in GROUPS[mark]:
        whole = pc.replace_substring(whole, group, "")
    digits = pc.binary_join_element_wise(whole, fraction, "")
    is_zero_led = mask(pc.and_(pc.starts_with(whole, "0"), pc.greater(pc.binary_length(whole), 1)))
    where = parts.fits & ~is_zero_led & mask(pc.less_equal(pc.binary_length(digits), DIGITS_MAX))
    held = pc.cast(pc.if_else(pa.array(where), digits, "0"), pa.int64())
    places = pc.fill_null(pc.binary_length(fraction), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return Reading(parts.fits, where, held.to_numpy(zero_copy_only=False), places)
